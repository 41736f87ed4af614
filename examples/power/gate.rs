//! The gates that are compared: buildrace's rule, and two that people use.

use buildrace::model::FUTILITY_ROUNDS;
use buildrace::stats::{Judgement, LEAST_DELTA, LOOKS, Verdict, judge, shows_no_slowdown};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::machine::{Machine, Side};

/// Gates that are simulated for one cell of a table.
pub const GATES: usize = 10_000;

/// Builds of each side that hyperfine does at least, unless told otherwise.
pub const FIXED: usize = 10;

/// What became of the rule's gates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ruled {
    /// How many failed, of [`GATES`].
    pub failed: usize,
    /// Builds that one took, on average.
    pub builds: f64,
}

/// One number for each gate that decides by a number: the less, the more the
/// candidate seems slower.
pub struct Evidence(Vec<f64>);

impl Evidence {
    /// How many gates fail if all do that are not above a level.
    pub fn failed(&self, level: f64) -> usize {
        self.0.iter().filter(|&&one| one <= level).count()
    }

    /// The level at which so many fail.
    pub fn level(mut self, failed: usize) -> f64 {
        self.0.sort_by(f64::total_cmp);
        match failed {
            0 => f64::NEG_INFINITY,
            _ => self.0[failed - 1],
        }
    }
}

/// Does so for each of a cell's gates.
fn each(mut machine: Machine, mut gate: impl FnMut(&mut Machine) -> f64) -> Evidence {
    let gates = (0..GATES).map(|_| {
        machine.begin();
        gate(&mut machine)
    });
    Evidence(gates.collect())
}

/// From how many rounds on the rule ends a gate where nothing points to a
/// slow-down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// From the third on: today's.
    Early,
    /// At the first look alone: that of before.
    AtFirstLook,
}

impl Ends {
    /// Whether a gate with these log ratios ends so.
    pub fn now(self, ratios: &[f64]) -> bool {
        let from = match self {
            Self::Early => FUTILITY_ROUNDS as usize,
            Self::AtFirstLook => LOOKS[0].rounds,
        };
        shows_no_slowdown(ratios, LEAST_DELTA, from)
    }
}

/// The verdict of a look, where these rounds have one.
pub fn looked(ratios: &[f64]) -> Option<Verdict> {
    let is_look = LOOKS.iter().any(|look| look.rounds == ratios.len());
    match is_look.then(|| judge(ratios, LEAST_DELTA))? {
        Judgement::Decided(decision) => Some(decision.verdict),
        Judgement::GoOn { .. } => None,
    }
}

/// buildrace's rule: rounds in an order drawn by lot, until a look decides or
/// nothing points to a slow-down.
pub fn rule(machine: Machine, ends: Ends) -> Ruled {
    let mut builds = 0;
    let gates = each(machine, |machine| {
        let mut ratios = Vec::new();
        loop {
            ratios.push(round(machine));
            let slower = match looked(&ratios) {
                Some(verdict) => verdict == Verdict::Slower,
                None if ends.now(&ratios) => false,
                None => continue,
            };
            builds += 2 * ratios.len();
            return f64::from(!slower);
        }
    });
    Ruled {
        failed: gates.failed(0.0),
        builds: builds as f64 / GATES as f64,
    }
}

/// The log ratio of a round.
pub fn round(machine: &mut Machine) -> f64 {
    if machine.candidate_first() {
        let candidate = machine.build(Side::Candidate);
        candidate - machine.build(Side::Reference)
    } else {
        let reference = machine.build(Side::Reference);
        machine.build(Side::Candidate) - reference
    }
}

/// The logs of n times of the reference, then of as many of the candidate: one
/// side after the other, as hyperfine builds.
fn sides(machine: &mut Machine, n: usize) -> [Vec<f64>; 2] {
    [Side::Reference, Side::Candidate].map(|side| (0..n).map(|_| machine.build(side)).collect())
}

/// Welch's test of n times of each side, as in hyperfine's `welch_ttest.py`,
/// but p is of the candidate's side alone: half of the two-sided one.
pub fn test(machine: Machine, n: usize) -> Evidence {
    each(machine, |machine| {
        let [reference, candidate] = sides(machine, n).map(|mut times| {
            times.iter_mut().for_each(|log| *log = log.exp());
            times
        });
        welch(&reference, &candidate, 0.0)
    })
}

/// Welch's bound: the same of the log times, with the rule's demand. At a level
/// of p a gate fails if the lower bound of the log ratio that is as sure as p
/// says is above the change that matters.
pub fn bound(machine: Machine, n: usize) -> Evidence {
    each(machine, |machine| {
        let [reference, candidate] = sides(machine, n);
        welch(&reference, &candidate, LEAST_DELTA.ln_1p())
    })
}

/// One build against a stored time: the ratio, stored over new.
pub fn single(machine: Machine) -> Evidence {
    each(machine, |machine| {
        (machine.stored() - machine.build(Side::Candidate)).exp()
    })
}

/// The probability with which the rule fails a change of just δ, at most: the
/// upper halves of both looks' α.
pub fn risk() -> f64 {
    LOOKS.iter().map(|look| look.alpha() / 2.0).sum()
}

/// Welch's t-test, one-sided: p of the candidate's mean being above the
/// reference's by no more than `shift`.
fn welch(reference: &[f64], candidate: &[f64], shift: f64) -> f64 {
    // The mean, its squared standard error, and the degrees of freedom.
    let of = |values: &[f64]| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (mean, squares / (n - 1.0) / n, n - 1.0)
    };
    let (before, before_error, before_freedom) = of(reference);
    let (after, after_error, after_freedom) = of(candidate);
    let error = before_error + after_error;
    let freedom = error.powi(2)
        / (before_error.powi(2) / before_freedom + after_error.powi(2) / after_freedom);
    let t = (after - before - shift) / error.sqrt();
    StudentsT::new(0.0, 1.0, freedom).map_or(1.0, |distribution| distribution.sf(t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn welch_is_that_of_r() {
        // R's own example, t.test(extra ~ group, data = sleep): p = 0.07939 of
        // both sides.
        let one = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let two = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        assert!((2.0 * welch(&one, &two, 0.0) - 0.07939).abs() < 5e-6);
        // Shifted by the difference itself, t is 0.
        assert!((welch(&one, &two, 1.58) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn at_its_level_so_many_fail() {
        let evidence = || Evidence(vec![0.3, 0.1, 0.4, 0.2]);
        for failed in 0..=4 {
            assert_eq!(evidence().failed(evidence().level(failed)), failed);
        }
    }
}
