//! Folding the status stream into steps, one update at a time: the live
//! display asks while the build runs, the reports when it is over.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::begin::begin;
use super::label;
use super::status::SolveStatus;
use super::step::{MAX_DIGEST, Step, bounded, is_end};
use super::step_counts::{Counted, counted, is_part};
use crate::model::Failure;

/// Steps whose output or progress may come before they are reported
/// themselves; a real stream has none.
const MAX_EARLY: usize = 1024;

/// What is known of a build from its status stream.
///
/// Memory grows with the number of steps, not with what they print: of each
/// step a bounded name, error and log tail are kept.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    steps: Vec<Step>,
    by_digest: HashMap<String, usize>,
    /// What is known of steps that were not reported yet.
    early: HashMap<String, Step>,
    /// How many of the steps are running.
    running: usize,
}

impl Trace {
    /// The trace of a build of which nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an update. Vertices and progress may repeat and come in any order.
    /// Output is taken as it comes: its end is what came last.
    pub fn push(&mut self, status: &SolveStatus) {
        for vertex in &status.vertexes {
            let digest = bounded(&vertex.digest, MAX_DIGEST);
            let index = match self.by_digest.get(digest) {
                Some(&index) => index,
                None => {
                    let step = self.early.remove(digest);
                    self.by_digest.insert(digest.to_owned(), self.steps.len());
                    self.steps.push(step.unwrap_or_else(|| Step::new(digest)));
                    self.steps.len() - 1
                }
            };
            let step = &mut self.steps[index];
            let was_running = step.is_running();
            step.update(vertex);
            match (was_running, step.is_running()) {
                (false, true) => self.running += 1,
                (true, false) => self.running -= 1,
                _ => {}
            }
        }
        for log in &status.logs {
            if let Some(step) = self.step_mut(&log.vertex) {
                step.wrote(log);
            }
        }
        for part in &status.statuses {
            if let Some(step) = self.step_mut(&part.vertex) {
                step.moved(part);
            }
        }
    }

    fn step_mut(&mut self, digest: &str) -> Option<&mut Step> {
        let digest = bounded(digest, MAX_DIGEST);
        if let Some(&index) = self.by_digest.get(digest) {
            return self.steps.get_mut(index);
        }
        if self.early.len() >= MAX_EARLY && !self.early.contains_key(digest) {
            return None;
        }
        let early = self.early.entry(digest.to_owned());
        Some(early.or_insert_with(|| Step::new(digest)))
    }

    /// The place of a digest's step in [`steps`](Self::steps).
    pub fn index_of(&self, digest: &str) -> Option<usize> {
        self.by_digest.get(bounded(digest, MAX_DIGEST)).copied()
    }

    /// All vertices, in the order in which they were first reported:
    /// instructions, internal ones, exports, and those that never began.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Number of steps of the Dockerfile that were executed or taken from the
    /// cache.
    ///
    /// Counted are instructions, each once on each platform, of which a vertex
    /// began and whose name carries a position
    /// (`[linux/amd64 build 2/3] RUN …`), without
    /// FROM: BuildKit does not execute a base image, and whether it calls one
    /// cached says nothing of the build. Not counted are what BuildKit does on
    /// its own account (`[internal] …`, `[auth] …`), exports and imports. So
    /// a build from nothing has no cached steps, and in a build of which
    /// nothing changed all are.
    pub fn count(&self) -> u32 {
        let count = self.instructions().len();
        count.try_into().unwrap_or(u32::MAX)
    }

    /// How many of the counted steps came from the cache.
    pub fn cached_count(&self) -> u32 {
        let counted = self.instructions().into_iter();
        let cached = counted.filter(|counted| counted.steps.iter().all(|step| step.cached));
        cached.count().try_into().unwrap_or(u32::MAX)
    }

