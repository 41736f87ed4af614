//! The strategies that a run tells of: each variant, on the nodes that it was raced on
//! and, as a prediction, on native ones, with its caches lost and kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::cache_mount::CacheMount;
use super::caches::Caches;
use super::cell::Cell;
use crate::explain::what_if::Change;
use crate::explain::{Activity, Explanation, RunExplanation, SampleExplanation, StepKind};
use crate::model::{
    BuildKind, BuildNodes, CiCacheInfo, Job, Outcome, PartKind, Platform, ScenarioInfo,
    VariantInfo, split_cell,
};
use crate::stats::Interval;
use crate::verdict::{Assessment, never_builds};

/// Which nodes build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nodes {
    /// One builds for all platforms.
    One,
    /// Each platform has one whose CPU executes its programs, and that was measured.
    Native,
    /// The same, as a prediction of what-if.
    NativeModel,
}

/// How a variant makes images for platforms that the node does not execute.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct How {
    /// Share of a build from nothing that waits for steps under an emulator; 0 if none
    /// runs under one.
    pub emulated: f64,
    /// Some steps run natively and make something for another platform.
    pub cross: bool,
}

/// A way to build: a variant, where, and what becomes of its caches.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    /// Name of the variant, from outside.
    pub variant: String,
    /// Its Dockerfile, relative to the project, from outside.
    pub dockerfile: String,
    /// Whether the variant is the scenario's reference.
    pub is_reference: bool,
    /// Which nodes build.
    pub nodes: Nodes,
    /// What becomes of its caches.
    pub caches: Caches,
    /// How it makes foreign platforms, where its traces tell.
    pub how: Option<How>,
    /// The cache mounts of its RUN instructions, as far as its traces tell.
    pub cache_mounts: Vec<CacheMount>,
    /// Its remote cache, where it has one.
    pub remote: Option<CiCacheInfo>,
    /// Bytes that a job exports to it.
    pub remote_bytes: Option<u64>,
    /// The platform of each runner that a job keeps busy.
    pub runners: Vec<Platform>,
    /// What each job takes.
    pub cells: BTreeMap<Job, Cell>,
}

impl Strategy {
    /// Its name: `cross/kept`, or `naive+native/lost` on native nodes that nobody
    /// had.
    pub fn name(&self) -> String {
        self.to_string()
    }

    /// Whether its times are a prediction.
    pub fn is_model(&self) -> bool {
        self.nodes == Nodes::NativeModel
    }

    /// How its builds end, where they do not succeed.
    pub fn failed(&self) -> Option<Outcome> {
        self.cells.values().find_map(|cell| match cell {
            Cell::Failed(outcome) => Some(*outcome),
            _ => None,
        })
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = if self.is_model() { "+native" } else { "" };
        write!(f, "{}{nodes}/{}", self.variant, self.caches)
    }
}

/// The strategies of a scenario, in the order of its variants. `jobs` are those that
/// each has a cell of.
pub fn strategies(
    assessment: &Assessment<'_>,
    scenario: &ScenarioInfo,
    explained: &RunExplanation,
    jobs: &[Job],
) -> Vec<Strategy> {
    let found = scenario.variants.iter().flat_map(|variant| {
        let of_variant = OfVariant {
            assessment,
            scenario,
            explained,
            variant,
        };
        of_variant.strategies(jobs)
    });
    found.collect()
}

/// The kind that builds all platforms of a scenario from nothing.
pub(super) fn from_nothing(scenario: &ScenarioInfo) -> BuildKind {
    match scenario.native_only() {
        true => BuildKind::Cold,
        false => BuildKind::MultiArch,
    }
}

struct OfVariant<'a> {
    assessment: &'a Assessment<'a>,
    scenario: &'a ScenarioInfo,
    explained: &'a RunExplanation,
    variant: &'a VariantInfo,
}

