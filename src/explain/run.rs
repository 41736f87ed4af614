//! Explaining a run: each of its samples, with what the others tell of it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rayon::prelude::*;

use super::what_if::{Change, Measured};
use super::{
    Conditions, Explanation, FailureFacts, Instruction, Lines, NativeAlone, Node, StepKind, explain,
};
use crate::model::{BuildKind, Outcome, Run, Sample, ScenarioInfo, VariantInfo, split_cell};
use crate::stats::Times;
use crate::trace::{Clock, Trace};

/// The samples of a run that have a trace, in the order they were built.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunExplanation {
    /// Each with its explanation.
    pub samples: Vec<SampleExplanation>,
}

/// A sample and why it took as long as it did.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleExplanation {
    /// The sample.
    pub sample: Sample,
    /// Why it took as long as it did.
    pub explanation: Explanation,
}

impl RunExplanation {
    /// The explanation of a sample.
    pub fn sample(&self, id: &str) -> Option<&SampleExplanation> {
        self.samples.iter().find(|found| found.sample.slot.id == id)
    }

    /// The sample whose builder state another one starts from: the last of its
    /// variant and round, of the kind that comes before its own.
    pub fn start_of(&self, found: &SampleExplanation) -> Option<&SampleExplanation> {
        let slot = &found.sample.slot;
        let of = |native_only| {
            let kind = slot.kind.starts_from(native_only)?;
            let mut others = self.samples.iter().filter(|other| {
                let other = &other.sample.slot;
                let is_of_variant =
                    (&other.scenario, &other.variant) == (&slot.scenario, &slot.variant);
                is_of_variant && other.round <= slot.round && other.kind == kind
            });
            // Where a gate goes by incremental, what it starts from is built once.
            others.next_back()
        };
        of(false).or_else(|| of(true))
    }

    /// The sample that stands for a variant's kind: of those that are ok, the
    /// one of middle wall time. One whose trace is cut off stands for nothing
    /// as long as there is another.
    pub fn typical(
        &self,
        scenario: &str,
        variant: &str,
        kind: BuildKind,
    ) -> Option<&SampleExplanation> {
        let wanted = |found: &&SampleExplanation| {
            let sample = &found.sample;
            sample.outcome == Outcome::Ok
                && sample.slot.scenario == scenario
                && sample.slot.variant == variant
                && sample.slot.kind == kind
        };
        let mut found: Vec<&SampleExplanation> = self.samples.iter().filter(wanted).collect();
        if found.iter().any(|found| found.explanation.complete) {
            found.retain(|found| found.explanation.complete);
        }
        found.sort_by_key(|found| found.sample.wall);
        found.get(found.len().saturating_sub(1) / 2).copied()
    }
}

/// A trace as it was read back.
#[derive(Debug, Clone)]
pub struct StoredTrace {
    /// What it says.
    pub trace: Trace,
    /// Whether its end is missing.
    pub cut_off: bool,
}

/// Explains every sample of a run that `trace` has a recording of.
///
/// `lines` tells the Dockerfile's lines of a variant, as far as they are
/// known, and `cores` is a number of cores to ask of.
pub fn explain_run(
    run: &Run,
    cores: Option<u32>,
    lines: impl Fn(&ScenarioInfo, &VariantInfo) -> Lines,
    mut trace: impl FnMut(&Sample) -> Option<StoredTrace>,
) -> RunExplanation {
    let told: Vec<(&Sample, StoredTrace)> = run
        .samples
        .iter()
        .filter_map(|sample| Some((sample, trace(sample)?)))
        .collect();
    let mut lines_of: HashMap<(&str, &str), Lines> = HashMap::new();
    let mut nodes: HashMap<(&str, &str), Node> = HashMap::new();
    for scenario in &run.record.scenarios {
        for variant in &scenario.variants {
            let key = (scenario.name.as_str(), variant.name.as_str());
            lines_of.insert(key, lines(scenario, variant));
            nodes.extend(Node::of_variant(&run.record, variant).map(|node| (key, node)));
        }
    }
    let alone = native_alone(&told, &nodes);
    // Each on its own, and in this order.
    let explained = told.par_iter().filter_map(|(sample, stored)| {
        let variant = (sample.slot.scenario.as_str(), sample.slot.variant.as_str());
        let conditions = Conditions {
            node: nodes.get(&variant).cloned(),
            platform: match sample.platforms.as_slice() {
                [platform] => Some(platform.clone()),
                _ => None,
            },
            built: sample.platforms.clone(),
            // Of several nodes, some are other machines.
            cpu_busy: sample
                .host
                .cpu_busy
                .filter(|_| nodes.get(&variant).is_none_or(|node| node.nodes.is_empty())),
            lines: lines_of.get(&variant).cloned().unwrap_or_default(),
            elsewhere: comparable(alone.get(&variant), sample.slot.kind),
            cores,
            cut_off: stored.cut_off,
            clock: Clock::BuildKit,
            failure: failure_of(sample),
        };
        Some(SampleExplanation {
            sample: (*sample).clone(),
            explanation: explain(&stored.trace, &conditions)?,
        })
    });
    let mut explanation = RunExplanation {
        samples: explained.collect(),
    };
    add_measurements(run, &mut explanation);
    explanation
}

/// Why a sample has no result, as the run recorded it.
fn failure_of(sample: &Sample) -> Option<FailureFacts> {
    let cancelled = match sample.outcome {
        Outcome::Failed | Outcome::NotTransferred | Outcome::LostBuilder => false,
        Outcome::TimedOut | Outcome::Interrupted => true,
        Outcome::Ok | Outcome::WrongOutput | Outcome::Skipped => return None,
    };
    Some(FailureFacts {
        message: sample.failure.as_ref()?.message.clone(),
        cancelled,
        by_step: false,
    })
}

