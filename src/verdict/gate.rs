//! What a gate goes by: the rounds with a time on each side, and whether more of
//! them would tell it anything.

use std::collections::BTreeSet;

use super::Assessment;
use super::compare_variants::candidates;
use super::failures::Failing;
use super::outcomes::never_builds;
use crate::model::{ScenarioInfo, Stopping};

impl Assessment<'_> {
    /// The rounds that a gate can go by: those with a time of the reference and of
    /// each candidate that builds at all. `None` where there is nothing to wait for:
    /// the reference does not build, or no candidate does, or a gate is decided by
    /// what failed.
    pub(super) fn gate_rounds(&self, scenario: &ScenarioInfo) -> Option<BTreeSet<u32>> {
        let kind = scenario.gate()?;
        let rules = &self.run.record.rules;
        let is_gate = rules.failures.is_some() && rules.stopping == Stopping::Gate;
        let never = |variant: &str| never_builds(self.run, &scenario.name, variant, kind);
        // A gate goes on until its failures say something, or a look does.
        let builds = |variant: &str| {
            if is_gate {
                self.failures(scenario, variant, kind).said == Failing::Unproven
            } else {
                !never(variant)
            }
        };
        if !is_gate && never(&scenario.reference) {
            return None;
        }
        let rounds = |variant: &str| -> BTreeSet<u32> {
            let times = self.times(&scenario.name, variant, kind);
            times.into_keys().collect()
        };
        let reference = rounds(&scenario.reference);
        candidates(scenario)
            .filter(|name| builds(name))
            .map(|name| &reference & &rounds(name))
            .reduce(|one, other| &one & &other)
    }

    /// Whether more rounds would tell a gate nothing: each candidate either has a
    /// verdict on the gate's kind, or never gave a time to judge by.
    pub(super) fn gate_is_decided(&self, scenario: &ScenarioInfo) -> bool {
        let Some(kind) = scenario.gate() else {
            return true;
        };
        candidates(scenario)
            .map(|name| self.compare(scenario, name, kind))
            .all(|found| found.verdict.is_some() || found.log_ratios.is_empty())
    }

    /// By how many failures of the gate's kind any candidate has more than the
    /// reference.
    pub(super) fn excess_failures(&self, scenario: &ScenarioInfo) -> u32 {
        let Some(kind) = scenario.gate() else {
            return 0;
        };
        candidates(scenario)
            .map(|name| self.failures(scenario, name, kind).excess())
            .max()
            .unwrap_or(0)
    }
}
