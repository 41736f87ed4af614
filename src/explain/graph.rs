//! The step graph of a trace in numbers: which steps began, when they were
//! worked on, what they take from, and which platforms they serve. Everything
//! else here works on it.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::links::links;
use crate::model::Platform;
use crate::trace::{Step, Trace};

/// Nanoseconds since the build's first step began.
pub(super) type Nanos = u64;

/// Platforms that are distinguished; a build has a handful.
const MAX_TARGETS: usize = 64;

/// A time in which a step was worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Nanos,
    pub(super) end: Nanos,
}

/// Waiting for a cache mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wait {
    /// Id of the cache, as the Dockerfile has it.
    pub(super) id: String,
    pub(super) span: Span,
    /// Place of the step that held it.
    pub(super) holder: usize,
}

/// A step that began, in nanoseconds since the build did.
#[derive(Debug, Clone)]
pub(super) struct GraphStep<'t> {
    pub(super) step: &'t Step,
    /// In order of time, not overlapping, at least one. One that had not ended
    /// when the trace did ends with it. What waited for a cache mount has one
    /// without length at the begin of that, and the next at its end.
    pub(super) spans: Vec<Span>,
    /// What it waited for between two of them, in order of time; see `locks.rs`.
    pub(super) waits: Vec<Wait>,
    /// Places in [`Graph::steps`] of those that it takes something from.
    pub(super) inputs: Vec<usize>,
    /// The platforms that the build makes of it, in order.
    pub(super) serves: Vec<Platform>,
    /// Time that was spent on it before the build began, for another one.
    pub(super) before: Nanos,
    /// Whether it had ended when the build began: nothing of this build came
    /// after it.
    pub(super) is_over: bool,
}

impl GraphStep<'_> {
    /// Time that was spent on it.
    pub(super) fn busy(&self) -> Nanos {
        self.spans.iter().map(|span| span.end - span.start).sum()
    }

    /// The whole time in which it waited for cache mounts.
    pub(super) fn waited(&self) -> Option<Span> {
        Some(Span {
            start: self.waits.first()?.span.start,
            end: self.waits.last()?.span.end,
        })
    }
}

/// From one moment to another; 0 where that is not later.
pub(super) fn since(begin: Timestamp, at: Timestamp) -> Nanos {
    let since = at.duration_since(begin).as_nanos();
    Nanos::try_from(since.max(0)).unwrap_or(Nanos::MAX)
}

/// When a step was worked on.
struct Worked {
    /// At least one; of one that was over when the build began, one of no
    /// length at the build's begin.
    spans: Vec<Span>,
    /// How long it was worked on before the build began.
    before: Nanos,
}

impl Worked {
    fn of(step: &Step, begin: Timestamp, length: Nanos) -> Self {
        let mut before: Nanos = 0;
        let mut spans: Vec<Span> = Vec::new();
        for interval in step.intervals() {
            let earlier = interval.end.unwrap_or(begin).min(begin);
            before = before.saturating_add(since(interval.start, earlier));
            spans.push(Span {
                start: since(begin, interval.start),
                end: interval.end.map_or(length, |end| since(begin, end)),
            });
        }
        if before > 0 {
            let last = spans.last().copied();
            spans.retain(|span| span.end > 0);
            if spans.is_empty() {
                spans.extend(last);
            }
        }
        Self { spans, before }
    }
}

/// The steps of a trace that began.
#[derive(Debug, Clone)]
pub(super) struct Graph<'t> {
    /// In order of their start, then name, then digest: the same for the same
    /// trace, in whatever order it was reported.
    pub(super) steps: Vec<GraphStep<'t>>,
    /// When the first step began, on BuildKit's clock.
    pub(super) begin: Timestamp,
    /// Nanoseconds from the first step's start to the last one's end.
    pub(super) length: Nanos,
}

