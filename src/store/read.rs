//! Reading a run back, trusting nothing in it.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::{EVENTS_FILE, RUN_FILE, StoreError, TRACES_DIR, open, validate};
use crate::model::{Event, Outcome, Run, RunRecord, SCHEMA_VERSION, Sample, Slot};
use crate::trace::rawjson;

/// Bytes of a line; an event is a few kilobytes.
const MAX_LINE: u64 = 16 * 1024 * 1024;
/// Bytes of `run.json`; the plan of the largest run has a tenth of it.
const MAX_RECORD: u64 = 64 * 1024 * 1024;
/// Bytes of `events.jsonl`; what comes after is a line that is cut off.
const MAX_EVENTS: u64 = 1024 * 1024 * 1024;
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

/// Reads the run in a folder.
///
/// A last line of the events that a crash cut off is dropped with a warning.
/// Anything else that buildrace did not write is an error, as is a later
/// version of the files.
pub fn read_run(dir: &Path) -> Result<StoredRun, StoreError> {
    let path = dir.join(RUN_FILE);
    let record = read_record(&path)?;
    let slots = validate::slots(&record).map_err(|problem| StoreError::Malformed {
        path,
        line: 1,
        problem,
    })?;
    let mut run = Run::new(record);
    let path = dir.join(EVENTS_FILE);
    let file = open::to_read(&path).map_err(StoreError::read(&path))?;
    let mut input = BufReader::new(file.take(MAX_EVENTS));
    let mut seen = BTreeSet::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        (&mut input)
            .take(MAX_LINE)
            .read_until(b'\n', &mut bytes)
            .map_err(StoreError::read(&path))?;
        if bytes.is_empty() {
            break;
        }
        let malformed = |problem: String| StoreError::Malformed {
            path: path.clone(),
            line,
            problem,
        };
        let event: Event = match serde_json::from_slice(&bytes) {
            Ok(event) => event,
            Err(_) if !bytes.ends_with(b"\n") && (bytes.len() as u64) < MAX_LINE => {
                run.warnings.push(format!(
                    "{EVENTS_FILE}:{line} was cut off and is left out: the run was stopped while writing it"
                ));
                break;
            }
            Err(error) => return Err(malformed(describe(&error))),
        };
        take(&mut run, event, &slots, &mut seen).map_err(malformed)?;
    }
    Ok(StoredRun {
        dir: dir.to_owned(),
        run,
    })
}

/// Takes an event into the run. `seen` are ids of the samples that nothing may
/// take the place of.
///
/// # Errors
/// What is wrong with the event.
fn take(
    run: &mut Run,
    event: Event,
    slots: &HashMap<String, Slot>,
    seen: &mut BTreeSet<String>,
) -> Result<(), String> {
    match event {
        Event::RunStarted { run: id, .. } | Event::RunResumed { run: id, .. }
            if id != run.record.run =>
        {
            return Err(format!(
                "it is of run {id:?}, and {RUN_FILE} of {:?}",
                run.record.run
            ));
        }
        Event::RunResumed { at, .. } => {
            run.resumed.push(at);
            run.end = None;
            // What was interrupted has not been built yet.
            run.samples
                .retain(|sample| sample.outcome != Outcome::Interrupted);
            // What lost the builder stays until it is built again: runs of
            // before this was done have nothing in its place.
            let stays = |sample: &&Sample| is_result(&run.samples, sample);
            let stays = run.samples.iter().filter(stays);
            *seen = stays.map(|sample| sample.slot.id.clone()).collect();
        }
        Event::SampleFinished { sample, .. } => {
            validate::sample(&sample, slots)?;
            if !seen.insert(sample.slot.id.clone()) {
                return Err(format!("sample {:?} is there twice", sample.slot.id));
            }
            run.samples
                .retain(|before| before.slot.id != sample.slot.id);
            run.samples.push(sample);
        }
        Event::Warning { message, .. } if run.warnings.len() < MAX_WARNINGS => {
            run.warnings.push(message);
        }
        Event::RunFinished { end, .. } => run.end = Some(end),
        // One that is not in the plan says nothing of the run.
        Event::SampleStarted { at, sample } if slots.contains_key(&sample) => {
            run.began.insert(sample, at);
        }
        Event::RunStarted { .. }
        | Event::SampleStarted { .. }
        | Event::Rounds { .. }
        | Event::Warning { .. } => {}
    }
    Ok(())
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
