//! Which rounds count, and whether there are enough of them.

use std::collections::{BTreeMap, BTreeSet};

use super::comparison::gate_is_decided;
use crate::model::{RunRecord, Sample, ScenarioInfo, Stopping};
use crate::stats::LOOKS;

/// Samples shorter than this are too few ticks of the kernel's clock for a
/// share of stolen time that means anything.
const LEAST_FOR_STEAL: f64 = 1.0;

/// A round of a scenario that counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The scenario.
    pub scenario: String,
    /// The round.
    pub round: u32,
    /// What got in the way, by sample; names and texts from outside.
    pub reason: String,
}

/// The rounds of a run that its rule drops, in order.
pub fn dropped_rounds(record: &RunRecord, samples: &[Sample]) -> Vec<Dropped> {
    let mut dropped = BTreeMap::new();
    for sample in samples {
        let at = (sample.round, &sample.scenario);
        if let Some(reason) = contaminated(record, sample) {
            dropped
                .entry(at)
                .or_insert_with(|| format!("{reason} during {}", sample.id));
        }
    }
    let dropped = dropped.into_iter();
    dropped
        .map(|((round, scenario), reason)| Dropped {
            scenario: scenario.clone(),
            round,
            reason,
        })
        .collect()
}

/// What contaminated a sample, under the run's rule.
fn contaminated(record: &RunRecord, sample: &Sample) -> Option<String> {
    let rule = record.rules.contamination?;
    let percent = |share: f64| share * 100.0;
    let above = |share: Option<f64>, most: f64| share.filter(|share| *share > most);
    if !rule.other_builds
        && let Some(first) = sample.disturbances.first()
    {
        return Some(first.clone());
    }
    if let Some(steal) = above(sample.host.cpu_steal, rule.steal)
        && sample.wall.as_secs_f64() >= LEAST_FOR_STEAL
    {
        return Some(format!(
            "the hypervisor gave {:.0}% of CPU time to other machines",
            percent(steal)
        ));
    }
    let busy = above(sample.host.cpu_busy_before, rule.busy_before)?;
    Some(format!(
        "the machine was {:.0}% busy just before it, so something else ran",
        percent(busy)
    ))
}

/// How many rounds a scenario needs, as far as its samples tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundsNeeded {
    /// Rounds that were measured, whole and not dropped.
    pub clean: u32,
    /// Rounds that it should have of these: those planned, or those of the
    /// look that comes next or has decided.
    pub wanted: u32,
    /// Rounds that were dropped.
    pub dropped: u32,
}

impl RoundsNeeded {
    /// Whether another round is to be built.
    pub fn more(self) -> bool {
        self.clean < self.wanted
    }
}

/// How many rounds a scenario needs after those that `samples` hold.
pub fn rounds_needed(
    record: &RunRecord,
    scenario: &ScenarioInfo,
    samples: &[Sample],
) -> RoundsNeeded {
    let dropped: BTreeSet<u32> = dropped_rounds(record, samples)
        .into_iter()
        .filter(|dropped| dropped.scenario == scenario.name)
        .map(|dropped| dropped.round)
        .collect();
    let mut measured: BTreeMap<u32, usize> = BTreeMap::new();
    for sample in samples.iter().filter(|s| s.scenario == scenario.name) {
        *measured.entry(sample.round).or_default() += 1;
    }
    let planned = |round: u32| {
        let slots = record.plan.iter();
        slots
            .filter(|slot| slot.scenario == scenario.name && slot.round == round)
            .count()
    };
    let clean = measured
        .into_iter()
        .filter(|(round, count)| *count >= planned(*round) && !dropped.contains(round))
        .count();
    let clean = u32::try_from(clean).unwrap_or(u32::MAX);
    let wanted = match record.rules.stopping {
        Stopping::Fixed => record.rounds,
        Stopping::Auto | Stopping::Gate => {
            let look = |at: usize| u32::try_from(LOOKS[at].rounds).unwrap_or(u32::MAX);
            if clean < look(0) || (clean == look(0) && gate_is_decided(record, scenario, samples)) {
                look(0)
            } else {
                look(1)
            }
        }
    };
    RoundsNeeded {
        clean,
        wanted,
        dropped: u32::try_from(dropped.len()).unwrap_or(u32::MAX),
    }
}

/// How many samples a run has when its scenarios have the rounds that they
/// need now, as far as its plan goes.
pub fn samples_planned(record: &RunRecord, samples: &[Sample]) -> usize {
    let needed: BTreeMap<&str, u32> = record
        .scenarios
        .iter()
        .map(|scenario| {
            let needed = rounds_needed(record, scenario, samples);
            (scenario.name.as_str(), needed.wanted + needed.dropped)
        })
        .collect();
    let planned = record.plan.iter().filter(|slot| {
        let rounds = needed.get(slot.scenario.as_str());
        rounds.is_some_and(|rounds| slot.round <= *rounds)
    });
    planned.count()
}