    /// The instructions that [`count`](Self::count) counts.
    pub fn instructions(&self) -> Vec<Counted<'_>> {
        counted(&self.steps)
    }

    /// Whether a step has begun and not ended.
    pub fn is_running(&self) -> bool {
        self.running > 0
    }

    /// Steps that have begun and not ended, the one that began first in front.
    pub fn running(&self) -> Vec<&Step> {
        let mut running: Vec<&Step> = self.steps.iter().filter(|step| step.is_running()).collect();
        running.sort_by_key(|step| step.started());
        running
    }

    /// Time from the build's begin to the last step's end, on BuildKit's
    /// own clock; `None` where no step began. Of a build that was cut off, to
    /// the last moment that is known.
    ///
    /// A build begins with its first step. What was done before for another
    /// build on the same builder does not count, though the stream reports it
    /// where both need the same step.
    pub fn server_span(&self) -> Option<Duration> {
        let (first, last) = self.server_window()?;
        Duration::try_from(last.duration_since(first)).ok()
    }

    /// The build's begin and the last step's end, as in
    /// [`server_span`](Self::server_span).
    pub fn server_window(&self) -> Option<(Timestamp, Timestamp)> {
        let first = begin(&self.steps)?;
        let last = self.steps.iter().filter_map(Step::last_seen).max()?;
        Some((first, last))
    }

    /// The step that made the build fail: of those with an error that is no
    /// cancellation, the one that ended first. `None` where none failed,
    /// which a failed build can have too: a Dockerfile that does not parse.
    pub fn failed_step(&self) -> Option<&Step> {
        let failed = self
            .steps
            .iter()
            .filter(|step| step.error.is_some() && !step.was_cancelled())
            // A cache that is not there fails its import, and nothing else.
            .filter(|step| !step.label.instruction.starts_with("importing cache"));
        failed.min_by_key(|step| (step.completed().unwrap_or(Timestamp::MAX), &step.digest))
    }

    /// Whether a result of the build was exported: a step that does that ended
    /// without an error.
    pub fn was_exported(&self) -> bool {
        let ended = |step: &&Step| step.error.is_none() && step.completed().is_some();
        let mut ended = self.steps.iter().filter(ended);
        ended.any(|step| is_end(&step.name))
    }

    /// Whether there must have been more than what is known, if the build has a
    /// result: its recording ends before it does, though after a whole update.
    pub fn is_part(&self) -> bool {
        is_part(&self.steps)
    }

    /// The failure of the step that made the build fail, see
    /// [`failed_step`](Self::failed_step).
    pub fn failure(&self) -> Option<Failure> {
        self.failed_step().map(|step| self.failure_of(step))
    }

    /// The failure of a step.
    pub fn failure_of(&self, step: &Step) -> Failure {
        let message = match step.exit_code() {
            Some(code) => format!(
                "{} ended with exit code {code}",
                first_line(&label::shown(&step.name))
            ),
            None => first_line(step.error.as_deref().unwrap_or_default()),
        };
        failure_at(step, message, step.exit_code())
    }

    /// The step at which a build stood that ended without any step's failure:
    /// the one that had been running longest, or else the one that began last.
    pub fn stood_at(&self) -> Option<&Step> {
        let unfinished = |step: &&Step| step.is_running() || step.was_cancelled();
        let stopped = self.steps.iter().filter(unfinished);
        // By digest where times are the same, so that the order in which steps
        // were reported does not matter.
        let stopped =
            stopped.min_by_key(|step| (step.label.internal, step.started(), &step.digest));
        let begun = self.steps.iter().filter(|step| step.has_started());
        stopped.or_else(|| begun.max_by_key(|step| (step.started(), &step.digest)))
    }

    /// Describes the failure of a build that was stopped (time limit, Ctrl-C, lost builder),
    /// or failed without a step that did, where it
    /// [stood](Self::stood_at): `message`, with that step and its log tail.
    pub fn stopped(&self, message: impl Into<String>) -> Failure {
        let message = message.into();
        match self.stood_at() {
            Some(step) => failure_at(step, message, None),
            None => Failure {
                message,
                step: None,
                exit_code: None,
                log_tail: Vec::new(),
            },
        }
    }
}

/// A failure with what is known of the step at which it happened.
fn failure_at(step: &Step, message: String, exit_code: Option<i32>) -> Failure {
    Failure {
        message,
        step: Some(label::shown(&step.name)),
        exit_code,
        log_tail: step.log.lines(),
    }
}

/// The first line, at most 500 bytes of it.
fn first_line(text: &str) -> String {
    bounded(text.lines().next().unwrap_or_default(), 500).to_owned()
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
