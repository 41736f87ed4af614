//! Which strategy to take, and how sure that is.

use std::collections::BTreeMap;

use super::bill::Bill;
use super::caches::Caches;
use super::cell::Cell;
use super::strategy::Strategy;
use crate::model::Job;
use crate::stats::{self, Interval, Judgement, Looks, Mean, Ratio, Verdict};

/// Seconds within which the times of a job count as equal: nobody waits for less, and
/// a job of CI takes longer to begin.
pub const EQUAL_WITHIN: f64 = 1.0;

/// What strategies are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Minutes of runners that a build of the mix takes on average.
    Minutes,
    /// The time of a job.
    Job(Job),
}

/// The strategy to take.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its place among the strategies.
    pub best: usize,
    /// What it is best by.
    pub basis: Basis,
    /// The job that did not decide, since several took equally long with it.
    pub equal: Option<Job>,
    /// Against the reference with the same caches, or with lost ones if that is the
    /// best itself.
    pub reference: Option<Compared>,
    /// Against the one that comes next.
    pub next: Option<Compared>,
    /// A prediction that may be better than what was measured, or not.
    pub perhaps: Option<usize>,
}

/// The best strategy against another.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The other's place.
    pub other: usize,
    /// Best over other.
    pub by: Against,
}

/// What is known of a ratio of two strategies.
#[derive(Debug, Clone, PartialEq)]
pub enum Against {
    /// Paired by round; without a verdict if there are too few rounds for one.
    Paired(Ratio, Option<Verdict>),
    /// Of a prediction: the least that it may be, and the most.
    Model(Interval),
}

/// How rounds are judged: `docs/verdict.md`.
#[derive(Debug, Clone, Copy)]
pub struct Judging {
    /// How often a run is looked at.
    pub looks: Looks,
    /// The change that matters, as a share.
    pub delta: f64,
}

/// What a strategy is compared by: seconds or minutes.
#[derive(Debug, Clone, PartialEq)]
enum Figure {
    Measured(BTreeMap<u32, f64>),
    Model(Interval),
}

impl Figure {
    fn of(strategy: &Strategy, bill: Option<&Bill>, basis: Basis) -> Option<Self> {
        if strategy.failed().is_some() {
            return None;
        }
        match basis {
            Basis::Minutes => {
                let bill = bill?;
                match (strategy.is_model(), bill.minutes.interval) {
                    (true, Some(range)) => Some(Self::Model(range)),
                    (true, None) => None,
                    (false, _) => Some(Self::Measured(bill.by_round.clone())),
                }
            }
            Basis::Job(job) => match strategy.cells.get(&job)? {
                Cell::Measured(by_round) => Some(Self::Measured(by_round.clone())),
                Cell::Model(range) => Some(Self::Model(*range)),
                _ => None,
            },
        }
    }

    fn mean(&self) -> Option<Mean> {
        match self {
            Self::Measured(by_round) => Mean::of(by_round.values().copied()),
            Self::Model(_) => None,
        }
    }
}

