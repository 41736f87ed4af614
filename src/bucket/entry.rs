//! The entry of a run: the object that makes it visible. It names the run's files
//! with their digests, and holds what a list of runs shows of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::BucketError;
use crate::model::{BuildKind, Outcome, Platform, RunEnd, ScenarioInfo};
use crate::stats::Times;
use crate::store::{
    CHECK_FILE, EVENTS_FILE, RUN_FILE, SAMPLES_FILE, StoredRun, TRACES_DIR, is_name,
};
use crate::verdict::Assessment;

/// Version of the entries. A reader refuses a greater one.
const SCHEMA: u32 = 1;
/// Bytes of an entry: a file of a run takes about 200.
pub(super) const MAX_ENTRY: u64 = 16 << 20;
/// Bytes of a file of a run: no reader takes more of one.
const MAX_FILE: u64 = 1 << 30;
/// Names of traces end so.
const TRACE: &str = ".rawjson.gz";

/// A run of a store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of the entry.
    schema: u32,
    /// Id of the run.
    pub run: String,
    /// When it began.
    pub started: Timestamp,
    /// How it ended; `None` where it was cut off.
    pub end: Option<RunEnd>,
    /// How often it went on after it was cut off.
    pub resumed: usize,
    /// Version of the buildrace that raced it.
    pub buildrace: String,
    /// The verb of its command line.
    pub verb: String,
    /// As in `run.json`.
    pub commit: Option<String>,
    /// As in `run.json`.
    pub suite: Option<String>,
    /// As in `run.json`; of a matrix, the first builder's.
    pub driver: String,
    /// As in `run.json`.
    pub engine_version: Option<String>,
    /// As in `run.json`.
    pub buildkit_version: Option<String>,
    /// As in `run.json`.
    pub cpu_model: Option<String>,
    /// As in `run.json`.
    pub cores: Option<u32>,
    /// Samples that there are.
    pub samples: usize,
    /// What was raced.
    pub scenarios: Vec<EntryScenario>,
    /// Its files.
    pub files: Vec<EntryFile>,
}

/// A scenario of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryScenario {
    /// Its name.
    pub name: String,
    /// The variant that the others are compared with.
    pub reference: String,
    /// The variants raced.
    pub variants: Vec<String>,
    /// Platforms of its multi-arch kinds.
    pub platforms: Vec<Platform>,
    /// Median times.
    pub medians: Vec<Median>,
}

/// The median time of a variant's kind, over the samples that are ok and whose
/// rounds count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Median {
    /// The variant.
    pub variant: String,
    /// The kind.
    pub kind: BuildKind,
    /// How many samples it is of.
    pub samples: usize,
    /// Seconds.
    pub seconds: f64,
}

/// A file of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryFile {
    /// Its name within the run's folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

impl EntryFile {
    /// Whether it is the trace of a sample.
    pub fn is_trace(&self) -> bool {
        self.name.starts_with(TRACES_DIR)
    }
}

/// Whether a run may have a file of this name. Nothing else is sent or fetched.
pub(super) fn is_file_of_run(name: &str) -> bool {
    let trace = name
        .strip_prefix(TRACES_DIR)
        .and_then(|rest| rest.strip_prefix('/'));
    match trace {
        Some(trace) => trace.strip_suffix(TRACE).is_some_and(is_name),
        None => [RUN_FILE, EVENTS_FILE, SAMPLES_FILE, CHECK_FILE].contains(&name),
    }
}

impl Entry {
    /// The entry of a run with these files.
    pub(super) fn of(stored: &StoredRun, files: Vec<EntryFile>) -> Self {
        let run = &stored.run;
        let record = &run.record;
        let assessment = Assessment::of(run);
        let scenarios = record.scenarios.iter();
        Self {
            schema: SCHEMA,
            run: record.run.clone(),
            started: record.started,
            end: run.end,
            resumed: run.resumed.len(),
            buildrace: record.buildrace.clone(),
            verb: record.command.verb.clone(),
            commit: record.commit.clone(),
            suite: record.suite.clone(),
            driver: record.builder.driver.clone(),
            engine_version: record.builder.engine_version.clone(),
            buildkit_version: record.builder.buildkit_version.clone(),
            cpu_model: record.host.cpu_model.clone(),
            cores: record.host.cores,
            samples: run.samples.len(),
            scenarios: scenarios.map(|info| scenario(&assessment, info)).collect(),
            files,
        }
    }

    /// Reads an entry; `object` is its address.
    ///
    /// # Errors
    /// It is not what buildrace writes, or of another run.
    pub(super) fn read(bytes: &[u8], run: &str, object: String) -> Result<Self, BucketError> {
        /// All that a reader needs to know before it trusts the rest.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let parsed = serde_json::from_slice::<Version>(bytes).and_then(|version| {
            if version.schema > SCHEMA {
                return Ok(Err(version.schema));
            }
            serde_json::from_slice(bytes).map(Ok)
        });
        let entry: Self = match parsed {
            Ok(Ok(entry)) => entry,
            Ok(Err(found)) => return Err(BucketError::Newer { object, found }),
            Err(error) => {
                let problem = crate::escape::terminal(&error.to_string(), 300);
                return Err(BucketError::Damaged { object, problem });
            }
        };
        match entry.problem(run) {
            None => Ok(entry),
            Some(problem) => Err(BucketError::Damaged { object, problem }),
        }
    }

    /// What is wrong with it. What others can write is not trusted.
    fn problem(&self, run: &str) -> Option<String> {
        if self.run != run {
            return Some("it is of another run".to_owned());
        }
        let mut names = BTreeSet::new();
        for file in &self.files {
            let name = file.name.as_str();
            let is_digest =
                |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_file_of_run(name) || !names.insert(name) {
                let name = crate::escape::terminal(name, 100);
                return Some(format!("{name:?} is no file of a run, or there twice"));
            }
            if file.bytes > MAX_FILE || !is_digest(&file.sha256) {
                return Some(format!("{name} has no size or digest"));
            }
        }
        let lacks = [RUN_FILE, EVENTS_FILE].into_iter();
        let mut lacks = lacks.filter(|name| !names.contains(name));
        lacks.next().map(|name| format!("it has no {name}"))
    }

    /// A file by its name.
    pub fn file(&self, name: &str) -> Option<&EntryFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Whether it has the trace of a sample.
    pub fn has_trace(&self, sample: &str) -> bool {
        self.file(&format!("{TRACES_DIR}/{sample}{TRACE}"))
            .is_some()
    }
}

fn scenario(assessment: &Assessment<'_>, info: &ScenarioInfo) -> EntryScenario {
    let mut medians = Vec::new();
    for variant in &info.variants {
        for &kind in &info.kinds {
            let of_this = assessment.run.of_scenario(&info.name).filter(|sample| {
                sample.slot.variant == variant.name
                    && sample.slot.kind == kind
                    && sample.outcome == Outcome::Ok
                    && assessment.counts(sample)
            });
            let times = Times::of(of_this.map(|sample| sample.wall.as_secs_f64()));
            medians.extend(times.map(|times| Median {
                variant: variant.name.clone(),
                kind,
                samples: times.n,
                seconds: times.median,
            }));
        }
    }
    EntryScenario {
        name: info.name.clone(),
        reference: info.reference.clone(),
        variants: info.variants.iter().map(|v| v.name.clone()).collect(),
        platforms: info.platforms.clone(),
        medians,
    }
}
