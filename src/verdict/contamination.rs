//! What got in a run's way: the rounds that count for nothing, and builds that
//! say nothing of what was built.

use std::collections::BTreeMap;

use crate::model::{Contamination, Failure, Outcome, Run, Sample};

/// Seconds of building in a round below which there are too few ticks of the
/// kernel's clock for a share of stolen time that means anything.
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

/// The rounds of a run that a rule drops, in order.
fn dropped_by(rule: &Contamination, run: &Run) -> Vec<Dropped> {
    let mut rounds: BTreeMap<(u32, &str), Vec<&Sample>> = BTreeMap::new();
    for sample in &run.samples {
        let key = (sample.slot.round, sample.slot.scenario.as_str());
        rounds.entry(key).or_default().push(sample);
    }
    let dropped = rounds.into_iter().filter_map(|((round, scenario), built)| {
        let mut each = built.iter();
        let reason = each
            .find_map(|sample| got_in_the_way(rule, sample))
            .or_else(|| stolen(rule, &built))?;
        Some(Dropped {
            scenario: scenario.to_owned(),
            round,
            reason,
        })
    });
    dropped.collect()
}

/// The rounds that the run's own rule drops, in order.
pub(super) fn dropped_rounds(run: &Run) -> Vec<Dropped> {
    let rule = run.record.rules.contamination;
    rule.map_or_else(Vec::new, |rule| dropped_by(&rule, run))
}

/// The rounds of a run in which something got in the way, whether its rule drops
/// them or keeps them.
pub fn disturbed_rounds(run: &Run) -> Vec<Dropped> {
    let rule = run.record.rules.contamination;
    dropped_by(&rule.unwrap_or_default(), run)
}

/// Whether it is known that a round will be dropped, whatever is still built of
/// it: by what got in the way of a sample, not by a share of all its builds. The
/// rest of such a round is not built.
pub fn round_is_lost(run: &Run, scenario: &str, round: u32) -> bool {
    let rule = run.record.rules.contamination.as_ref();
    let mut built = run.round(scenario, round);
    rule.is_some_and(|rule| built.any(|sample| got_in_the_way(rule, sample).is_some()))
}

/// What got in a sample's way.
fn got_in_the_way(rule: &Contamination, sample: &Sample) -> Option<String> {
    let id = &sample.slot.id;
    if !rule.other_builds
        && let Some(first) = sample.disturbances.first()
    {
        return Some(format!("{first} during {id}"));
    }
    let failure = sample.failure.as_ref();
    if !rule.unstarted_containers && failure.is_some_and(Failure::command_was_not_started) {
        return Some(format!("the builder could not start a container of {id}"));
    }
    let busy = sample.host.cpu_busy_before;
    let busy = busy.filter(|busy| *busy > rule.busy_before)?;
    Some(format!(
        "the machine was {:.0}% busy just before it, so something else ran during {id}",
        busy * 100.0
    ))
}

/// What the hypervisor took from a round, all of its builds together: so none
/// of them is checked more closely for being the longer one.
fn stolen(rule: &Contamination, built: &[&Sample]) -> Option<String> {
    let times = built.iter().filter_map(|sample| {
        let wall = sample.wall.as_secs_f64();
        Some((wall, sample.host.cpu_steal? * wall))
    });
    let (wall, stolen) = times.fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
    let share = (wall >= LEAST_FOR_STEAL).then(|| stolen / wall)?;
    (share > rule.steal).then(|| {
        format!(
            "the hypervisor gave {:.0}% of CPU time to other machines during its builds",
            share * 100.0
        )
    })
}

/// Whether a build that is not good says nothing of its variant: the builder
/// could not start a container of it, or of a build that it starts from.
pub fn says_nothing(run: &Run, sample: &Sample) -> bool {
    let was_unstarted = |sample: &Sample| {
        let failure = sample.failure.as_ref();
        failure.is_some_and(Failure::command_was_not_started)
    };
    match sample.outcome {
        Outcome::Failed => was_unstarted(sample),
        Outcome::Skipped => {
            let slot = &sample.slot;
            let mut of_round = run.round(&slot.scenario, slot.round);
            of_round.any(|other| other.slot.variant == slot.variant && was_unstarted(other))
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "contamination_tests.rs"]
mod tests;
