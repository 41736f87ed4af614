//! What the build would have taken, had something been otherwise: the step
//! graph is replayed with other durations.
//!
//! **The model.** A step begins when what it began after has ended, and as
//! long after that as it did; one that waited for a cache mount begins when the steps that held it
//! have ended. RUN steps of a node share its cores: one keeps a
//! share `s` of them busy, so that `n` at a time run at the speed
//! `min(1, 1/(n s))`, each as fast as the others. `s` is what explains how busy
//! the machine was in all; where that is not known, the answer is a range from
//! `s = 0` (steps do not slow each other down) to `s = 1` (each would use all
//! cores). Everything else takes what it took.
//!
//! **Its limits.** Disks and networks are not shared in it, and caches,
//! memory and clock rates do not change. A step at native speed takes what the
//! same instruction took natively, though its inputs may differ. A replay with
//! nothing changed takes exactly what the build took.

mod replay;
mod sharing;

use std::time::Duration;

use serde::Serialize;

use super::graph::{Graph, Nanos};
use super::kind::StepKind;
use crate::model::{Platform, seconds};
use replay::{Replay, Task};
pub(super) use sharing::Share;

/// A change to a build.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// An emulated step takes what its instruction takes natively, on the
    /// same node.
    NativeStep {
        /// Place in the explanation's steps.
        step: usize,
    },
    /// The emulated steps of a platform run on a node of that platform, beside
    /// the node that there is.
    NativeNode {
        /// The platform that has a node of its own.
        platform: Platform,
    },
    /// A step takes no time.
    NoStep {
        /// Place in the explanation's steps.
        step: usize,
    },
    /// No step waits for a cache mount: each of these caches has `sharing=shared`, or an id of
    /// its own for each that wants it.
    NoCacheLock {
        /// Ids of the caches.
        ids: Vec<String>,
    },
    /// The node has another number of cores for its RUN steps.
    Cores {
        /// Cores that it has.
        from: u32,
        /// Cores that it would have.
        to: u32,
    },
}

/// What the build would take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIf {
    /// The change that is supposed.
    #[serde(flatten)]
    pub change: Change,
    /// Least that it would take on BuildKit's clock.
    #[serde(with = "seconds", rename = "low_seconds")]
    pub low: Duration,
    /// Most that it would take.
    #[serde(with = "seconds", rename = "high_seconds")]
    pub high: Duration,
    /// Of changed steps, what each would take if it ran alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<ChangedStep>,
    /// What was measured that comes near it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
}

/// A step that a change makes faster.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangedStep {
    /// Place in the explanation's steps.
    pub step: usize,
    /// Least that it would take alone.
    #[serde(with = "seconds", rename = "low_seconds")]
    pub low: Duration,
    /// Most that it would take alone.
    #[serde(with = "seconds", rename = "high_seconds")]
    pub high: Duration,
}

/// A measurement to hold a prediction against.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// What was built, `cold of naive`.
    pub what: String,
    /// The median of what it took on BuildKit's clock.
    #[serde(with = "seconds", rename = "seconds")]
    pub span: Duration,
}

impl WhatIf {
    /// The middle of the range.
    pub fn middle(&self) -> Duration {
        (self.low + self.high) / 2
    }
}

/// A step at native speed: what is known of its time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum NativeTime {
    /// As long as this step of the same build took, which may have shared the
    /// node's cores.
    AsStep(usize),
    /// As long as it took elsewhere, alone.
    Alone(Nanos),
}

/// A build that can be replayed, under one assumption on its sharing.
struct Model {
    share: Share,
    tasks: Vec<Task>,
    /// Nanoseconds that each step would take alone.
    work: Vec<f64>,
    /// How many nodes the steps ran on.
    nodes: usize,
}

impl Model {
    fn new(graph: &Graph<'_>, kinds: &[StepKind], share: Share) -> Self {
        let (of_steps, nodes) = nodes_of(graph);
        let on_nodes = (0..nodes).map(|node| {
            let running = graph.concurrency(|at| kinds[at].is_run() && of_steps[at] == node);
            share.work(&running)
        });
        let tasks = replay::tasks(graph, kinds, &of_steps, &on_nodes.collect::<Vec<_>>());
        let mut work = vec![0.0; graph.steps.len()];
        for task in &tasks {
            work[task.step] += task.work;
        }
        Self {
            share,
            tasks,
            work,
            nodes,
        }
    }

    fn native_work(&self, time: NativeTime) -> f64 {
        match time {
            NativeTime::AsStep(step) => self.work[step],
            NativeTime::Alone(nanos) => nanos as f64,
        }
    }

    /// Replays with steps that take other times, some of them on another node.
    fn with(&self, changed: &[(usize, f64)], moved: bool) -> f64 {
        let mut wanted = vec![None; self.work.len()];
        for &(step, work) in changed {
            wanted[step] = Some(work);
        }
        let mut tasks = self.tasks.clone();
        for task in &mut tasks {
            if let Some(work) = wanted[task.step] {
                let now = self.work[task.step];
                task.work = if now > 0.0 {
                    task.work * work / now
                } else {
                    0.0
                };
                if moved {
                    // One that there was not.
                    task.node = self.nodes;
                }
            }
        }
        if moved {
            // Another node has other cache mounts.
            let is_moved: Vec<bool> = tasks.iter().map(|it| wanted[it.step].is_some()).collect();
            for (task, own) in tasks.iter_mut().zip(&is_moved) {
                task.held_by.retain(|holder| is_moved[*holder] == *own);
            }
        }
        Replay::new(&tasks, self.nodes + 1, self.share).run()
    }

