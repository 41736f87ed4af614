//! Which slots of a plan are built, and which are still to come.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::rounds::{round_is_lost, rounds_needed};
use crate::model::{Outcome, RunRecord, Sample, Slot};

/// Whether a slot is built if its round is: all are but those of a kind that is
/// built for the sake of others alone, once one is good.
pub fn is_wanted(record: &RunRecord, samples: &[Sample], slot: &Slot) -> bool {
    let is_good = |sample: &Sample| sample.outcome == Outcome::Ok && sample.slot.round < slot.round;
    !is_built_once(record, slot) || !of_same(samples, slot).any(is_good)
}

/// Slots of a run when its scenarios have the rounds that they need now, as far
/// as its plan goes: those that are built, and those that are to be.
pub fn slots_planned<'a>(record: &'a RunRecord, samples: &[Sample]) -> Vec<&'a Slot> {
    let needed: BTreeMap<&str, u32> = record
        .scenarios
        .iter()
        .map(|scenario| {
            let needed = rounds_needed(record, scenario, samples);
            let missing = needed.wanted.saturating_sub(needed.clean);
            (scenario.name.as_str(), needed.built + missing)
        })
        .collect();
    let rounds = samples
        .iter()
        .map(|s| (s.slot.scenario.as_str(), s.slot.round));
    let rounds: BTreeSet<(&str, u32)> = rounds.collect();
    let is_lost = |round: &(&str, u32)| round_is_lost(record, samples, round.0, round.1);
    // Of a round that is known to be dropped, no more is built.
    let given_up: BTreeSet<(&str, u32)> = rounds.into_iter().filter(is_lost).collect();
    let built: HashSet<&str> = samples.iter().map(|s| s.slot.id.as_str()).collect();
    let planned = record.plan.iter().filter(|slot| {
        let scenario = slot.scenario.as_str();
        let rounds = needed.get(scenario);
        let is_to_come = || {
            rounds.is_some_and(|rounds| slot.round <= *rounds)
                && !given_up.contains(&(scenario, slot.round))
                && is_expected(record, samples, slot)
        };
        built.contains(slot.id.as_str()) || is_to_come()
    });
    planned.collect()
}

/// The slots that are still to be built, as far as it is known now.
pub fn slots_left<'a>(record: &'a RunRecord, samples: &[Sample]) -> Vec<&'a Slot> {
    let built: HashSet<&str> = samples.iter().map(|s| s.slot.id.as_str()).collect();
    let mut slots = slots_planned(record, samples);
    slots.retain(|slot| !built.contains(slot.id.as_str()));
    slots
}

/// Whether a slot will be built if all goes well.
fn is_expected(record: &RunRecord, samples: &[Sample], slot: &Slot) -> bool {
    if !is_built_once(record, slot) {
        return true;
    }
    if of_same(samples, slot).any(|sample| sample.outcome == Outcome::Ok) {
        return false;
    }
    // The next that there is has to do.
    let built = samples.iter().filter(|s| s.slot.scenario == slot.scenario);
    let now = built.map(|sample| sample.slot.round).max().unwrap_or(1);
    let tried = of_same(samples, slot).any(|sample| sample.slot.round == now);
    slot.round == if tried { now + 1 } else { now }
}

fn is_built_once(record: &RunRecord, slot: &Slot) -> bool {
    let mut scenarios = record.scenarios.iter();
    let scenario = scenarios.find(|scenario| scenario.name == slot.scenario);
    scenario.is_some_and(|scenario| scenario.built_once.contains(&slot.kind))
}

/// Samples of a slot's scenario, variant and kind, of any round.
fn of_same<'a>(samples: &'a [Sample], slot: &'a Slot) -> impl Iterator<Item = &'a Sample> {
    samples.iter().filter(|sample| {
        (
            &sample.slot.scenario,
            &sample.slot.variant,
            sample.slot.kind,
        ) == (&slot.scenario, &slot.variant, slot.kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BuildKind, Contamination, Stopping};
    use crate::report::fixture;

    #[test]
    fn progress_counts_what_is_wanted_now() {
        let (mut record, mut samples) = fixture::run(&fixture::ARTICLE, 18);
        record.rules.contamination = Some(Contamination::default());
        record.rounds = 12;
        record.rules.stopping = Stopping::Auto;
        assert_eq!(slots_planned(&record, &[]).len(), 6 * 8);
        samples.retain(|sample| sample.slot.round <= 2);
        samples[0].disturbances = vec!["build x".into()];
        assert_eq!(slots_planned(&record, &samples).len(), 7 * 8);
        // No further than the plan goes.
        record.plan.retain(|slot| slot.round <= 3);
        assert_eq!(slots_planned(&record, &samples).len(), 3 * 8);
    }

    #[test]
    fn what_is_built_once_is_built_until_it_is_good() {
        let (mut record, mut samples) = fixture::run(&fixture::ARTICLE, 3);
        record.scenarios[0].built_once = vec![BuildKind::MultiArch];
        record.rounds = 3;
        // Three of four kinds, twice in each round, and the fourth once a side.
        assert_eq!(slots_planned(&record, &[]).len(), 3 * 6 + 2);
        let is_multi_arch = |slot: &&Slot| slot.kind == BuildKind::MultiArch && slot.round == 2;
        let second: Vec<Slot> = record.plan.iter().filter(is_multi_arch).cloned().collect();
        samples.retain(|sample| sample.slot.round == 1);
        assert_eq!(slots_left(&record, &samples).len(), 2 * 6);
        assert!(!second.iter().any(|s| is_wanted(&record, &samples, s)));
        let failed =
            |s: &&mut Sample| s.slot.variant == "naive" && s.slot.kind == BuildKind::MultiArch;
        fixture::fail(samples.iter_mut().find(failed).unwrap(), Outcome::Failed);
        let wanted = second.iter().filter(|s| is_wanted(&record, &samples, s));
        let wanted: Vec<&str> = wanted.map(|slot| slot.variant.as_str()).collect();
        assert_eq!(wanted, ["naive"]);
        assert_eq!(slots_left(&record, &samples).len(), 2 * 6 + 1);
    }
}