/// What the instructions of each scenario's variants took natively in cold
/// builds, where no other platform used the node.
fn native_alone<'s>(
    told: &[(&'s Sample, StoredTrace)],
    nodes: &HashMap<(&str, &str), Node>,
) -> HashMap<(&'s str, &'s str), HashMap<Instruction, NativeAlone>> {
    let mut times: BTreeMap<(&str, &str, Instruction), (Vec<f64>, bool)> = BTreeMap::new();
    for (sample, stored) in told {
        let is_cold = sample.slot.kind == BuildKind::Cold && sample.outcome == Outcome::Ok;
        if !is_cold || stored.cut_off {
            continue;
        }
        let slot = &sample.slot;
        let node = nodes.get(&(slot.scenario.as_str(), slot.variant.as_str()));
        for step in stored.trace.steps().iter().filter(|step| !step.cached) {
            let kind = super::kind::kind_of(step, sample.platforms.first(), node, true);
            if kind == StepKind::NativeRun
                && let Some(instruction) = Instruction::of(&step.label)
            {
                let key = (
                    sample.slot.scenario.as_str(),
                    sample.slot.variant.as_str(),
                    instruction,
                );
                let (times, has_cache_mount) = times.entry(key).or_default();
                times.push(step.busy().as_secs_f64());
                *has_cache_mount |= step.label.instruction.contains("type=cache");
            }
        }
    }
    let mut alone: HashMap<_, HashMap<_, _>> = HashMap::new();
    for ((scenario, variant, instruction), (times, has_cache_mount)) in times {
        if let Some(time) = median(times) {
            let what = format!("{} of {variant}", BuildKind::Cold);
            let native = NativeAlone {
                what,
                time,
                has_cache_mount,
            };
            let of_variant = alone.entry((scenario, variant)).or_default();
            of_variant.insert(instruction, native);
        }
    }
    alone
}

/// What may be compared with a build of a kind: a cold build's cache mounts
/// were empty, and those of a kind that follows another are not.
fn comparable(
    alone: Option<&HashMap<Instruction, NativeAlone>>,
    kind: BuildKind,
) -> HashMap<Instruction, NativeAlone> {
    let mut alone = alone.cloned().unwrap_or_default();
    if !kind.starts_empty() {
        alone.retain(|_, native| !native.has_cache_mount);
    }
    alone
}

fn median(seconds: Vec<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(Times::of(seconds)?.median).ok()
}

/// Puts beside each prediction what the run measured that comes near it.
///
/// With a native node for the only foreign platform, each node builds one
/// platform, as `cold` does. With the only emulated step at native speed, both
/// platforms are compiled natively on one node, as a variant that emulates
/// nothing does.
fn add_measurements(run: &Run, explanation: &mut RunExplanation) {
    let mut spans: BTreeMap<(&str, &str, BuildKind), Vec<f64>> = BTreeMap::new();
    let mut emulates: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for SampleExplanation {
        sample,
        explanation,
    } in &explanation.samples
    {
        let variant = (sample.slot.scenario.as_str(), sample.slot.variant.as_str());
        if sample.outcome == Outcome::Ok && explanation.complete {
            let key = (variant.0, variant.1, sample.slot.kind);
            let spans = spans.entry(key).or_default();
            spans.push(explanation.span.as_secs_f64());
        }
        if sample.slot.kind == BuildKind::MultiArch {
            *emulates.entry(variant).or_default() |= !explanation.emulated.is_zero();
        }
    }
    let measured = |scenario: &str, variant: &str, kind: BuildKind| {
        let spans = spans.get(&(scenario, variant, kind))?;
        Some(Measured {
            what: format!("{kind} of {variant}"),
            span: median(spans.clone())?,
        })
    };
    let mut found = Vec::new();
    for (at, told) in explanation.samples.iter().enumerate() {
        let sample = &told.sample;
        let scenario = run.scenario(&sample.slot.scenario);
        let Some(scenario) = scenario.filter(|_| sample.slot.kind == BuildKind::MultiArch) else {
            continue;
        };
        let foreign = scenario.platforms.iter().filter(|p| **p != scenario.native);
        let is_pair = scenario.platforms.len() == 2 && foreign.count() == 1;
        let steps = &told.explanation.steps;
        let emulated = |step: &&super::StepFacts| step.kind == StepKind::EmulatedRun;
        let one_emulated = steps.iter().filter(emulated).count() == 1;
        // Another builder is another machine.
        let value = |name: &str| split_cell(name).1.map(str::to_owned);
        let own = value(&sample.slot.variant);
        for (place, answer) in told.explanation.what_if.iter().enumerate() {
            let near = match answer.change {
                Change::NativeNode { .. } if is_pair => {
                    measured(&sample.slot.scenario, &sample.slot.variant, BuildKind::Cold)
                }
                Change::NativeStep { .. } if one_emulated => scenario
                    .variants
                    .iter()
                    .filter(|variant| {
                        let key = (scenario.name.as_str(), variant.name.as_str());
                        emulates.get(&key) == Some(&false) && value(&variant.name) == own
                    })
                    .find_map(|variant| measured(&scenario.name, &variant.name, sample.slot.kind)),
                _ => None,
            };
            found.extend(near.map(|near| (at, place, near)));
        }
    }
    for (at, place, near) in found {
        explanation.samples[at].explanation.what_if[place].measured = Some(near);
    }
}
