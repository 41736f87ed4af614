//! The critical path: what the build was doing, or waiting for, at each moment
//! that its end depended on.
//!
//! It is found from its end, as the interval that ended last. Before it came
//! whatever ended last of what it came after (`cause.rs`). Time between is
//! waiting: for a place among BuildKit's parallel steps, for the frontend, for
//! the client; or for a cache mount (`locks.rs`), and what came before is then what came
//! before that waiting.
//!
//! So the path covers the build from its first step's start to its last one's
//! end, each moment once.

use super::cause::{Piece, Pieces};
use super::graph::{Graph, Nanos, Span};

/// A part of the critical path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) span: Span,
    /// Place of the step in [`Graph::steps`]; `None` for waiting.
    pub(super) step: Option<usize>,
    /// Place of the step that waits for a cache mount.
    pub(super) waits: Option<usize>,
}

/// The parts of the critical path in order of time, without gaps. Of a build
/// that failed it leads to the end of the step that did: what comes after is
/// waiting for other steps to be stopped.
pub(super) fn critical_path(graph: &Graph<'_>, failed: Option<usize>) -> Vec<Stretch> {
    let pieces = Pieces::of(graph);
    // One that takes no time could be met again at the same moment.
    let mut visited = vec![false; pieces.all.len()];
    let mut stretches = Vec::new();
    let mut now = graph.length;
    let mut next = match failed {
        Some(step) => pieces.last_of(step),
        None => pieces.last(),
    };
    let mut ended = pieces.ended();
    while let Some(at) = next {
        visited[at] = true;
        let Piece { span, step } = pieces.all[at];
        let end = span.end.min(now);
        push(&mut stretches, (end, now), None, None);
        push(&mut stretches, (span.start, end), Some(step), None);
        now = span.start;
        if let Some(waited) = pieces.waited(at) {
            push(&mut stretches, (waited.start, now), None, Some(step));
            now = waited.start;
            let began = at - 1;
            next = Some(began)
                .filter(|at| !visited[*at])
                .or_else(|| ended.by(now, &visited));
            continue;
        }
        let before = pieces.before(at).into_iter().filter(|at| !visited[*at]);
        next = pieces
            .latest(before, now)
            .or_else(|| ended.by(now, &visited));
    }
    push(&mut stretches, (0, now), None, None);
    stretches.reverse();
    stretches
}

/// Adds a stretch that comes before those that are there.
fn push(
    stretches: &mut Vec<Stretch>,
    (start, end): (Nanos, Nanos),
    step: Option<usize>,
    waits: Option<usize>,
) {
    if start >= end {
        return;
    }
    match stretches.last_mut() {
        Some(later) if (later.step, later.waits, later.span.start) == (step, waits, end) => {
            later.span.start = start;
        }
        _ => stretches.push(Stretch {
            span: Span { start, end },
            step,
            waits,
        }),
    }
}
