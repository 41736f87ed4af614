//! Comparing the candidates of a run with their reference, kind by kind.

use std::collections::BTreeMap;

use super::Assessment;
use super::comparison::{Comparison, decide};
use super::contamination::round_is_lost;
use super::outcomes::builds_wrong;
use crate::model::{BuildKind, Outcome, ScenarioInfo, Stopping};
use crate::stats::{self, Looks};

impl Assessment<'_> {
    /// Every candidate against its reference, in the order of the record, but for
    /// kinds that are built for the sake of others alone.
    pub(super) fn compare_all(&self) -> Vec<Comparison> {
        let mut found = Vec::new();
        for scenario in &self.run.record.scenarios {
            let kinds = self.compared_kinds(scenario);
            for candidate in candidates(scenario) {
                let each = kinds.iter();
                found.extend(each.map(|kind| self.compare(scenario, candidate, *kind)));
            }
        }
        found
    }

    /// The kinds that are compared: all but those that are built for the sake of
    /// others alone.
    pub(super) fn compared_kinds(&self, scenario: &ScenarioInfo) -> Vec<BuildKind> {
        let is_compared = |kind: &BuildKind| !scenario.built_once.contains(kind);
        let mut kinds: Vec<BuildKind> = scenario.kinds.clone();
        kinds.retain(is_compared);
        kinds.sort();
        kinds.dedup();
        kinds
    }

    /// Times of a variant's samples of a kind that count, seconds by round: those
    /// that are ok, of rounds that were not dropped.
    pub fn times(&self, scenario: &str, variant: &str, kind: BuildKind) -> BTreeMap<u32, f64> {
        if builds_wrong(self.run, scenario, variant, kind) {
            return BTreeMap::new();
        }
        self.run
            .cell(scenario, variant, kind)
            .filter(|sample| sample.outcome == Outcome::Ok && self.counts(sample))
            .map(|sample| (sample.slot.round, sample.wall.as_secs_f64()))
            .collect()
    }

    pub(super) fn compare(
        &self,
        scenario: &ScenarioInfo,
        candidate: &str,
        kind: BuildKind,
    ) -> Comparison {
        let compared = self.compare_with(scenario, &scenario.reference, candidate, kind);
        Comparison {
            is_gate: scenario.gate() == Some(kind),
            ..compared
        }
    }

    /// A variant against any other, of which a gate knows nothing.
    pub(super) fn compare_with(
        &self,
        scenario: &ScenarioInfo,
        reference: &str,
        candidate: &str,
        kind: BuildKind,
    ) -> Comparison {
        let rules = &self.run.record.rules;
        let of = |variant: &str| self.times(&scenario.name, variant, kind);
        let log_ratios = stats::log_ratios(&of(candidate), &of(reference));
        let delta = rules.delta(&scenario.name, kind);
        let (ratio, verdict) = decide(rules, self.looks(&scenario.name), &log_ratios, delta);
        Comparison {
            scenario: scenario.name.clone(),
            reference: reference.to_owned(),
            candidate: candidate.to_owned(),
            kind,
            is_gate: false,
            ratio,
            verdict,
            log_ratios,
            delta,
        }
    }

    /// How often a scenario is looked at.
    pub fn looks(&self, scenario: &str) -> Looks {
        match self.run.record.rules.stopping {
            Stopping::Fixed => Looks::One,
            Stopping::Auto | Stopping::Gate if self.is_exhausted(scenario) => Looks::Short,
            Stopping::Auto | Stopping::Gate => Looks::Two,
        }
    }

    /// Whether the last round that was planned for a scenario has been built, spare
    /// ones included, or given up since it is dropped.
    fn is_exhausted(&self, scenario: &str) -> bool {
        let mut slots = self.run.record.plan.iter().rev();
        let last = slots.find(|slot| slot.scenario == scenario);
        last.is_some_and(|slot| {
            self.run.sample(&slot.id).is_some() || round_is_lost(self.run, scenario, slot.round)
        })
    }
}

/// The variants that are compared with the reference: none where it is not raced.
pub(super) fn candidates(scenario: &ScenarioInfo) -> impl Iterator<Item = &str> {
    let names = scenario
        .variants
        .iter()
        .map(|variant| variant.name.as_str());
    let is_raced = names.clone().any(|name| name == scenario.reference);
    names.filter(move |name| is_raced && *name != scenario.reference)
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