/// The best of some strategies; `None` where none is known. `bills` are those of a
/// fleet, and then minutes decide. Else `usual` does, the typical job, as far as any
/// strategy is known by it, and among those that are equal by it the cold job.
///
/// What was measured comes before a prediction, unless all of the predicted range is
/// better. What does not build is never the best.
pub fn choose(
    strategies: &[Strategy],
    bills: Option<&[Option<Bill>]>,
    usual: Job,
    judging: Judging,
) -> Option<Choice> {
    let candidates = |basis: Basis| -> Vec<Candidate> {
        let found = strategies.iter().enumerate().filter_map(|(place, strategy)| {
            let bill = bills.and_then(|bills| bills.get(place)?.as_ref());
            let figure = Figure::of(strategy, bill, basis)?;
            Some(Candidate { place, figure })
        });
        found.collect()
    };
    let (basis, equal, all) = match bills {
        Some(_) => (Basis::Minutes, None, candidates(Basis::Minutes)),
        None => {
            let by_usual = candidates(Basis::Job(usual));
            let equal = equals(&by_usual);
            let mut by_cold = candidates(Basis::Job(Job::Cold));
            match equal.len() {
                0 => (Basis::Job(Job::Cold), None, by_cold),
                1 => (Basis::Job(usual), None, by_usual),
                _ => {
                    by_cold.retain(|candidate| equal.contains(&candidate.place));
                    (Basis::Job(Job::Cold), Some(usual), by_cold)
                }
            }
        }
    };
    let measured = best(&all, |_| true)?;
    let fastest = measured.figure.mean()?;
    let surely = fastest.interval.map_or(fastest.mean, |interval| interval.low);
    let mut models: Vec<(&Candidate, Interval)> = all
        .iter()
        .filter_map(|candidate| match candidate.figure {
            Figure::Model(range) => Some((candidate, range)),
            Figure::Measured(_) => None,
        })
        .collect();
    models.sort_by(|one, other| one.1.high.total_cmp(&other.1.high));
    let better = models.iter().find(|(_, range)| range.high < surely);
    let best_of_all = better.map_or(measured, |(candidate, _)| candidate);
    let perhaps = models.iter().find(|(_, range)| range.low < fastest.mean);
    let perhaps = perhaps.map(|(candidate, _)| candidate.place);
    let compared = |other: &Candidate| {
        Some(Compared {
            other: other.place,
            by: against(&best_of_all.figure, &other.figure, judging)?,
        })
    };
    let next = best(&all, |candidate| candidate.place != best_of_all.place);
    // By another job than the usual there may be no candidate that is the reference.
    let by_basis = candidates(basis);
    let reference = reference_of(strategies, best_of_all.place);
    let reference = by_basis.iter().find(|candidate| Some(candidate.place) == reference);
    Some(Choice {
        best: best_of_all.place,
        basis,
        equal,
        reference: reference.and_then(compared),
        next: next.and_then(compared),
        perhaps: perhaps.filter(|place| *place != best_of_all.place),
    })
}

#[derive(Debug, Clone, PartialEq)]
struct Candidate {
    place: usize,
    figure: Figure,
}

/// The measured one with the least mean, of those that are wanted; the first of equals.
fn best(candidates: &[Candidate], is_wanted: impl Fn(&Candidate) -> bool) -> Option<&Candidate> {
    let wanted = candidates.iter().filter(|candidate| is_wanted(candidate));
    let means = wanted.filter_map(|candidate| Some((candidate, candidate.figure.mean()?.mean)));
    let least = means.min_by(|one, other| one.1.total_cmp(&other.1));
    least.map(|(candidate, _)| candidate)
}

/// The measured ones whose time is as good as the least.
fn equals(candidates: &[Candidate]) -> Vec<usize> {
    let Some(least) = best(candidates, |_| true).and_then(|best| best.figure.mean()) else {
        return Vec::new();
    };
    let means = candidates.iter().filter_map(|candidate| {
        let mean = candidate.figure.mean()?.mean;
        (mean <= least.mean + EQUAL_WITHIN).then_some(candidate.place)
    });
    means.collect()
}

/// The reference that a strategy is held against: on the nodes that the scenario was raced
/// on, with the same caches if that is another, or else with lost ones.
fn reference_of(strategies: &[Strategy], best: usize) -> Option<usize> {
    let caches = [strategies[best].caches, Caches::Lost];
    caches.into_iter().find_map(|caches| {
        strategies.iter().enumerate().position(|(place, strategy)| {
            place != best
                && strategy.is_reference
                && !strategy.is_model()
                && strategy.caches == caches
        })
    })
}

fn against(best: &Figure, other: &Figure, judging: Judging) -> Option<Against> {
    match (best, other) {
        (Figure::Measured(best), Figure::Measured(other)) => {
            let logs = stats::log_ratios(best, other);
            let ratio = stats::ratio(&logs, judging.looks, judging.delta)?;
            let values: Vec<f64> = logs.values().copied().collect();
            let verdict = match stats::judge_at(&values, judging.delta, judging.looks) {
                Judgement::Decided(decision) => Some(decision.verdict),
                Judgement::GoOn { .. } => None,
            };
            Some(Against::Paired(ratio, verdict))
        }
        (Figure::Model(range), other) => {
            let other = other.mean()?.mean;
            Some(Against::Model(Interval {
                low: range.low / other,
                high: range.high / other,
            }))
        }
        (Figure::Measured(_), Figure::Model(_)) => None,
    }
}
