//! Folding the status stream into steps, one update at a time: the live
//! display asks while the build runs, the reports when it is over.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::begin::begin;
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
        let step = self.failed_step()?;
        let message = match step.exit_code() {
            Some(code) => format!("{} ended with exit code {code}", first_line(&step.name)),
            None => first_line(step.error.as_deref().unwrap_or_default()),
        };
        Some(failure_at(step, message, step.exit_code()))
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
        step: Some(step.name.clone()),
        exit_code,
        log_tail: step.log.lines(),
    }
}

/// The first line, at most 500 bytes of it.
fn first_line(text: &str) -> String {
    bounded(text.lines().next().unwrap_or_default(), 500).to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::status::{Vertex, VertexLog, VertexStatus};
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn vertex(name: &str, started: Option<i64>, completed: Option<i64>) -> Vertex {
        Vertex {
            digest: format!("sha256:{name}"),
            name: name.to_owned(),
            started: started.map(at),
            completed: completed.map(at),
            ..Vertex::default()
        }
    }

    fn fold(updates: impl IntoIterator<Item = Vertex>) -> Trace {
        let mut trace = Trace::new();
        for vertex in updates {
            trace.push(&SolveStatus {
                vertexes: vec![vertex],
                ..SolveStatus::default()
            });
        }
        trace
    }

    #[test]
    fn running_steps_come_and_go() {
        let name = "[linux/arm64 build 2/2] RUN make";
        let mut trace = fold([
            vertex("[internal] load build context", Some(1), Some(2)),
            vertex(name, None, None),
        ]);
        assert!(trace.running().is_empty());
        trace.push(&SolveStatus {
            vertexes: vec![vertex(name, Some(3), None)],
            ..SolveStatus::default()
        });
        let running = trace.running();
        assert_eq!(running.len(), 1);
        assert_eq!(
            running[0].label.platform.as_ref().unwrap().to_string(),
            "linux/arm64"
        );
        trace.push(&SolveStatus {
            vertexes: vec![vertex(name, Some(3), Some(9))],
            ..SolveStatus::default()
        });
        assert!(trace.running().is_empty());
        assert_eq!(trace.server_span(), Some(Duration::from_secs(8)));
        assert_eq!((trace.count(), trace.cached_count()), (1, 0));
    }

    #[test]
    fn the_cause_is_told_not_the_steps_that_it_cancelled() {
        let process = "process \"x\" did not complete successfully: exit code: ";
        let mut victim = vertex("[linux/amd64 b 1/1] RUN sleep", Some(1), Some(3));
        victim.error = format!("{process}137: context canceled: context canceled");
        let mut cause = vertex("[linux/arm64 b 1/1] RUN make", Some(2), Some(4));
        cause.error = format!("{process}2");
        let mut trace = fold([victim, cause.clone()]);
        trace.push(&SolveStatus {
            logs: vec![VertexLog {
                vertex: cause.digest.clone(),
                data: b"make: *** [all] Error 1\n".to_vec(),
                ..VertexLog::default()
            }],
            ..SolveStatus::default()
        });
        let failure = trace.failure().unwrap();
        assert_eq!(failure.step.as_deref(), Some(cause.name.as_str()));
        assert_eq!(failure.exit_code, Some(2));
        assert_eq!(failure.log_tail, ["make: *** [all] Error 1"]);
    }

    #[test]
    fn a_stopped_build_tells_where_it_stood() {
        let trace = fold([
            vertex("[internal] load build context", Some(1), None),
            vertex("[linux/arm64 b 1/2] RUN make", Some(2), None),
            vertex("[linux/amd64 b 1/2] RUN make", Some(2), Some(3)),
        ]);
        let failure = trace.stopped("no result within 5s");
        assert_eq!(failure.message, "no result within 5s");
        assert_eq!(
            failure.step.as_deref(),
            Some("[linux/arm64 b 1/2] RUN make")
        );
    }

    fn any_vertex() -> impl Strategy<Value = Vertex> {
        (
            "[a-c]{0,1}",
            "\\PC{0,40}|\\[[^\\]]{0,20}\\] .{0,20}",
            proptest::option::of(0i64..50),
            proptest::option::of(0i64..50),
            any::<bool>(),
            "|.{0,30}|did not complete successfully: exit code: [0-9]{0,12}.{0,20}",
            proptest::collection::vec("[a-e]", 0..4),
        )
            .prop_map(
                |(digest, name, started, completed, cached, error, inputs)| Vertex {
                    digest,
                    name,
                    inputs,
                    started: started.map(at),
                    completed: completed.map(at),
                    cached,
                    error,
                    ..Vertex::default()
                },
            )
    }

    proptest! {
        #[test]
        fn any_input_folds(updates in proptest::collection::vec(any_vertex(), 0..60), data: Vec<u8>) {
            let mut trace = fold(updates);
            trace.push(&SolveStatus {
                logs: vec![VertexLog { vertex: "a".into(), data, ..VertexLog::default() }],
                ..SolveStatus::default()
            });
            prop_assert!(trace.cached_count() <= trace.count());
            trace.failure();
            trace.stopped("x");
            let window = trace.server_window();
            prop_assert_eq!(window.is_some(), trace.steps().iter().any(Step::has_started));
            let length = window.map(|(first, last)| Duration::try_from(last.duration_since(first)).unwrap());
            prop_assert_eq!(trace.server_span(), length);
            for (at, step) in trace.steps().iter().enumerate() {
                prop_assert_eq!(trace.index_of(&step.digest), Some(at));
                let last = step.completed();
                prop_assert!(last.is_none_or(|last| last <= window.unwrap().1));
                for pair in step.intervals().windows(2) {
                    prop_assert!(pair[0].end.unwrap() < pair[1].start);
                }
                step.busy();
            }
        }

        /// Names and errors of one digest agree in a real stream, so only
        /// times and cache hits differ between the updates here.
        #[test]
        fn order_and_repetition_do_not_matter(
            times in proptest::collection::vec((0usize..4, proptest::option::of(0i64..30), proptest::option::of(0i64..30), any::<bool>()), 1..60),
            seed in any::<prop::sample::Index>(),
        ) {
            let updates: Vec<Vertex> = times.iter().map(|(n, started, completed, cached)| {
                let mut vertex = vertex(&format!("[linux/arm64 b {n}/4] RUN {n}"), *started, *completed);
                vertex.cached = *cached;
                vertex
            }).collect();
            let mut turned = updates.clone();
            turned.reverse();
            turned.rotate_left(seed.index(updates.len()));
            turned.extend(updates.iter().cloned());
            let steps = |updates| {
                let mut steps = fold(updates).steps;
                steps.sort_by(|a, b| a.digest.cmp(&b.digest));
                steps
            };
            prop_assert_eq!(steps(updates), steps(turned));
        }

        /// Progress and output may be told before the step that they are of,
        /// and progress again.
        #[test]
        fn bytes_are_those_of_each_step(
            parts in proptest::collection::vec((0usize..4, "[a-c]", -3i64..100), 0..40),
            logs in proptest::collection::vec((0usize..4, proptest::collection::vec(any::<u8>(), 0..50)), 0..20),
            at in any::<prop::sample::Index>(),
            again in any::<prop::sample::Index>(),
        ) {
            let digest = |n: usize| format!("sha256:{n}");
            let progress: Vec<SolveStatus> = parts.iter().map(|(n, id, current)| SolveStatus {
                statuses: vec![VertexStatus { id: id.clone(), vertex: digest(*n), current: *current, ..VertexStatus::default() }],
                ..SolveStatus::default()
            }).collect();
            let mut stream = progress.clone();
            stream.extend(progress.iter().take(again.index(progress.len() + 1)).cloned());
            stream.extend(logs.iter().map(|(n, data)| SolveStatus {
                logs: vec![VertexLog { vertex: digest(*n), data: data.clone(), ..VertexLog::default() }],
                ..SolveStatus::default()
            }));
            // The last digest is never reported as a step.
            let vertexes = (0..3).map(|n| Vertex { digest: digest(n), inputs: vec![digest(n + 1), "x".into()], ..Vertex::default() });
            let reported = SolveStatus { vertexes: vertexes.collect(), ..SolveStatus::default() };
            stream.insert(at.index(stream.len() + 1), reported.clone());
            stream.push(reported);
            let mut trace = Trace::new();
            for status in &stream {
                trace.push(status);
            }
            prop_assert_eq!(trace.steps().len(), 3);
            prop_assert_eq!(trace.index_of(&digest(3)), None);
            for (n, step) in trace.steps().iter().enumerate() {
                prop_assert_eq!(&step.inputs, &[digest(n + 1), "x".to_owned()]);
                let mut most: BTreeMap<&str, u64> = BTreeMap::new();
                for (_, id, current) in parts.iter().filter(|(of, ..)| *of == n) {
                    let most = most.entry(id).or_default();
                    *most = (*most).max(u64::try_from(*current).unwrap_or(0));
                }
                prop_assert_eq!(step.bytes_moved(), most.values().sum::<u64>());
                let own = logs.iter().filter(|(of, _)| *of == n);
                let written: usize = own.map(|(_, data)| data.len()).sum();
                prop_assert_eq!(step.log_bytes, written as u64);
                prop_assert_eq!(step.log.is_empty(), written == 0);
            }
        }
    }
}
