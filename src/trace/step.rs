//! A step: one vertex of the build graph with everything that the stream reported
//! of it so far.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::label::Label;
use super::log::LogTail;
use super::status::{Vertex, VertexLog, VertexStatus};

/// Bytes kept of a name.
pub(super) const MAX_NAME: usize = 4 * 1024;
/// Bytes kept of an error.
const MAX_ERROR: usize = 8 * 1024;
/// Bytes kept of a digest.
pub(super) const MAX_DIGEST: usize = 256;
/// Intervals kept apart; a real step has a handful.
const MAX_INTERVALS: usize = 64;
/// Inputs kept of a step; a real one has as many as it has mounts and sources.
const MAX_INPUTS: usize = 4 * 1024;
/// Parts of a step whose bytes are counted, layers mostly.
const MAX_PARTS: usize = 1024;
/// Bytes kept of a part's id.
const MAX_PART_ID: usize = 256;

/// A time in which a step was worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// When it began, on BuildKit's clock.
    pub start: Timestamp,
    /// When it ended; `None` while it lasts.
    pub end: Option<Timestamp>,
}

/// A vertex of the build graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Content-addressed id, the same in every build of the same thing.
    pub digest: String,
    /// Name as BuildKit gives it, from outside, bounded to 4 KiB.
    pub name: String,
    /// What the name says of platform, stage and instruction.
    pub label: Label,
    /// Digests of the steps that it takes something from, as far as the
    /// stream reported; not every one of them need be a step of the trace.
    pub inputs: Vec<String>,
    /// Whether its result came from the cache.
    pub cached: bool,
    /// Whether an interval of it ended without its result coming from there.
    pub executed: bool,
    /// Why it failed, from outside, bounded to 8 KiB.
    pub error: Option<String>,
    /// The end of its log.
    pub log: LogTail,
    /// Bytes that its processes wrote, stdout and stderr together.
    pub log_bytes: u64,
    /// When its processes first wrote, on BuildKit's clock.
    pub first_wrote: Option<Timestamp>,
    /// Whether the stream reported it while it ran.
    seen_running: bool,
    /// End of each interval by its start. A vertex repeats: one start comes
    /// first without an end, then with it, and several may be open at a time.
    spans: BTreeMap<Timestamp, Option<Timestamp>>,
    /// What is done of each part by its id: a layer, a transfer.
    parts: BTreeMap<String, Moved>,
}

/// What is done of a part of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// Bytes.
    pub(super) bytes: u64,
    /// When it began, on BuildKit's clock.
    pub(super) started: Option<Timestamp>,
    /// When it ended.
    pub(super) completed: Option<Timestamp>,
}

impl Step {
    pub(super) fn new(digest: &str) -> Self {
        Self {
            digest: digest.to_owned(),
            name: String::new(),
            label: Label::default(),
            inputs: Vec::new(),
            cached: false,
            executed: false,
            error: None,
            log: LogTail::default(),
            log_bytes: 0,
            first_wrote: None,
            seen_running: false,
            spans: BTreeMap::new(),
            parts: BTreeMap::new(),
        }
    }

    /// Adds what an update says. The order of updates does not matter, except
    /// where they contradict each other.
    pub(super) fn update(&mut self, vertex: &Vertex) {
        // A step that several of bake's targets share has a name of each; which is
        // reported first is chance.
        let is_first = self.name.is_empty() || vertex.name < self.name;
        if is_first && !vertex.name.is_empty() {
            self.name = bounded(&vertex.name, MAX_NAME).to_owned();
            self.label = Label::parse(&self.name);
        }
        if self.inputs.is_empty() && !vertex.inputs.is_empty() {
            let inputs = vertex.inputs.iter().take(MAX_INPUTS);
            self.inputs = inputs
                .map(|digest| bounded(digest, MAX_DIGEST).to_owned())
                .collect();
        }
        self.cached |= vertex.cached;
        self.executed |= vertex.completed.is_some() && !vertex.cached;
        if !vertex.error.is_empty() {
            let error = bounded_end(&vertex.error, MAX_ERROR);
            // A failure says more than the cancellation that may follow it.
            if self.error.as_deref().is_none_or(is_cancellation) {
                self.error = Some(error.to_owned());
            }
        }
        self.seen_running |= vertex.started.is_some() && vertex.completed.is_none();
        if let Some(start) = vertex.started {
            let end = vertex.completed.map(|end| end.max(start));
            let known = self.spans.entry(start).or_default();
            // `None` is less than any end.
            *known = (*known).max(end);
            if self.spans.len() > MAX_INTERVALS {
                self.join_first_two();
            }
        }
    }