impl OfVariant<'_> {
    fn strategies(&self, jobs: &[Job]) -> Vec<Strategy> {
        let (nodes, runners) = self.nodes();
        let how = self.how();
        // What nothing emulates gains nothing by native nodes.
        let model = how.filter(|how| how.emulated > 0.0).map(|_| {
            let runners = self.scenario.platforms.clone();
            (Nodes::NativeModel, runners)
        });
        let each = std::iter::once((nodes, runners)).chain(model);
        let each = each.flat_map(|(nodes, runners)| {
            let caches = Caches::of_kinds(&self.scenario.kinds).into_iter();
            caches.map(move |caches| (nodes, runners.clone(), caches))
        });
        each.map(|(nodes, runners, caches)| Strategy {
            variant: self.variant.name.clone(),
            dockerfile: self.variant.dockerfile.clone(),
            is_reference: self.is_reference(),
            nodes,
            caches,
            how,
            cache_mounts: self.cache_mounts(),
            remote: self.remote(caches),
            remote_bytes: self.remote_bytes(caches),
            runners,
            cells: jobs
                .iter()
                .map(|job| (*job, self.cell(*job, nodes, caches)))
                .collect(),
        })
        .collect()
    }

    /// In a matrix, each value has one.
    fn is_reference(&self) -> bool {
        split_cell(&self.variant.name).0 == split_cell(&self.scenario.reference).0
    }

    /// Which nodes built it, and whose runners they are.
    fn nodes(&self) -> (Nodes, Vec<Platform>) {
        let builder = self.assessment.run.record.builder_of(self.variant);
        let native = builder.platforms.first().unwrap_or(&self.scenario.native);
        let nodes = BuildNodes {
            native,
            several: &builder.nodes,
        };
        let parts = nodes.parts(&self.scenario.platforms);
        let is_native = parts
            .iter()
            .all(|part| part.platforms == [part.native.clone()]);
        let runners = parts.iter().map(|part| part.native.clone()).collect();
        match parts.len() > 1 && is_native {
            true => (Nodes::Native, runners),
            false => (Nodes::One, runners),
        }
    }

    fn samples(&self, kind: BuildKind) -> impl Iterator<Item = &SampleExplanation> {
        let samples = self.explained.samples.iter();
        samples.filter(move |found| {
            let slot = &found.sample.slot;
            slot.scenario == self.scenario.name
                && slot.variant == self.variant.name
                && slot.kind == kind
                && found.sample.outcome == Outcome::Ok
                && found.explanation.complete
        })
    }

    fn how(&self) -> Option<How> {
        let kind = from_nothing(self.scenario);
        let (name, variant) = (&self.scenario.name, &self.variant.name);
        let typical = &self.explained.typical(name, variant, kind)?.explanation;
        let is_emulated = |activity| activity == Activity::Step(StepKind::EmulatedRun);
        let mut parts = typical.make_up.iter();
        let share = parts.find(|part| is_emulated(part.activity));
        let mut steps = typical.steps.iter();
        Some(How {
            // One that nothing waited for is one, too.
            emulated: match typical.emulated.is_zero() {
                true => 0.0,
                false => share.map_or(f64::MIN_POSITIVE, |part| part.share),
            },
            cross: steps.any(|step| step.kind == StepKind::CrossRun),
        })
    }

    fn cache_mounts(&self) -> Vec<CacheMount> {
        let kind = from_nothing(self.scenario);
        let steps = self
            .samples(kind)
            .flat_map(|found| &found.explanation.steps);
        let runs = steps.filter(|step| step.kind.is_run());
        CacheMount::of(runs.map(|step| step.instruction.as_str()))
    }

    fn remote(&self, caches: Caches) -> Option<CiCacheInfo> {
        let Caches::Remote(name) = caches else {
            return None;
        };
        let mut known = self.assessment.run.record.ci_caches.iter();
        known.find(|cache| cache.name == name.as_str()).cloned()
    }

    /// Bytes that the first job exports to its remote cache, those of a typical sample.
    fn remote_bytes(&self, caches: Caches) -> Option<u64> {
        let Caches::Remote(cache) = caches else {
            return None;
        };
        let (run, kind) = (self.assessment.run, BuildKind::CacheExport(cache));
        let samples = run.cell(&self.scenario.name, &self.variant.name, kind);
        let good = samples.filter(|s| s.outcome == Outcome::Ok && self.assessment.counts(s));
        // The bytes of a registry's cache are not known.
        let layers = self.remote(caches).is_none_or(|it| it.mode.is_some());
        let mut bytes: Vec<u64> = good
            .filter_map(|sample| {
                let of = |kind| {
                    let part = sample.parts.iter().find(|part| part.part == kind);
                    part.and_then(|part| part.bytes)
                };
                let mounts = of(PartKind::SaveMounts).unwrap_or(0);
                match layers {
                    true => Some(of(PartKind::ExportCache)? + mounts),
                    false => Some(mounts),
                }
            })
            .collect();
        bytes.sort_unstable();
        bytes.get(bytes.len() / 2).copied()
    }

    fn cell(&self, job: Job, nodes: Nodes, caches: Caches) -> Cell {
        let kind = caches.kind(job, from_nothing(self.scenario));
        let name = &self.scenario.name;
        if let Some(outcome) = self.failed(caches) {
            return Cell::Failed(outcome);
        }
        let by_round = self.assessment.times(name, &self.variant.name, kind);
        if by_round.is_empty() {
            return Cell::NotMeasured(kind);
        }
        match nodes {
            Nodes::One | Nodes::Native => Cell::Measured(by_round),
            Nodes::NativeModel => self.predicted(kind),
        }
    }

    /// How builds of a kind end, if none of them succeeds: who cannot be built in one
    /// way is no variant to trust in another. A remote cache that fails is no fault of a
    /// strategy without it.
    fn failed(&self, caches: Caches) -> Option<Outcome> {
        let (run, name) = (self.assessment.run, &self.scenario.name);
        let variant = &self.variant.name;
        let is_own = |kind: &&BuildKind| {
            let cache = kind.remote_cache();
            cache.is_none_or(|cache| caches == Caches::Remote(cache))
        };
        let mut kinds = self.scenario.kinds.iter().filter(is_own);
        let kind = kinds.find(|kind| never_builds(run, name, variant, **kind))?;
        let mut samples = run.cell(name, variant, *kind);
        let wrong = samples.find(|sample| sample.outcome != Outcome::Ok);
        // Or one that it starts from builds something else.
        Some(wrong.map_or(Outcome::WrongOutput, |sample| sample.outcome))
    }

    /// What builds of a kind would take on native nodes: from the least to the most
    /// that what-if says of any of them.
    fn predicted(&self, kind: BuildKind) -> Cell {
        let counted = self
            .samples(kind)
            .filter(|found| self.assessment.counts(&found.sample));
        let ranges = counted.map(|found| {
            let (low, high) = on_native_nodes(&found.explanation)?;
            // What the client waited besides.
            let besides = found.sample.wall.saturating_sub(found.explanation.span);
            let besides = besides.as_secs_f64();
            Some((low + besides, high + besides))
        });
        let Some(ranges) = ranges.collect::<Option<Vec<(f64, f64)>>>() else {
            return Cell::NotModelled;
        };
        let low = ranges.iter().map(|range| range.0).reduce(f64::min);
        let high = ranges.iter().map(|range| range.1).reduce(f64::max);
        match (low, high) {
            (Some(low), Some(high)) => Cell::Model(Interval { low, high }),
            _ => Cell::NotModelled,
        }
    }
}

/// What a build would take, seconds, if no step of it were emulated. It is asked of one
/// platform at a time.
fn on_native_nodes(explanation: &Explanation) -> Option<(f64, f64)> {
    let steps = explanation.steps.iter();
    let emulated = steps.filter(|step| step.kind == StepKind::EmulatedRun && !step.cached);
    let emulated: BTreeSet<Option<&Platform>> =
        emulated.map(|step| step.platform.as_ref()).collect();
    let mut emulated = emulated.into_iter();
    let Some(first) = emulated.next() else {
        let span = explanation.span.as_secs_f64();
        return Some((span, span));
    };
    let only = first.filter(|_| emulated.next().is_none())?;
    let mut answers = explanation.what_if.iter();
    let answer = answers.find(
        |answer| matches!(&answer.change, Change::NativeNode { platform } if platform == only),
    )?;
    Some((answer.low.as_secs_f64(), answer.high.as_secs_f64()))
}
