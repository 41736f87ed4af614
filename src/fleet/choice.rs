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
/// How many times faster than what was measured even the worst of a prediction must be
/// to come before it: it was not measured, and needs nodes that are not there.
const WORTH_NODES: f64 = 2.0;

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
    /// A prediction that may be better than what was measured.
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
/// twice as good. What does not build is never the best.
pub fn choose(
    strategies: &[Strategy],
    bills: Option<&[Option<Bill>]>,
    usual: Job,
    judging: Judging,
) -> Option<Choice> {
    let candidates = |basis: Basis| -> Vec<Candidate> {
        let found = strategies
            .iter()
            .enumerate()
            .filter_map(|(place, strategy)| {
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
            let measured = equal.iter().filter(|place| !strategies[**place].is_model());
            match measured.count() {
                _ if usual == Job::Cold => (Basis::Job(usual), None, by_usual),
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
    let surely = fastest
        .interval
        .map_or(fastest.mean, |interval| interval.low);
    let mut models: Vec<(&Candidate, Interval)> = all
        .iter()
        .filter_map(|candidate| match candidate.figure {
            Figure::Model(range) => Some((candidate, range)),
            Figure::Measured(_) => None,
        })
        .collect();
    models.sort_by(|one, other| one.1.high.total_cmp(&other.1.high));
    let better = models
        .iter()
        .find(|(_, range)| range.high * WORTH_NODES < surely);
    let best_of_all = better.map_or(measured, |(candidate, _)| candidate);
    let matters = match basis {
        Basis::Minutes => fastest.mean,
        Basis::Job(_) => fastest.mean - EQUAL_WITHIN,
    };
    let perhaps = models.iter().find(|(_, range)| range.low < matters);
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
    let reference = by_basis
        .iter()
        .find(|candidate| Some(candidate.place) == reference);
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

/// Those whose time is as good as the least that was measured.
fn equals(candidates: &[Candidate]) -> Vec<usize> {
    let Some(least) = best(candidates, |_| true).and_then(|best| best.figure.mean()) else {
        return Vec::new();
    };
    let enough = least.mean + EQUAL_WITHIN;
    let equal = candidates
        .iter()
        .filter(|candidate| match &candidate.figure {
            Figure::Measured(_) => candidate
                .figure
                .mean()
                .is_some_and(|found| found.mean <= enough),
            Figure::Model(range) => range.high <= enough,
        });
    equal.map(|candidate| candidate.place).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Nodes;
    use crate::model::{Outcome, Platform};

    const COLD: Job = Job::Cold;

    fn source() -> Job {
        Job::source().unwrap()
    }

    fn strategy(variant: &str, nodes: Nodes, caches: Caches, cells: [Cell; 2]) -> Strategy {
        let [cold, edited] = cells;
        Strategy {
            variant: variant.into(),
            dockerfile: "Dockerfile".into(),
            is_reference: variant == "naive",
            nodes,
            caches,
            how: None,
            cache_mounts: Vec::new(),
            remote: None,
            remote_bytes: None,
            runners: vec![Platform::linux("amd64")],
            cells: [(COLD, cold), (source(), edited)].into(),
        }
    }

    fn measured(around: f64) -> Cell {
        let times = (1..=6).map(|round| (round, around * (1.0 + 0.002 * f64::from(round % 3))));
        Cell::Measured(times.collect())
    }

    fn model(low: f64, high: f64) -> Cell {
        Cell::Model(Interval { low, high })
    }

    fn chosen(strategies: &[Strategy]) -> Choice {
        let judging = Judging {
            looks: Looks::One,
            delta: 0.05,
        };
        choose(strategies, None, source(), judging).unwrap()
    }

    fn one(variant: &str, caches: Caches, cold: f64, edited: f64) -> Strategy {
        strategy(
            variant,
            Nodes::One,
            caches,
            [measured(cold), measured(edited)],
        )
    }

    #[test]
    fn the_typical_edit_decides_and_the_verdict_says_how_sure_it_is() {
        let all = [
            one("naive", Caches::Lost, 150.0, 150.0),
            one("naive", Caches::Kept, 150.0, 140.0),
            one("cross", Caches::Lost, 20.0, 20.0),
            one("cross", Caches::Kept, 20.0, 2.0),
        ];
        let choice = chosen(&all);
        assert_eq!((choice.best, choice.basis), (3, Basis::Job(source())));
        assert_eq!(choice.equal, None);
        let reference = choice.reference.unwrap();
        assert_eq!(reference.other, 1);
        let Against::Paired(ratio, verdict) = reference.by else {
            panic!("both were measured");
        };
        assert!((ratio.estimate - 2.0 / 140.0).abs() < 1e-3);
        assert_eq!(verdict, Some(Verdict::Faster));
        assert_eq!(choice.next.unwrap().other, 2);
    }

    #[test]
    fn what_takes_equally_long_after_an_edit_is_told_apart_by_the_cold_job() {
        let all = [
            one("naive", Caches::Kept, 58.0, 0.2),
            one("hybrid", Caches::Kept, 8.0, 0.3),
            one("other", Caches::Kept, 1.0, 9.0),
        ];
        let choice = chosen(&all);
        assert_eq!((choice.best, choice.basis), (1, Basis::Job(COLD)));
        assert_eq!(choice.equal, Some(source()));
        assert_eq!(choice.next.unwrap().other, 0);
    }

    #[test]
    fn what_does_not_build_is_never_recommended() {
        let failed = || Cell::Failed(Outcome::Failed);
        let all = [
            one("naive", Caches::Lost, 150.0, 150.0),
            strategy("cross", Nodes::One, Caches::Kept, [failed(), measured(1.0)]),
            strategy("wrong", Nodes::One, Caches::Kept, [measured(1.0), failed()]),
        ];
        let choice = chosen(&all);
        assert_eq!((choice.best, choice.next), (0, None));
        let judging = Judging {
            looks: Looks::One,
            delta: 0.05,
        };
        assert_eq!(choose(&all[1..], None, source(), judging), None);
    }

    #[test]
    fn a_prediction_comes_first_only_if_all_of_it_is_twice_as_good() {
        let native = |low, high| {
            let cells = [model(low, high), model(low, high)];
            strategy("naive", Nodes::NativeModel, Caches::Lost, cells)
        };
        let naive = one("naive", Caches::Lost, 150.0, 150.0);
        let choice = chosen(&[naive.clone(), native(10.0, 16.0)]);
        assert_eq!((choice.best, choice.perhaps), (1, None));
        let Against::Model(range) = choice.reference.unwrap().by else {
            panic!("one is a prediction");
        };
        assert!(range.low < range.high && range.high < 0.11);
        let choice = chosen(&[naive.clone(), native(10.0, 100.0)]);
        assert_eq!((choice.best, choice.perhaps), (0, Some(1)));
        let judging = Judging {
            looks: Looks::One,
            delta: 0.05,
        };
        let only_cold = choose(&[naive.clone(), naive.clone()], None, COLD, judging).unwrap();
        assert_eq!((only_cold.best, only_cold.equal), (0, None));
        // Less than a second is nothing to get other nodes for.
        let choice = chosen(&[naive, native(149.5, 149.6)]);
        assert_eq!((choice.best, choice.perhaps), (0, None));
    }
}