    /// Adds what it wrote.
    pub(super) fn wrote(&mut self, log: &VertexLog) {
        self.log.push(&log.data);
        self.log_bytes = self.log_bytes.saturating_add(log.data.len() as u64);
        let earlier = [self.first_wrote, log.timestamp];
        self.first_wrote = earlier.into_iter().flatten().min();
    }

    /// Adds how far a part of it is. Repetitions and order do not matter: a
    /// part's bytes only grow.
    pub(super) fn moved(&mut self, part: &VertexStatus) {
        let id = bounded(&part.id, MAX_PART_ID);
        if self.parts.len() >= MAX_PARTS && !self.parts.contains_key(id) {
            return;
        }
        let known = self.parts.entry(id.to_owned()).or_default();
        known.bytes = known.bytes.max(u64::try_from(part.current).unwrap_or(0));
        known.started = match (known.started, part.started) {
            (Some(known), Some(told)) => Some(known.min(told)),
            (known, told) => known.or(told),
        };
        known.completed = known.completed.max(part.completed);
    }

    /// What is done of its parts, by their ids, which come from outside.
    pub(super) fn moved_parts(&self) -> impl Iterator<Item = (&str, &Moved)> {
        self.parts.iter().map(|(id, moved)| (id.as_str(), moved))
    }

    /// Joins the first two to one that has ended: the end of either may have
    /// been reported already, or be reported yet, and where it is reported again nobody
    /// knows that it was.
    fn join_first_two(&mut self) {
        let (Some((start, first)), Some((later, second))) =
            (self.spans.pop_first(), self.spans.pop_first())
        else {
            return;
        };
        self.spans.insert(start, first.max(second).max(Some(later)));
    }

    /// Whether it has begun.
    pub fn has_started(&self) -> bool {
        !self.spans.is_empty()
    }

    /// Whether the stream reported it while it ran. What ran before a build
    /// joined is reported as over.
    pub(super) fn was_seen_running(&self) -> bool {
        self.seen_running
    }

    /// Whether it has begun and not ended.
    pub fn is_running(&self) -> bool {
        self.spans.values().any(Option::is_none)
    }

    /// Bytes that it transferred, pulled or pushed, as BuildKit counts them:
    /// files of a context, layers of an image.
    pub fn bytes_moved(&self) -> u64 {
        self.parts
            .values()
            .fold(0, |sum: u64, part| sum.saturating_add(part.bytes))
    }

    /// When it first began, on BuildKit's clock.
    pub fn started(&self) -> Option<Timestamp> {
        self.spans.keys().next().copied()
    }

    /// When it last ended, on BuildKit's clock; `None` while it runs.
    pub fn completed(&self) -> Option<Timestamp> {
        if self.is_running() {
            return None;
        }
        self.spans.values().copied().flatten().max()
    }

    /// The last moment known of it: its last end, or start.
    pub(super) fn last_seen(&self) -> Option<Timestamp> {
        let end = self.spans.values().copied().flatten().max();
        end.max(self.spans.keys().next_back().copied())
    }

    /// When it was worked on: intervals in order of time, those that overlap
    /// or touch merged to one. At most the last is without an end.
    pub fn intervals(&self) -> Vec<Interval> {
        let mut merged: Vec<Interval> = Vec::new();
        for (&start, &end) in &self.spans {
            match merged.last_mut() {
                Some(last) if last.end.is_none_or(|last_end| last_end >= start) => {
                    last.end = last.end.zip(end).map(|(a, b)| a.max(b));
                }
                _ => merged.push(Interval { start, end }),
            }
        }
        merged
    }

    /// Time that was spent on it: its intervals without the gaps between
    /// them. One that has no end yet does not count.
    pub fn busy(&self) -> Duration {
        self.intervals()
            .iter()
            .filter_map(|interval| {
                let length = interval.end?.duration_since(interval.start);
                Duration::try_from(length).ok()
            })
            .sum()
    }

    /// Whether it ended because the build was cancelled, by its user or after
    /// another step's failure.
    pub fn was_cancelled(&self) -> bool {
        self.error.as_deref().is_some_and(is_cancellation)
    }

    /// Exit code of its process, where it failed with one.
    pub fn exit_code(&self) -> Option<i32> {
        exit_code(self.error.as_deref()?)
    }
}

/// What BuildKit writes after the command of a RUN that failed.
const EXIT_MARK: &str = "did not complete successfully: exit code: ";