    /// Replays with no cache mount locked.
    fn without_locks(&self) -> f64 {
        let tasks = replay::without_locks(&self.tasks);
        Replay::new(&tasks, self.nodes, self.share).run()
    }

    /// Replays on another number of cores, with RUN steps that use them as
    /// well as before (`scales`), or not at all.
    fn on_cores(&self, factor: f64, scales: bool) -> f64 {
        let mut tasks = self.tasks.clone();
        let mut share = self.share;
        if scales {
            for task in tasks.iter_mut().filter(|task| task.shares) {
                task.work /= factor;
            }
        } else {
            share = share.on_cores(factor);
        }
        Replay::new(&tasks, self.nodes, share).run()
    }
}

/// The node of each step, by its place, and how many nodes there are: one where
/// names of steps tell of none.
fn nodes_of(graph: &Graph<'_>) -> (Vec<usize>, usize) {
    let mut names: Vec<&str> = Vec::new();
    let of_steps = graph.steps.iter().map(|found| {
        let name = found.step.label.node.as_deref().unwrap_or_default();
        let known = names.iter().position(|known| *known == name);
        known.unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        })
    });
    let of_steps = of_steps.collect();
    (of_steps, names.len().max(1))
}

/// Everything that can be asked of one build.
pub(super) struct Question {
    models: Vec<Model>,
}

impl Question {
    /// `shares` are the assumptions between which the truth lies.
    pub(super) fn new(graph: &Graph<'_>, kinds: &[StepKind], shares: &[Share]) -> Self {
        let models = shares.iter().map(|share| Model::new(graph, kinds, *share));
        Self {
            models: models.collect(),
        }
    }

    /// How many times what another takes a step would take, each alone: least
    /// and most.
    pub(super) fn alone_ratio(&self, step: usize, other: usize) -> Option<(f64, f64)> {
        let ratios = self
            .models
            .iter()
            .map(|model| model.work[step] / model.work[other]);
        let ratios: Vec<f64> = ratios.filter(|ratio| ratio.is_finite()).collect();
        let low = ratios.iter().copied().min_by(f64::total_cmp)?;
        let high = ratios.iter().copied().max_by(f64::total_cmp)?;
        Some((low, high))
    }

    /// If a step took what it takes natively.
    pub(super) fn native_step(&self, step: usize, time: NativeTime) -> WhatIf {
        let spans = |model: &Model| model.with(&[(step, model.native_work(time))], false);
        let changed = [(step, time)];
        self.answer(Change::NativeStep { step }, spans, &changed)
    }

    /// If a platform's emulated steps ran on a node of their own.
    pub(super) fn native_node(&self, platform: Platform, steps: &[(usize, NativeTime)]) -> WhatIf {
        let spans = |model: &Model| {
            let changed: Vec<(usize, f64)> = steps
                .iter()
                .map(|(step, time)| (*step, model.native_work(*time)))
                .collect();
            model.with(&changed, true)
        };
        self.answer(Change::NativeNode { platform }, spans, steps)
    }

    /// If a step took no time.
    pub(super) fn no_step(&self, step: usize) -> WhatIf {
        let spans = |model: &Model| model.with(&[(step, 0.0)], false);
        self.answer(Change::NoStep { step }, spans, &[])
    }

    /// If no step waited for these caches, which are all that some waited for.
    pub(super) fn no_cache_lock(&self, ids: Vec<String>) -> WhatIf {
        self.answer(Change::NoCacheLock { ids }, Model::without_locks, &[])
    }

    /// If the node had another number of cores.
    pub(super) fn cores(&self, from: u32, to: u32) -> WhatIf {
        let factor = f64::from(to) / f64::from(from.max(1));
        let scaling = self.models.iter().map(|model| model.on_cores(factor, true));
        let fixed = self
            .models
            .iter()
            .map(|model| model.on_cores(factor, false));
        let (low, high) = range(scaling.chain(fixed));
        WhatIf {
            change: Change::Cores { from, to },
            low,
            high,
            steps: Vec::new(),
            measured: None,
        }
    }

    fn answer(
        &self,
        change: Change,
        spans: impl Fn(&Model) -> f64,
        changed: &[(usize, NativeTime)],
    ) -> WhatIf {
        let (low, high) = range(self.models.iter().map(spans));
        let steps = changed.iter().map(|&(step, time)| {
            let (low, high) = range(self.models.iter().map(|model| model.native_work(time)));
            ChangedStep { step, low, high }
        });
        WhatIf {
            change,
            low,
            high,
            steps: steps.collect(),
            measured: None,
        }
    }

    /// If nothing were changed.
    #[cfg(test)]
    pub(super) fn unchanged(&self) -> (Duration, Duration) {
        range(self.models.iter().map(|model| model.with(&[], false)))
    }
}

fn range(nanos: impl Iterator<Item = f64>) -> (Duration, Duration) {
    let (mut low, mut high) = (f64::INFINITY, 0.0f64);
    for value in nanos {
        low = low.min(value);
        high = high.max(value);
    }
    let whole = |nanos: f64| Duration::from_nanos(nanos.clamp(0.0, u64::MAX as f64).round() as u64);
    (whole(low.min(high)), whole(high))
}
