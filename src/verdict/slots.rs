//! Which slots of a plan are built, and which are still to come.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Assessment;
use super::contamination::round_is_lost;
use crate::model::{Outcome, Run, Sample, Slot};

/// Whether a slot is built if its round is: all are but those of a kind that is
/// built for the sake of others alone, once one is good.
pub fn is_wanted(run: &Run, slot: &Slot) -> bool {
    let is_good = |s: &Sample| s.outcome == Outcome::Ok && s.slot.round < slot.round;
    !is_built_once(run, slot) || !of_same(run, slot).any(is_good)
}

impl<'r> Assessment<'r> {
    /// Slots of a run when its scenarios have the rounds that they need now, as far
    /// as its plan goes: those that are built, and those that are to be.
    pub fn slots_planned(&self) -> Vec<&'r Slot> {
        let run = self.run;
        let scenarios = run.record.scenarios.iter();
        let needed = scenarios.map(|scenario| {
            let needed = self.rounds_needed(scenario);
            let missing = needed.wanted.saturating_sub(needed.clean);
            (scenario.name.as_str(), needed.built + missing)
        });
        let needed: BTreeMap<&str, u32> = needed.collect();
        let rounds = run.samples.iter().map(|sample| {
            let slot = &sample.slot;
            (slot.scenario.as_str(), slot.round)
        });
        let rounds: BTreeSet<(&str, u32)> = rounds.collect();
        let is_lost = |round: &(&str, u32)| round_is_lost(run, round.0, round.1);
        // Of a round that is known to be dropped, no more is built.
        let given_up: BTreeSet<(&str, u32)> = rounds.into_iter().filter(is_lost).collect();
        let built = built(run);
        let planned = run.record.plan.iter().filter(|slot| {
            let scenario = slot.scenario.as_str();
            let rounds = needed.get(scenario);
            let is_to_come = || {
                rounds.is_some_and(|rounds| slot.round <= *rounds)
                    && !given_up.contains(&(scenario, slot.round))
                    && is_expected(run, slot)
            };
            built.contains(slot.id.as_str()) || is_to_come()
        });
        planned.collect()
    }

    /// The slots that are still to be built, as far as it is known now.
    pub fn slots_left(&self) -> Vec<&'r Slot> {
        let built = built(self.run);
        let mut slots = self.slots_planned();
        slots.retain(|slot| !built.contains(slot.id.as_str()));
        slots
    }
}

fn built(run: &Run) -> HashSet<&str> {
    let samples = run.samples.iter();
    samples.map(|sample| sample.slot.id.as_str()).collect()
}

/// Whether a slot will be built if all goes well.
fn is_expected(run: &Run, slot: &Slot) -> bool {
    if !is_built_once(run, slot) {
        return true;
    }
    if of_same(run, slot).any(|sample| sample.outcome == Outcome::Ok) {
        return false;
    }
    // The next that there is has to do.
    let rounds = run.of_scenario(&slot.scenario).map(|s| s.slot.round);
    let now = rounds.max().unwrap_or(1);
    let tried = of_same(run, slot).any(|sample| sample.slot.round == now);
    slot.round == if tried { now + 1 } else { now }
}

fn is_built_once(run: &Run, slot: &Slot) -> bool {
    let scenario = run.scenario(&slot.scenario);
    scenario.is_some_and(|scenario| scenario.built_once.contains(&slot.kind))
}

/// Samples of a slot's scenario, variant and kind, of any round.
fn of_same<'a>(run: &'a Run, slot: &'a Slot) -> impl Iterator<Item = &'a Sample> {
    run.cell(&slot.scenario, &slot.variant, slot.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BuildKind, Contamination, Stopping};
    use crate::report::fixture;

    fn planned(run: &Run) -> usize {
        Assessment::of(run).slots_planned().len()
    }

    fn left(run: &Run) -> usize {
        Assessment::of(run).slots_left().len()
    }

    #[test]
    fn progress_counts_what_is_wanted_now() {
        let (mut record, mut samples) = fixture::run(&fixture::ARTICLE, 18);
        record.rules.contamination = Some(Contamination::default());
        record.rounds = 12;
        record.rules.stopping = Stopping::Auto;
        assert_eq!(planned(&fixture::of(&record, &[])), 6 * 8);
        samples.retain(|sample| sample.slot.round <= 2);
        samples[0].disturbances = vec!["build x".into()];
        assert_eq!(planned(&fixture::of(&record, &samples)), 7 * 8);
        // No further than the plan goes.
        record.plan.retain(|slot| slot.round <= 3);
        assert_eq!(planned(&fixture::of(&record, &samples)), 3 * 8);
    }

    #[test]
    fn what_is_built_once_is_built_until_it_is_good() {
        let (mut record, mut samples) = fixture::run(&fixture::ARTICLE, 3);
        record.scenarios[0].built_once = vec![BuildKind::MultiArch];
        record.rounds = 3;
        // Three of four kinds, twice in each round, and the fourth once a side.
        assert_eq!(planned(&fixture::of(&record, &[])), 3 * 6 + 2);
        let is_multi_arch = |slot: &&Slot| slot.kind == BuildKind::MultiArch && slot.round == 2;
        let second: Vec<Slot> = record.plan.iter().filter(is_multi_arch).cloned().collect();
        samples.retain(|sample| sample.slot.round == 1);
        assert_eq!(left(&fixture::of(&record, &samples)), 2 * 6);
        assert!(
            !second
                .iter()
                .any(|s| is_wanted(&fixture::of(&record, &samples), s))
        );
        let failed =
            |s: &&mut Sample| s.slot.variant == "naive" && s.slot.kind == BuildKind::MultiArch;
        fixture::fail(samples.iter_mut().find(failed).unwrap(), Outcome::Failed);
        let wanted = second
            .iter()
            .filter(|s| is_wanted(&fixture::of(&record, &samples), s));
        let wanted: Vec<&str> = wanted.map(|slot| slot.variant.as_str()).collect();
        assert_eq!(wanted, ["naive"]);
        assert_eq!(left(&fixture::of(&record, &samples)), 2 * 6 + 1);
    }
}