/// The part of a process's error after its exit code's mark. The command
/// before it is the Dockerfile's and may contain anything, the mark included,
/// so the last mark counts.
fn after_exit_mark(error: &str) -> Option<&str> {
    error
        .rfind(EXIT_MARK)
        .map(|at| &error[at + EXIT_MARK.len()..])
}

fn exit_code(error: &str) -> Option<i32> {
    let rest = after_exit_mark(error)?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    rest[..digits].parse().ok()
}

pub(super) fn is_cancellation(error: &str) -> bool {
    match after_exit_mark(error) {
        Some(rest) => rest.contains("context canceled"),
        None => error.trim_end().ends_with("context canceled"),
    }
}

/// The first `max` bytes, fewer where that would split a character.
pub(super) fn bounded(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The last `max` bytes, fewer where that would split a character: an error's
/// end holds the exit code.
fn bounded_end(text: &str, max: usize) -> &str {
    let mut start = text.len().saturating_sub(max);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// Whether a step is one that builds end with.
pub(super) fn is_end(name: &str) -> bool {
    let said = match name.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, said)) => said.trim_start(),
        None => name,
    };
    let ends = [
        "exporting to ",
        "exporting cache",
        "pushing ",
        "importing to docker",
        "resolving provenance",
        "merging manifest list",
    ];
    ends.iter().any(|words| said.starts_with(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_and_cancellations() {
        let failed = r#"process "/bin/sh -c exit 7" did not complete successfully: exit code: 7"#;
        assert_eq!(exit_code(failed), Some(7));
        assert!(!is_cancellation(failed));

        let stopped = r#"process "/bin/sh -c sleep 20" did not complete successfully: exit code: 137: context canceled: context canceled"#;
        assert_eq!(exit_code(stopped), Some(137));
        assert!(is_cancellation(stopped));

        let sly = r#"process "/bin/sh -c echo did not complete successfully: exit code: 9: context canceled; exit 3" did not complete successfully: exit code: 3"#;
        assert_eq!(exit_code(sly), Some(3));
        assert!(!is_cancellation(sly));

        assert_eq!(
            exit_code("failed to compute cache key: \"/x\": not found"),
            None
        );
        assert!(is_cancellation(
            "rpc error: code = Canceled desc = context canceled"
        ));
        assert_eq!(
            exit_code("did not complete successfully: exit code: 99999999999"),
            None
        );
    }

    #[test]
    fn no_character_is_split() {
        assert_eq!(bounded("aé", 2), "a");
        assert_eq!(bounded("aé", 3), "aé");
        assert_eq!(bounded_end("éa", 2), "a");
        assert_eq!(bounded_end("éa", 9), "éa");
    }

    #[test]
    fn intervals_merge_where_they_overlap() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let mut step = Step::new("sha256:a");
        for (start, end) in [
            (1, None),
            (2, None),
            (2, Some(5)),
            (1, Some(3)),
            (8, Some(9)),
        ] {
            step.update(&Vertex {
                started: Some(at(start)),
                completed: end.map(at),
                ..Vertex::default()
            });
        }
        let expected = [(1, 5), (8, 9)].map(|(start, end)| Interval {
            start: at(start),
            end: Some(at(end)),
        });
        assert_eq!(step.intervals(), expected);
        assert_eq!(step.busy(), Duration::from_secs(5));
        assert!(!step.is_running());
    }
    #[test]
    fn of_many_intervals_the_last_ones_are_kept_in_whatever_order_they_come() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let updates = |ended: bool| {
            (0..100).map(move |n| Vertex {
                started: Some(at(10 * n)),
                completed: ended.then(|| at(10 * n + 5)),
                ..Vertex::default()
            })
        };
        let told = |updates: Vec<Vertex>| {
            let mut step = Step::new("sha256:a");
            for vertex in &updates {
                step.update(vertex);
            }
            step
        };
        // Each begins and ends before the next begins.
        let in_order = updates(false).zip(updates(true));
        let in_order = told(in_order.flat_map(|(begun, ended)| [begun, ended]).collect());
        assert!(!in_order.is_running());
        let intervals = in_order.intervals();
        assert_eq!(intervals.len(), MAX_INTERVALS);
        assert_eq!(
            (intervals[0].start, intervals[0].end),
            (at(0), Some(at(365)))
        );
        assert_eq!(in_order.busy(), Duration::from_secs(365 + 5 * 63));

        let all_begin_first = told(updates(false).chain(updates(true)).collect());
        assert_eq!(all_begin_first, in_order);
        let told_again = told(updates(true).chain(updates(false)).rev().collect());
        assert_eq!(told_again, in_order);
    }
}
