//! Builds that fail: what is held against a change, and what chance would show
//! as well. Where a round has failed, both sides are tried again in the next,
//! so that no failure is believed for itself.

use std::collections::BTreeMap;

use super::Assessment;
use super::contamination::says_nothing;
use super::outcomes::builds_wrong;
use crate::model::{BuildKind, FailureRule, Outcome, Sample, ScenarioInfo, Stopping};
use crate::stats::{Counted, fails_more_often};

/// What became of one side's builds of a kind, in the rounds that count and in
/// which both sides were tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Tries<'a> {
    /// Those that are good.
    pub good: u32,
    /// Those that failed, or were skipped since the one that they start from
    /// failed.
    pub failed: u32,
    /// Whether those that failed did so in the same way.
    pub alike: bool,
    /// The first that failed, with its reason: the one that it starts from,
    /// where it was skipped.
    pub first: Option<&'a Sample>,
}

impl Tries<'_> {
    /// How many there were.
    pub fn all(&self) -> u32 {
        self.good + self.failed
    }

    /// Whether each of them failed, and there was one.
    pub fn never_good(&self) -> bool {
        self.good == 0 && self.failed > 0
    }

    /// Whether each of them failed in the same way.
    pub fn always_alike(&self) -> bool {
        self.never_good() && self.alike
    }

    fn counted(&self) -> Counted {
        Counted {
            trials: self.all(),
            failed: self.failed,
        }
    }
}

/// What the failures of both sides say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Failing {
    /// Nothing that chance would not show as well: none or few, or both sides
    /// alike.
    Unproven,
    /// The candidate does not build, and the reference does.
    DoesNotBuild,
    /// The candidate fails more often than the reference.
    MoreOften {
        /// Probability of such shares, or of clearer ones, by chance.
        p: f64,
    },
    /// The reference does not build, and the candidate does.
    Repaired,
    /// Neither builds: there is nothing to compare.
    NeitherBuilds,
}

/// Both sides' failures of a kind, and what they say.
#[derive(Debug, Clone, PartialEq)]
pub struct Failures<'a> {
    /// The reference's.
    pub reference: Tries<'a>,
    /// The candidate's.
    pub candidate: Tries<'a>,
    /// What they say, at the first look at them that said something.
    pub said: Failing,
}

impl Failures<'_> {
    /// By how many failures the candidate has more than the reference.
    pub fn excess(&self) -> u32 {
        self.candidate.failed.saturating_sub(self.reference.failed)
    }
}

impl<'r> Assessment<'r> {
    /// What the failures of a candidate and its reference say, by the rule of the
    /// run; of a run of before there was one, by today's.
    pub fn failures(
        &self,
        scenario: &ScenarioInfo,
        candidate: &str,
        kind: BuildKind,
    ) -> Failures<'r> {
        let rules = &self.run.record.rules;
        let is_fixed = rules.stopping == Stopping::Fixed;
        let rule = rules.failures.unwrap_or(match is_fixed {
            true => FailureRule::ONCE,
            false => FailureRule::LOOKS,
        });
        let of = |variant: &str| self.outcomes(&scenario.name, variant, kind);
        let (reference, candidates) = (of(&scenario.reference), of(candidate));
        let both = |until: usize| {
            let rounds = reference.iter().filter_map(|(round, one)| {
                let other = candidates.get(round)?;
                Some((one, other))
            });
            let (one, other): (Vec<_>, Vec<_>) = rounds.take(until).unzip();
            (tries(&one), tries(&other))
        };
        let (all, every) = (both(usize::MAX), rule.every.max(1) as usize);
        let tried = all.0.all() as usize;
        let wrong = |variant: &str| builds_wrong(self.run, &scenario.name, variant, kind);
        let said = match (wrong(&scenario.reference), wrong(candidate)) {
            // What was seen to build something else does so always.
            (true, true) => Failing::NeitherBuilds,
            (false, true) => Failing::DoesNotBuild,
            (true, false) if all.1.good > 0 => Failing::Repaired,
            _ if is_fixed => look(rule, &all.0, &all.1),
            _ => {
                let looks = (1..=tried / every).map(|at| {
                    let (reference, candidate) = both(at * every);
                    look(rule, &reference, &candidate)
                });
                let mut said = looks.filter(|said| *said != Failing::Unproven);
                said.next().unwrap_or(Failing::Unproven)
            }
        };
        Failures {
            reference: all.0,
            candidate: all.1,
            said,
        }
    }

    /// What became of a variant's builds of a kind, by round: the sample that says
    /// why, where it failed.
    fn outcomes(
        &self,
        scenario: &str,
        variant: &str,
        kind: BuildKind,
    ) -> BTreeMap<u32, Option<&'r Sample>> {
        let run = self.run;
        let mut found = BTreeMap::new();
        let built = run.samples.iter().filter(|sample| {
            let slot = &sample.slot;
            slot.scenario == scenario && slot.variant == variant && slot.kind == kind
        });
        for sample in built.filter(|sample| self.counts(sample) && !says_nothing(run, sample)) {
            let became = match sample.outcome {
                Outcome::Ok => None,
                Outcome::Failed
                | Outcome::WrongOutput
                | Outcome::NotTransferred
                | Outcome::TimedOut => Some(sample),
                // The reason is that of the build that it starts from.
                Outcome::Skipped => {
                    let mut of_round = run.round(&sample.slot.scenario, sample.slot.round);
                    let failed = of_round.find(|other| {
                        other.slot.variant == sample.slot.variant
                            && matches!(
                                other.outcome,
                                Outcome::Failed
                                    | Outcome::WrongOutput
                                    | Outcome::NotTransferred
                                    | Outcome::TimedOut
                            )
                    });
                    Some(failed.unwrap_or(sample))
                }
                Outcome::LostBuilder | Outcome::Interrupted => continue,
            };
            found.insert(sample.slot.round, became);
        }
        found
    }
}

/// One look at the failures of as many rounds as there are. Pure, and
/// symmetrical but for what it is called.
pub fn look(rule: FailureRule, reference: &Tries<'_>, candidate: &Tries<'_>) -> Failing {
    let first = |never: &Tries<'_>, other: &Tries<'_>| {
        never.all() == rule.every && never.always_alike() && other.failed == 0
    };
    let p = fails_more_often(candidate.counted(), reference.counted());
    let turned = fails_more_often(reference.counted(), candidate.counted());
    let enough = candidate.all() >= rule.every;
    if first(candidate, reference) || (p <= rule.level && candidate.always_alike()) {
        Failing::DoesNotBuild
    } else if p <= rule.level {
        Failing::MoreOften { p }
    } else if first(reference, candidate) || (turned <= rule.level && reference.never_good()) {
        Failing::Repaired
    } else if enough && reference.never_good() && candidate.never_good() {
        Failing::NeitherBuilds
    } else {
        Failing::Unproven
    }
}

fn tries<'a>(became: &[&Option<&'a Sample>]) -> Tries<'a> {
    let failed: Vec<&Sample> = became.iter().filter_map(|became| **became).collect();
    let reasons: Vec<_> = failed
        .iter()
        .map(|sample| sample.failure.as_ref())
        .collect();
    let alike = reasons.windows(2).all(|two| match (two[0], two[1]) {
        (Some(one), Some(other)) => one.is_like(other),
        (one, other) => one == other,
    });
    let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
    Tries {
        good: count(became.len() - failed.len()),
        failed: count(failed.len()),
        alike,
        first: failed.first().copied(),
    }
}

#[cfg(test)]
#[path = "failures_tests.rs"]
mod tests;
