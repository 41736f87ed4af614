//! Whether a run has rounds enough.

use std::collections::{BTreeMap, BTreeSet};

use super::Assessment;
use super::contamination::round_is_lost;
use super::slots::is_wanted;
use crate::model::{ScenarioInfo, Stopping};
use crate::stats::LOOKS;

/// How many rounds a scenario needs, as far as its samples tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundsNeeded {
    /// Rounds that were measured, whole and not dropped, and that a look can go
    /// by: of a run that stops when it is clear, those with a time of the gate's
    /// kind on each side.
    pub clean: u32,
    /// Rounds that it should have of these: those planned, or those of the
    /// look that comes next or has decided.
    pub wanted: u32,
    /// Rounds that were dropped.
    pub dropped: u32,
    /// Rounds that were measured, whole or until it was known that they are
    /// dropped.
    pub built: u32,
}

impl RoundsNeeded {
    /// Whether another round is to be built.
    pub fn more(self) -> bool {
        self.clean < self.wanted
    }
}

impl Assessment<'_> {
    /// How many rounds a scenario needs after those that are built.
    pub fn rounds_needed(&self, scenario: &ScenarioInfo) -> RoundsNeeded {
        let run = self.run;
        let dropped = self.dropped().iter();
        let dropped = dropped.filter(|dropped| dropped.scenario == scenario.name);
        let dropped: BTreeSet<u32> = dropped.map(|dropped| dropped.round).collect();
        let mut measured: BTreeMap<u32, usize> = BTreeMap::new();
        for sample in run.of_scenario(&scenario.name) {
            *measured.entry(sample.slot.round).or_default() += 1;
        }
        let planned = |round: u32| {
            let slots = run.record.plan.iter();
            slots
                .filter(|slot| slot.scenario == scenario.name && slot.round == round)
                .filter(|slot| is_wanted(run, slot))
                .count()
        };
        let is_lost = |round: u32| round_is_lost(run, &scenario.name, round);
        let built: BTreeSet<u32> = measured
            .into_iter()
            .filter(|(round, count)| *count >= planned(*round) || is_lost(*round))
            .map(|(round, _)| round)
            .collect();
        let whole = &built - &dropped;
        let stopping = run.record.rules.stopping;
        // Failed builds of a fixed number of rounds are results as others are; a
        // look needs times.
        let (clean, goes_on) = match self.gate_rounds(scenario) {
            _ if stopping == Stopping::Fixed => (whole.len(), true),
            Some(rounds) => ((&whole & &rounds).len(), true),
            None => (whole.len(), false),
        };
        let clean = u32::try_from(clean).unwrap_or(u32::MAX);
        let wanted = match stopping {
            Stopping::Fixed => run.record.rounds,
            Stopping::Auto | Stopping::Gate if !goes_on => clean,
            Stopping::Auto | Stopping::Gate => self.rounds_wanted(scenario, clean),
        };
        RoundsNeeded {
            clean,
            wanted,
            dropped: u32::try_from(dropped.len()).unwrap_or(u32::MAX),
            built: u32::try_from(built.len()).unwrap_or(u32::MAX),
        }
    }

    /// Rounds of the look that comes next, or that has decided, of a run that stops
    /// when it is clear.
    fn rounds_wanted(&self, scenario: &ScenarioInfo, clean: u32) -> u32 {
        let rules = &self.run.record.rules;
        let look = |at: usize| u32::try_from(LOOKS[at].rounds).unwrap_or(u32::MAX);
        let is_gate = rules.stopping == Stopping::Gate;
        // Failures that point to the change keep a gate going: at first one that
        // the reference did not have, at the first look a second one.
        let points = |most: u32| {
            let counts = is_gate && rules.failures.is_some();
            counts && self.excess_failures(scenario) > most
        };
        let futility = rules.futility_rounds.filter(|_| is_gate);
        match futility {
            Some(from) if clean < from => from,
            Some(_) if clean < look(0) => {
                if self.gate_is_decided(scenario) && !points(0) {
                    clean
                } else {
                    look(0)
                }
            }
            _ if clean < look(0) => look(0),
            _ if clean == look(0) && self.gate_is_decided(scenario) && !points(1) => look(0),
            _ => look(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Contamination, Outcome, Run, RunRecord, Sample};
    use crate::report::fixture;

    /// A run of so many rounds that drops what is contaminated.
    fn run(rounds: u32) -> (RunRecord, Vec<Sample>) {
        let (mut record, samples) = fixture::run(&fixture::ARTICLE, rounds);
        record.rules.contamination = Some(Contamination::default());
        (record, samples)
    }

    fn needed(record: &RunRecord, samples: &[Sample]) -> (u32, u32, u32) {
        let run = fixture::of(record, samples);
        let needed = Assessment::of(&run).rounds_needed(&run.record.scenarios[0]);
        (needed.clean, needed.wanted, needed.dropped)
    }

    #[test]
    fn only_whole_clean_rounds_count() {
        let (mut record, mut samples) = run(6);
        record.rounds = 4;
        record.rules.spare_rounds = 2;
        samples.retain(|sample| sample.slot.round <= 4);
        assert_eq!(needed(&record, &samples), (4, 4, 0));
        // An interrupted run has the last round in part.
        samples.pop();
        assert_eq!(needed(&record, &samples), (3, 4, 0));
        assert!(
            Assessment::of(&fixture::of(&record, &samples))
                .rounds_needed(&record.scenarios[0])
                .more()
        );
        // A dropped round is neither, and is not counted twice.
        samples[0].disturbances = vec!["build x".into()];
        samples[1].disturbances = vec!["build y".into()];
        assert_eq!(needed(&record, &samples), (2, 4, 1));
        assert_eq!(needed(&record, &[]), (0, 4, 0));
        // Failed builds are measured: another round would fail as well.
        samples.retain(|sample| sample.slot.round == 2);
        for sample in &mut samples {
            fixture::fail(sample, Outcome::Failed);
        }
        assert_eq!(needed(&record, &samples), (1, 4, 0));
    }

    fn unmeasured(run: &Run) -> Vec<String> {
        let names = Assessment::of(run).unmeasured().into_iter();
        names.map(str::to_owned).collect()
    }

    #[test]
    fn a_run_of_dropped_rounds_measured_nothing() {
        let (record, mut samples) = run(2);
        assert!(unmeasured(&fixture::of(&record, &samples)).is_empty());
        samples[0].disturbances = vec!["build x".into()];
        assert!(unmeasured(&fixture::of(&record, &samples)).is_empty());
        for sample in &mut samples {
            sample.disturbances = vec!["build x".into()];
        }
        assert_eq!(unmeasured(&fixture::of(&record, &samples)), ["go-hello"]);
        assert_eq!(unmeasured(&fixture::of(&record, &[])), ["go-hello"]);
    }

    #[test]
    fn a_run_that_stops_when_it_is_clear_wants_the_rounds_of_its_next_look() {
        let (mut record, samples) = run(18);
        record.rounds = 12;
        record.rules.stopping = Stopping::Auto;
        let until = |rounds: u32| {
            let samples = samples.iter().filter(|s| s.slot.round <= rounds).cloned();
            samples.collect::<Vec<Sample>>()
        };
        assert_eq!(needed(&record, &until(5)), (5, 6, 0));
        // cross is some hundred times as fast in the gate's kind.
        assert_eq!(needed(&record, &until(6)), (6, 6, 0));
        let mut unclear = until(6);
        for sample in &mut unclear {
            let torn = if sample.slot.round.is_multiple_of(2) {
                1.3
            } else {
                0.7
            };
            let times = if sample.slot.variant == "cross" {
                torn
            } else {
                1.0
            };
            sample.wall = std::time::Duration::from_secs_f64(times);
        }
        assert_eq!(needed(&record, &unclear), (6, 12, 0));
        record.rules.stopping = Stopping::Gate;
        assert_eq!(needed(&record, &unclear), (6, 6, 0));
        // A candidate without a time to judge by keeps nobody waiting.
        for sample in unclear.iter_mut().filter(|s| s.slot.variant == "cross") {
            fixture::fail(sample, Outcome::Failed);
        }
        record.rules.stopping = Stopping::Auto;
        assert_eq!(needed(&record, &unclear), (6, 6, 0));
    }
}
