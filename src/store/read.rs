//! Reading a run back, trusting nothing in it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use rayon::prelude::*;
use serde::Deserialize;

use super::{EVENTS_FILE, RUN_FILE, StoreError, TRACES_DIR, open, validate};
use crate::model::{Event, Outcome, Run, RunEnd, RunRecord, SCHEMA_VERSION, Sample, Slot};
use crate::trace::rawjson;

/// Bytes of a line; an event is a few kilobytes.
const MAX_LINE: u64 = 16 * 1024 * 1024;
/// Bytes of `run.json`; the plan of the largest run has a tenth of it.
const MAX_RECORD: u64 = 64 * 1024 * 1024;
/// Bytes of `events.jsonl`; what comes after is a line that is cut off.
const MAX_EVENTS: u64 = 1024 * 1024 * 1024;
/// Bytes that are read at once.
const BUFFER: usize = 64 * 1024;
/// Warnings that are kept of a run.
const MAX_WARNINGS: usize = 10_000;

/// A run as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    /// Folder of the run's files.
    pub dir: PathBuf,
    /// The run.
    pub run: Run,
}

/// Reads the run in a folder, without its traces.
///
/// A last line of the events that a crash cut off is dropped with a warning.
/// Anything else that buildrace did not write is an error, as is a later
/// version of the files.
///
/// # Errors
/// A file cannot be read, or is not what buildrace writes; the error names it.
pub fn read_run(dir: &Path) -> Result<StoredRun, StoreError> {
    let path = dir.join(RUN_FILE);
    let record = read_record(&path)?;
    let slots = validate::slots(&record).map_err(|problem| StoreError::Malformed {
        path,
        line: 1,
        problem,
    })?;
    let Told {
        samples,
        end,
        resumed,
        warnings,
        began,
        ..
    } = read_events(&dir.join(EVENTS_FILE), &record.run, &slots)?;
    Ok(StoredRun {
        dir: dir.to_owned(),
        run: Run {
            record,
            samples,
            end,
            resumed,
            warnings,
            began,
        },
    })
}

/// Reads many runs without their traces, and keeps what `each` makes of them,
/// in the order of `dirs`. One that cannot be read is an error in its place,
/// which names the file, and hides no other.
///
/// Runs are read on all cores, and `each` is called there: whatever it leaves
/// out of its answer is in memory for one run a core at a time.
///
/// ```
/// use buildrace::store::{read_runs, runs};
/// # let results = std::path::Path::new("results");
///
/// let dirs = runs(results);
/// let samples = read_runs(&dirs, |stored| stored.run.samples.len());
/// for (dir, samples) in dirs.iter().zip(samples) {
///     match samples {
///         Ok(samples) => println!("{}: {samples} samples", dir.display()),
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// ```
pub fn read_runs<T: Send>(
    dirs: &[PathBuf],
    each: impl Fn(StoredRun) -> T + Sync,
) -> Vec<Result<T, StoreError>> {
    let read = |dir: &PathBuf| read_run(dir).map(&each);
    dirs.par_iter().map(read).collect()
}

/// What the events of a run say, as far as they are read.
#[derive(Default)]
struct Told<'r> {
    samples: Vec<Sample>,
    end: Option<RunEnd>,
    resumed: Vec<Timestamp>,
    warnings: Vec<String>,
    /// When builds of samples began.
    began: BTreeMap<String, Timestamp>,
    /// Ids of the samples that are there.
    there: HashSet<&'r str>,
    /// Those of them that nothing may take the place of.
    stay: HashSet<&'r str>,
}

fn read_events<'r>(
    path: &Path,
    run: &str,
    slots: &HashMap<&'r str, &'r Slot>,
) -> Result<Told<'r>, StoreError> {
    let file = open::to_read(path).map_err(StoreError::read(path))?;
    let mut input = BufReader::with_capacity(BUFFER, file.take(MAX_EVENTS));
    let mut told = Told::default();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        (&mut input)
            .take(MAX_LINE)
            .read_until(b'\n', &mut bytes)
            .map_err(StoreError::read(path))?;
        if bytes.is_empty() {
            break;
        }
        let malformed = |problem: String| StoreError::Malformed {
            path: path.to_owned(),
            line,
            problem,
        };
        let event = match parse(&bytes) {
            Ok(event) => event,
            Err(_) if !bytes.ends_with(b"\n") && (bytes.len() as u64) < MAX_LINE => {
                told.warnings.push(format!(
                    "{EVENTS_FILE}:{line} was cut off and is left out: the run was stopped while writing it"
                ));
                break;
            }
            Err(error) => return Err(malformed(describe(&error))),
        };
        told.take(event, run, slots).map_err(malformed)?;
    }
    Ok(told)
}

/// Reads an event. Most are finished samples, and by far the longest: read as one
/// of several kinds, all of it would be held in pieces before it is understood.
fn parse(line: &[u8]) -> serde_json::Result<Event> {
    #[derive(Deserialize)]
    struct Kind<'l> {
        #[serde(borrow)]
        event: Cow<'l, str>,
    }
    #[derive(Deserialize)]
    struct Finished {
        at: Timestamp,
        sample: Sample,
    }
    if serde_json::from_slice::<Kind<'_>>(line)?.event != "sample-finished" {
        return serde_json::from_slice(line);
    }
    let Finished { at, sample } = serde_json::from_slice(line)?;
    Ok(Event::SampleFinished { at, sample })
}

