//! Replaying the step graph: tasks begin when those before them have ended,
//! and RUN tasks share their node's cores while they run.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::super::cause::{Piece, Pieces};
use super::super::graph::Graph;
use super::super::kind::StepKind;
use super::sharing::{Share, Work};

/// Tasks without length at one moment that are passed over to find what came
/// before them; a real build has none.
const MAX_TIES: usize = 1000;

/// Results that an export waits for, those that ended last; a build has one
/// or two for each platform.
const MAX_RESULTS: usize = 64;

/// An interval of a step, to be replayed.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// Place of its step in the graph.
    pub(super) step: usize,
    /// Tasks that must have ended before it begins.
    after: Vec<usize>,
    /// Tasks that must have ended, too, as they hold cache mounts that it wants; see
    /// [`without_locks`].
    pub(super) held_by: Vec<usize>,
    /// Nanoseconds from their end, or from the build's begin, to its own.
    lag: f64,
    /// Nanoseconds that it takes; of a RUN, if it has the node to itself.
    pub(super) work: f64,
    /// Whether it shares the cores of its node.
    pub(super) shares: bool,
    /// The node that it runs on, by its place.
    pub(super) node: usize,
}

/// The tasks of a build: what each began after, and the work of each.
///
/// A task comes after what its links name and had ended when it began. Where
/// they name nothing, it comes after what ended last before it, and an export
/// after every result. `nodes` has the node of each step, and `work` what each
/// node's cores did.
pub(super) fn tasks(
    graph: &Graph<'_>,
    kinds: &[StepKind],
    nodes: &[usize],
    work: &[Work],
) -> Vec<Task> {
    let pieces = Pieces::of(graph);
    let mut results: Vec<usize> = pieces
        .results()
        .filter(|at| kinds[pieces.all[*at].step] != StepKind::Export)
        .collect();
    results.sort_by_key(|at| pieces.all[*at].span.end);
    let tasks = pieces.all.iter().enumerate().map(|(task, piece)| {
        let &Piece { span, step } = piece;
        // Of tasks without length at one moment, the first is before the
        // others, whatever the stream says: none waits for itself.
        let ended = |other: &usize| {
            let before = pieces.all[*other].span;
            let order = (before.start, before.end, *other);
            before.end <= span.start && order < (span.start, span.end, task)
        };
        let mut after: Vec<usize> = pieces.before(task).into_iter().filter(ended).collect();
        if after.is_empty() && kinds[step] == StepKind::Export {
            let there = results.partition_point(|at| pieces.all[*at].span.end <= span.start);
            let there = results[..there].iter().rev().copied();
            after.extend(there.filter(ended).take(MAX_RESULTS));
        }
        if after.is_empty() {
            after.extend(pieces.ended_by(span.start).take(MAX_TIES).find(ended));
        }
        let held_by: Vec<usize> = pieces.holders(task).filter(ended).collect();
        let ends = after.iter().chain(&held_by);
        let ends = ends.map(|task| pieces.all[*task].span.end);
        let shares = kinds[step].is_run();
        Task {
            step,
            lag: (span.start - ends.max().unwrap_or(0)) as f64,
            work: if shares {
                work[nodes[step]].between(span.start, span.end)
            } else {
                (span.end - span.start) as f64
            },
            after,
            held_by,
            shares,
            node: nodes[step],
        }
    });
    tasks.collect()
}

/// The tasks as they would be if no cache mount were locked.
pub(super) fn without_locks(tasks: &[Task]) -> Vec<Task> {
    let tasks = tasks.iter().map(|task| Task {
        held_by: Vec::new(),
        ..task.clone()
    });
    tasks.collect()
}

/// A moment at which something happens to a task.
#[derive(Debug, Clone, Copy, PartialEq)]
struct At {
    time: f64,
    task: usize,
}

impl Eq for At {}

impl Ord for At {
    fn cmp(&self, other: &Self) -> Ordering {
        // The earliest first: a heap gives its greatest.
        let by_time = other.time.total_cmp(&self.time);
        by_time.then(other.task.cmp(&self.task))
    }
}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A node's RUN tasks under way. All run at the same speed, so one clock of
/// work done serves them all, and each ends when the clock has come far enough.
#[derive(Debug)]
struct Cores {
    share: Share,
    /// Work that each task under way since the begin would have done.
    clock: f64,
    /// Tasks under way by where the clock stands when they end.
    ends: BinaryHeap<At>,
}

impl Cores {
    fn speed(&self) -> f64 {
        let count = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.share.speed(count)
    }

    /// When the next task ends if nothing else happens, and which.
    fn next(&self, now: f64) -> Option<At> {
        let At { time, task } = *self.ends.peek()?;
        let left = (time - self.clock).max(0.0);
        Some(At {
            time: now + left / self.speed(),
            task,
        })
    }
}

/// One replay.
pub(super) struct Replay<'t> {
    tasks: &'t [Task],
    /// Tasks that each task lets begin.
    before: Vec<Vec<usize>>,
    /// How many tasks each still waits for.
    waiting: Vec<usize>,
    /// Of each node.
    cores: Vec<Cores>,
    /// Tasks that wait for nothing more, by when they begin.
    begins: BinaryHeap<At>,
    /// Tasks under way that share no cores, by when they end.
    fixed_ends: BinaryHeap<At>,
}