impl<'t> Graph<'t> {
    /// The graph of a trace; `None` where no step began.
    pub(super) fn of(trace: &'t Trace) -> Option<Self> {
        let (begin, end) = trace.server_window()?;
        let length = since(begin, end);
        let links = links(trace);
        let serves = targets(trace, &links);
        let began = trace.steps().iter().enumerate();
        let began = began.filter(|(_, step)| step.has_started());
        let mut began: Vec<(usize, Worked)> = began
            .map(|(at, step)| (at, Worked::of(step, begin, length)))
            .collect();
        began.sort_by_key(|(at, worked)| {
            let step = &trace.steps()[*at];
            (worked.spans[0].start, &step.name, &step.digest)
        });
        let mut places = vec![None; trace.steps().len()];
        for (place, (at, _)) in began.iter().enumerate() {
            places[*at] = Some(place);
        }
        let steps = began
            .into_iter()
            .map(|(at, worked)| {
                let mut inputs: Vec<usize> = links[at]
                    .iter()
                    .filter_map(|input| places[*input])
                    .collect();
                inputs.sort_unstable();
                GraphStep {
                    step: &trace.steps()[at],
                    inputs,
                    serves: serves[at].clone(),
                    before: worked.before,
                    is_over: worked.before > 0 && worked.spans.iter().all(|span| span.end == 0),
                    spans: worked.spans,
                    waits: Vec::new(),
                }
            })
            .collect();
        Some(Self {
            steps,
            begin,
            length,
        })
    }

    /// When how many steps were worked on: at each point from when on, how
    /// many of those that `counts` says; in order of time.
    pub(super) fn concurrency(&self, counts: impl Fn(usize) -> bool) -> Vec<(Nanos, u32)> {
        let mut changes: Vec<(Nanos, i32)> = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            if counts(at) {
                for span in step.spans.iter().filter(|span| span.end > span.start) {
                    changes.push((span.start, 1));
                    changes.push((span.end, -1));
                }
            }
        }
        changes.sort_unstable();
        let mut points: Vec<(Nanos, u32)> = Vec::new();
        let mut running = 0i32;
        for (at, change) in changes {
            running += change;
            let count = running.unsigned_abs();
            match points.last_mut() {
                Some((time, last)) if *time == at => *last = count,
                _ => points.push((at, count)),
            }
        }
        points.dedup_by_key(|(_, count)| *count);
        points
    }
}

/// For every step of a trace, the platforms that the build makes of it.
///
/// A step whose result no other takes is the end of a platform's build, and
/// its name says which. What it takes from, directly or not, serves the same
/// platform: a step that serves several was executed once for all of them,
/// since BuildKit joins steps that are the same.
fn targets(trace: &Trace, inputs: &[Vec<usize>]) -> Vec<Vec<Platform>> {
    let steps = trace.steps();
    let mut consumers = vec![0usize; steps.len()];
    for input in inputs.iter().flatten() {
        consumers[*input] += 1;
    }
    let platforms: BTreeSet<&Platform> = steps
        .iter()
        .zip(&consumers)
        .filter(|(_, consumers)| **consumers == 0)
        .filter_map(|(step, _)| step.label.made_for())
        .collect();
    let platforms: Vec<&Platform> = platforms.into_iter().take(MAX_TARGETS).collect();

    let mut served = vec![0u64; steps.len()];
    let mut ready: Vec<usize> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        if consumers[at] == 0 {
            let platform = step.label.made_for();
            let place = platform.and_then(|p| platforms.iter().position(|known| *known == p));
            served[at] = place.map_or(0, |place| 1 << place);
            ready.push(at);
        }
    }
    // Steps that take from each other in a ring, which no build has, are
    // never ready and serve nothing.
    while let Some(at) = ready.pop() {
        for &input in &inputs[at] {
            served[input] |= served[at];
            consumers[input] -= 1;
            if consumers[input] == 0 {
                ready.push(input);
            }
        }
    }
    let named = |bits: u64| {
        let chosen = platforms.iter().enumerate();
        let chosen = chosen.filter(|(place, _)| bits & (1 << place) != 0);
        chosen.map(|(_, platform)| (*platform).clone()).collect()
    };
    served.into_iter().map(named).collect()
}

/// A time's share of a whole, 0 where there is no whole.
pub(super) fn share_of(time: Duration, whole: Duration) -> f64 {
    if whole.is_zero() {
        0.0
    } else {
        time.as_secs_f64() / whole.as_secs_f64()
    }
}