impl<'r> Told<'r> {
    /// Takes an event in.
    ///
    /// # Errors
    /// What is wrong with the event.
    fn take(
        &mut self,
        event: Event,
        run: &str,
        slots: &HashMap<&'r str, &'r Slot>,
    ) -> Result<(), String> {
        match event {
            Event::RunStarted { run: id, .. } | Event::RunResumed { run: id, .. } if id != run => {
                return Err(format!("it is of run {id:?}, and {RUN_FILE} of {run:?}"));
            }
            Event::RunResumed { at, .. } => self.resume(at, slots),
            Event::SampleFinished { sample, .. } => {
                let id = validate::sample(&sample, slots)?.id.as_str();
                if !self.stay.insert(id) {
                    return Err(format!("sample {id:?} is there twice"));
                }
                if !self.there.insert(id) {
                    self.samples.retain(|before| before.slot.id != id);
                }
                self.samples.push(sample);
            }
            Event::Warning { message, .. } if self.warnings.len() < MAX_WARNINGS => {
                self.warnings.push(message);
            }
            Event::RunFinished { end, .. } => self.end = Some(end),
            // One that is not in the plan says nothing of the run.
            Event::SampleStarted { at, sample } if slots.contains_key(sample.as_str()) => {
                self.began.insert(sample, at);
            }
            Event::RunStarted { .. }
            | Event::SampleStarted { .. }
            | Event::Rounds { .. }
            | Event::Warning { .. } => {}
        }
        Ok(())
    }

    /// The run had been cut off, and goes on.
    fn resume(&mut self, at: Timestamp, slots: &HashMap<&'r str, &'r Slot>) {
        self.resumed.push(at);
        self.end = None;
        // What was interrupted has not been built yet.
        self.samples
            .retain(|sample| sample.outcome != Outcome::Interrupted);
        // What lost the builder stays until it is built again: runs of
        // before this was done have nothing in its place.
        let id = |sample: &Sample| slots.get(sample.slot.id.as_str()).map(|s| s.id.as_str());
        let stays = |sample: &&Sample| is_result(&self.samples, sample);
        self.there = self.samples.iter().filter_map(id).collect();
        self.stay = self.samples.iter().filter(stays).filter_map(id).collect();
    }
}

/// Whether a sample stays as it is when its run goes on: an interrupted one and
/// one that lost the builder say nothing of their build, nor does one that was
/// skipped for that.
pub(super) fn is_result(samples: &[Sample], sample: &Sample) -> bool {
    match sample.outcome {
        Outcome::Interrupted | Outcome::LostBuilder => false,
        Outcome::Skipped => !samples.iter().any(|other| {
            other.outcome == Outcome::LostBuilder
                && (other.slot.round, &other.slot.scenario, &other.slot.variant)
                    == (
                        sample.slot.round,
                        &sample.slot.scenario,
                        &sample.slot.variant,
                    )
        }),
        _ => true,
    }
}

/// Folders of the runs in a folder, the newest last: their names begin with
/// the time. None where it cannot be read.
pub fn runs(results: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(results).into_iter().flatten().flatten();
    let mut runs: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join(RUN_FILE).is_file())
        .collect();
    runs.sort();
    runs
}

/// Where the recorded status stream of a sample is, if it has one.
pub fn trace_path(dir: &Path, sample: &str) -> Result<PathBuf, StoreError> {
    validate::name(sample)?;
    Ok(dir.join(TRACES_DIR).join(format!("{sample}.rawjson.gz")))
}

/// The recorded status stream of a sample.
pub fn read_trace(
    dir: &Path,
    sample: &str,
) -> Result<rawjson::Reader<impl Read + use<>>, StoreError> {
    let path = trace_path(dir, sample)?;
    let file = open::to_read(&path).map_err(StoreError::read(&path))?;
    Ok(rawjson::Reader::new(MultiGzDecoder::new(BufReader::new(
        file,
    ))))
}

fn read_record(path: &Path) -> Result<RunRecord, StoreError> {
    /// All that a reader needs to know before it trusts the rest.
    #[derive(Deserialize)]
    struct Version {
        schema: u64,
    }

    let file = open::to_read(path).map_err(StoreError::read(path))?;
    let mut bytes = Vec::new();
    file.take(MAX_RECORD + 1)
        .read_to_end(&mut bytes)
        .map_err(StoreError::read(path))?;
    if bytes.len() as u64 > MAX_RECORD {
        let source = io::Error::other(format!(
            "more than {MAX_RECORD} bytes are too many for a run's record"
        ));
        return Err(StoreError::read(path)(source));
    }
    let malformed = |error: serde_json::Error| StoreError::Malformed {
        path: path.to_owned(),
        line: error.line() as u64,
        problem: describe(&error),
    };
    let Version { schema } = serde_json::from_slice(&bytes).map_err(malformed)?;
    if schema > u64::from(SCHEMA_VERSION) {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found: schema,
        });
    }
    serde_json::from_slice(&bytes).map_err(malformed)
}

/// A parser's complaint on one line, without the position within the text
/// that it was given: the file's line is told beside it. What it quotes of
/// the file may hold anything.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    crate::escape::terminal(text, 300)
}