impl<'t> Replay<'t> {
    /// On so many nodes, whose RUN steps share cores alike.
    pub(super) fn new(tasks: &'t [Task], nodes: usize, share: Share) -> Self {
        let mut before = vec![Vec::new(); tasks.len()];
        for (task, found) in tasks.iter().enumerate() {
            for &earlier in found.after.iter().chain(&found.held_by) {
                before[earlier].push(task);
            }
        }
        Self {
            tasks,
            before,
            waiting: tasks
                .iter()
                .map(|task| task.after.len() + task.held_by.len())
                .collect(),
            cores: (0..nodes)
                .map(|_| Cores {
                    share,
                    clock: 0.0,
                    ends: BinaryHeap::new(),
                })
                .collect(),
            begins: BinaryHeap::new(),
            fixed_ends: BinaryHeap::new(),
        }
    }

    /// When the last task ends, nanoseconds from the build's begin.
    pub(super) fn run(mut self) -> f64 {
        for (task, found) in self.tasks.iter().enumerate() {
            if self.waiting[task] == 0 {
                let time = found.lag;
                self.begins.push(At { time, task });
            }
        }
        let mut now = 0.0f64;
        loop {
            let begin = self.begins.peek().copied();
            let fixed = self.fixed_ends.peek().copied();
            let shared = self.cores.iter().map(|cores| cores.next(now));
            // What ends makes way for what begins at the same moment.
            let ends = std::iter::once(fixed).chain(shared).enumerate();
            let end = ends
                .filter_map(|(place, end)| Some((end?, place)))
                .min_by(|(a, _), (b, _)| a.time.total_cmp(&b.time));
            let (next, place) = match (end, begin) {
                (Some((end, place)), Some(begin)) if end.time <= begin.time => (end, Some(place)),
                (_, Some(begin)) => (begin, None),
                (Some((end, place)), None) => (end, Some(place)),
                (None, None) => return now,
            };
            self.pass(next.time - now);
            now = now.max(next.time);
            match place {
                None => self.begin(next.task, now),
                Some(place) => self.end(next.task, place.checked_sub(1), now),
            }
        }
    }

    fn begin(&mut self, task: usize, now: f64) {
        self.begins.pop();
        let Task {
            work, shares, node, ..
        } = self.tasks[task];
        if shares {
            let cores = &mut self.cores[node];
            let time = cores.clock + work;
            cores.ends.push(At { time, task });
        } else {
            let time = now + work;
            self.fixed_ends.push(At { time, task });
        }
    }

    /// Ends a task on the cores of `node`, or one that shares none.
    fn end(&mut self, task: usize, node: Option<usize>, now: f64) {
        match node {
            None => {
                self.fixed_ends.pop();
            }
            Some(node) => {
                let cores = &mut self.cores[node];
                // Rounding must not leave the clock behind.
                if let Some(At { time, .. }) = cores.ends.pop() {
                    cores.clock = cores.clock.max(time);
                }
            }
        }
        for &task in &self.before[task] {
            self.waiting[task] -= 1;
            if self.waiting[task] == 0 {
                let time = now + self.tasks[task].lag;
                self.begins.push(At { time, task });
            }
        }
    }

    fn pass(&mut self, time: f64) {
        for cores in &mut self.cores {
            cores.clock += time.max(0.0) * cores.speed();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::kind::kind_of;
    use super::*;
    use crate::trace::status::Vertex;
    use crate::trace::{SolveStatus, Trace};

    #[test]
    fn an_export_waits_for_the_results_that_ended_last() {
        let begin: jiff::Timestamp = "2026-11-24T09:00:00Z".parse().unwrap();
        let at = |seconds: u64| Some(begin + Duration::from_secs(seconds));
        let vertex = |name: String, second: u64| Vertex {
            digest: name.clone(),
            name,
            started: at(second),
            completed: at(second + 1),
            ..Vertex::default()
        };
        let results = (0..200).map(|n| vertex(format!("[stage-{n} 1/1] RUN x"), n));
        let exports = (0..200).map(|n| vertex(format!("exporting {n}"), 500 + n));
        let mut trace = Trace::new();
        trace.push(&SolveStatus {
            vertexes: results.chain(exports).collect(),
            ..SolveStatus::default()
        });
        let graph = Graph::of(&trace).unwrap();
        let steps = graph.steps.iter();
        let kinds: Vec<StepKind> = steps
            .map(|step| kind_of(step.step, None, None, true))
            .collect();
        let running = graph.concurrency(|at| kinds[at].is_run());
        let nodes = vec![0; graph.steps.len()];
        let tasks = tasks(&graph, &kinds, &nodes, &[Share::NONE.work(&running)]);
        for (task, place) in tasks.iter().zip(0..) {
            if kinds[task.step] == StepKind::Export {
                assert_eq!(task.after.len(), MAX_RESULTS);
                assert!(task.after.contains(&199) && !task.after.contains(&100));
                assert_eq!(task.lag, (place - 200 + 300) as f64 * 1e9);
            }
        }
    }
}
