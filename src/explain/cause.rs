//! What each interval of a step came after: the links that the critical path
//! and the replay go by.
//!
//! BuildKit executes a step when its inputs are there. A result that exists
//! already, a base image or one of the cache, it loads only when a step needs
//! it, which may be long after it was found: such a load comes after the other
//! inputs of the steps that take from it. A step without inputs (a base image,
//! the context, an export) has no other link to what came before it in the
//! status stream; the Dockerfile frontend and the exporters run one thing
//! after another, so what ended last before it stands for its cause.
//! (`solver/edge.go`, `solver/jobs.go` of moby/buildkit.)

use std::cmp::Reverse;

use super::graph::{Graph, Nanos, Span};

/// Steps that take from a result, and inputs of each, that are searched to
/// find what its load came after.
const MAX_CONSUMERS: usize = 64;

/// An interval of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) span: Span,
    /// Place of the step in [`Graph::steps`].
    pub(super) step: usize,
}

/// All intervals of a build, and what each came after.
#[derive(Debug)]
pub(super) struct Pieces<'g> {
    graph: &'g Graph<'g>,
    /// Step by step, each step's in order of time.
    pub(super) all: Vec<Piece>,
    /// Place of each step's first in `all`.
    firsts: Vec<usize>,
    /// Places in `all` by their end; of those that end together the longest
    /// last.
    by_end: Vec<usize>,
    /// The steps that take from each step.
    consumers: Vec<Vec<usize>>,
}

impl<'g> Pieces<'g> {
    pub(super) fn of(graph: &'g Graph<'g>) -> Self {
        let mut all = Vec::new();
        let mut firsts = Vec::with_capacity(graph.steps.len());
        let mut consumers = vec![Vec::new(); graph.steps.len()];
        for (step, found) in graph.steps.iter().enumerate() {
            firsts.push(all.len());
            all.extend(found.spans.iter().map(|&span| Piece { span, step }));
            for &input in &found.inputs {
                consumers[input].push(step);
            }
        }
        let mut by_end: Vec<usize> = (0..all.len()).collect();
        by_end.sort_by_key(|at| end_order(&all, *at, Nanos::MAX));
        Self {
            graph,
            all,
            firsts,
            by_end,
            consumers,
        }
    }

    /// The one that ended last of all.
    pub(super) fn last(&self) -> Option<usize> {
        self.by_end.last().copied()
    }

    /// The last one of a step.
    pub(super) fn last_of(&self, step: usize) -> Option<usize> {
        let spans = self.graph.steps.get(step)?.spans.len();
        (self.firsts[step] + spans).checked_sub(1)
    }

    /// The last one of each step that no other takes from.
    pub(super) fn results(&self) -> impl Iterator<Item = usize> {
        let steps = self.graph.steps.iter().enumerate();
        steps
            .filter(|(step, _)| self.consumers[*step].is_empty())
            .map(|(step, found)| self.firsts[step] + found.spans.len() - 1)
    }

    /// Those that a step's links name as what it came after: each began
    /// before it, and may not have ended.
    pub(super) fn before(&self, at: usize) -> Vec<usize> {
        let Piece { span, step } = self.all[at];
        let found = &self.graph.steps[step];
        let mut before = Vec::new();
        if at > self.firsts[step] {
            before.push(at - 1);
        }
        // What was over when the build began is nothing that it waited for.
        let is_of_build = |input: &usize| !self.graph.steps[*input].is_over;
        let inputs = found.inputs.iter().copied().filter(is_of_build);
        before.extend(inputs.filter_map(|input| self.begun(input, span.start)));
        if found.inputs.is_empty() || found.step.cached {
            let consumers = self.consumers[step].iter().take(MAX_CONSUMERS);
            let others = consumers.flat_map(|&consumer| {
                let inputs = self.graph.steps[consumer].inputs.iter();
                inputs.copied().take(MAX_CONSUMERS)
            });
            let others = others.filter(|other| *other != step && is_of_build(other));
            before.extend(
                others
                    .filter_map(|other| self.begun(other, span.start))
                    .filter(|other| self.all[*other].span.end <= span.start),
            );
            before.sort_unstable();
            before.dedup();
        }
        before
    }

    /// The time in which a step waited for cache mounts before this one of its intervals.
    pub(super) fn waited(&self, at: usize) -> Option<Span> {
        let Piece { span, step } = self.all[at];
        let waited = self.graph.steps[step].waited()?;
        (at > self.firsts[step] && span.start == waited.end).then_some(waited)
    }

    /// The last ones of the steps that held what it waited for.
    pub(super) fn holders(&self, at: usize) -> impl Iterator<Item = usize> {
        let Piece { span, step } = self.all[at];
        let waits = match self.waited(at) {
            Some(_) => &self.graph.steps[step].waits[..],
            None => &[],
        };
        waits
            .iter()
            .filter_map(move |wait| self.begun(wait.holder, span.start))
    }

    /// The last interval of a step that began before a moment, or took no time
    /// at it: results of the cache are reported together, with one time.
    fn begun(&self, step: usize, now: Nanos) -> Option<usize> {
        let spans = &self.graph.steps[step].spans;
        let before = spans.partition_point(|span| span.start < now || span.end <= now);
        before.checked_sub(1).map(|place| self.firsts[step] + place)
    }

    /// All that had ended by a moment, the last one first.
    pub(super) fn ended_by(&self, now: Nanos) -> impl Iterator<Item = usize> {
        let ended = self
            .by_end
            .partition_point(|at| self.all[*at].span.end <= now);
        self.by_end[..ended].iter().rev().copied()
    }

    /// The same for moments that only go back.
    pub(super) fn ended(&self) -> Ended<'_> {
        Ended {
            all: &self.all,
            left: &self.by_end,
        }
    }

    /// The one of some that was over last by a moment, the longest of several.
    pub(super) fn latest(&self, some: impl Iterator<Item = usize>, now: Nanos) -> Option<usize> {
        some.max_by_key(|at| end_order(&self.all, *at, now))
    }
}

/// What had ended by moments that only go back.
#[derive(Debug)]
pub(super) struct Ended<'p> {
    all: &'p [Piece],
    /// Those that had ended by the moment asked last, by their end.
    left: &'p [usize],
}

impl Ended<'_> {
    /// The last one that had ended by `now` and was not visited. Each is
    /// passed over once, however many moments are asked.
    pub(super) fn by(&mut self, now: Nanos, visited: &[bool]) -> Option<usize> {
        while let Some((&last, rest)) = self.left.split_last() {
            if self.all[last].span.end <= now && !visited[last] {
                return Some(last);
            }
            self.left = rest;
        }
        None
    }
}

fn end_order(all: &[Piece], at: usize, now: Nanos) -> (Nanos, Nanos, Reverse<usize>) {
    let span = all[at].span;
    (span.end.min(now), span.end - span.start, Reverse(at))
}
