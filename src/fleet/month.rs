//! What a month of builds adds up to, and how sure that is: from the few times that
//! were measured of each job, by resampling.
//!
//! **The model.** A month has a number of builds. Each is one of several jobs, by
//! chance, with the shares of the mix, and takes what builds of that job take, whatever
//! the others did. Round *i* of a run gives what a build takes on average,
//! `cᵢ = Σ shareⱼ · tⱼᵢ`, so that what slowed a round down is in all its jobs. The logarithms of the
//! cᵢ are taken to be normal.
//!
//! **What is drawn**, many times: how far the mean of n rounds may be from the truth
//! (Student's t, on logarithms); which jobs come how often; and what builds of a
//! month differ by. The last is drawn with a spread that is as uncertain as n
//! rounds leave it. `simulation.rs` holds the interval against fleets whose truth is known.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::stats::{Interval, Mean};

/// How many months are drawn.
const MONTHS: usize = 1000;
/// Builds of a month of which it is drawn one by one which job they are: of more the
/// same is taken, with the spread that more have.
const MOST_DRAWN: usize = 200;
/// Share of months that lies beyond each end of the interval. With 2.5% it would hold
/// 95% of months if the model were exact; it holds that with what a model is wrong by.
const TAIL: f64 = 0.015;
/// The seed of every month: the same samples give the same interval, and two
/// strategies are drawn alike.
const SEED: u64 = 0x6d6f_6e74;

/// A job of the mix.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Share of the builds, 0 to 1. Those of a mix add up to 1.
    pub share: f64,
    /// What a build takes, by round.
    pub by_round: BTreeMap<u32, f64>,
}

/// What a month of builds takes, in the unit of its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Month {
    /// Builds of the month times what one takes on average.
    pub expected: f64,
    /// What a month may take; `None` where one round is all that there is.
    pub interval: Option<Interval>,
}

impl Month {
    /// A month of so many builds; `None` where no round has a figure of each part.
    pub fn of(parts: &[Part], builds: f64) -> Option<Self> {
        let costs = mean_costs(parts);
        if costs.is_empty() {
            return None;
        }
        let n = costs.len() as f64;
        let mean = costs.values().sum::<f64>() / n;
        let interval = match Mean::of(costs.values().copied()) {
            // What costs nothing does so always.
            None => Some(Interval {
                low: 0.0,
                high: 0.0,
            }),
            Some(found) => found
                .log_spread
                .map(|spread| interval(parts, &costs, spread, builds)),
        };
        Some(Self {
            expected: builds * mean,
            interval,
        })
    }
}

/// What a build takes on average, by the rounds that every part has.
pub(super) fn mean_costs(parts: &[Part]) -> BTreeMap<u32, f64> {
    let Some((first, rest)) = parts.split_first() else {
        return BTreeMap::new();
    };
    let costs = first.by_round.iter().filter_map(|(round, time)| {
        let others = rest.iter().map(|part| {
            let time = part.by_round.get(round)?;
            Some(part.share * time)
        });
        let others = others.sum::<Option<f64>>()?;
        Some((*round, first.share * time + others))
    });
    costs.collect()
}

fn interval(parts: &[Part], costs: &BTreeMap<u32, f64>, spread: f64, builds: f64) -> Interval {
    let n = costs.len() as f64;
    let mean = costs.values().sum::<f64>() / n;
    let parts: Vec<Drawn> = parts.iter().map(|part| Drawn::of(part, costs)).collect();
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let drawn = (builds.round() as usize).clamp(1, MOST_DRAWN);
    // Of more builds than are drawn, the deviation grows by the root.
    let scale = (builds / drawn as f64).sqrt();
    let months = (0..MONTHS).map(|_| {
        // What n rounds leave open of the spread itself.
        let wider = ((n - 1.0) / squares(costs.len() - 1, &mut random)).sqrt();
        let off = normal(&mut random) * spread * wider / n.sqrt();
        let mut deviation = 0.0;
        for (part, count) in parts.iter().zip(counts(&parts, drawn, &mut random)) {
            let noise = normal(&mut random) * (count as f64).sqrt() * part.spread * wider;
            deviation += count as f64 * (part.mean - mean) + noise;
        }
        (builds * mean * off.exp() + deviation * scale).max(0.0)
    });
    let mut months: Vec<f64> = months.collect();
    months.sort_by(f64::total_cmp);
    let beyond = (TAIL * MONTHS as f64) as usize;
    Interval {
        low: months[beyond],
        high: months[MONTHS - 1 - beyond],
    }
}

/// A part as it is drawn.
struct Drawn {
    share: f64,
    mean: f64,
    /// Standard deviation of what a build takes.
    spread: f64,
}

impl Drawn {
    /// Of the rounds that count, which are two at least.
    fn of(part: &Part, costs: &BTreeMap<u32, f64>) -> Self {
        let times = part.by_round.iter();
        let times = times.filter(|(round, _)| costs.contains_key(round));
        let times: Vec<f64> = times.map(|(_, time)| *time).collect();
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
        Self {
            share: part.share,
            mean,
            spread: (squares / (times.len() - 1) as f64).sqrt(),
        }
    }
}

/// How many of so many builds are of each part.
fn counts(parts: &[Drawn], builds: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut counts = vec![0; parts.len()];
    let last = parts.len() - 1;
    if last == 0 {
        return vec![builds];
    }
    for _ in 0..builds {
        let mut left = uniform(random);
        let place = parts.iter().position(|part| {
            left -= part.share;
            left < 0.0
        });
        counts[place.unwrap_or(last)] += 1;
    }
    counts
}

/// A number from 0 to 1, without 1. As in `plan`, the seed alone decides: `rand` does
/// not promise that its own stay as they are.
fn uniform(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A standard normal number, by Box and Muller.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (u, v) = (uniform(random), uniform(random));
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// The sum of the squares of so many of them: χ².
fn squares(freedom: usize, random: &mut ChaCha8Rng) -> f64 {
    (0..freedom).map(|_| normal(random).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(share: f64, times: &[f64]) -> Part {
        Part {
            share,
            by_round: (1..).zip(times.iter().copied()).collect(),
        }
    }

    #[test]
    fn a_month_is_the_sum_that_a_hand_reckons() {
        // 22 days of 20 builds: 352 edits of 6 s, 88 jobs of 150 s.
        let parts = [
            part(0.8, &[5.0, 6.0, 7.0]),
            part(0.2, &[140.0, 150.0, 160.0]),
        ];
        let month = Month::of(&parts, 440.0).unwrap();
        assert!((month.expected - (352.0 * 6.0 + 88.0 * 150.0)).abs() < 1e-6);
        let Interval { low, high } = month.interval.unwrap();
        assert!(low < month.expected && month.expected < high);
        assert!(
            low > 0.6 * month.expected && high < 1.6 * month.expected,
            "{low} {high}"
        );
        assert_eq!(Month::of(&parts, 440.0), Some(month));
    }

    #[test]
    fn only_rounds_of_every_part_count() {
        let mut edits = part(0.5, &[1.0, 2.0, 3.0]);
        edits.by_round.remove(&2);
        let month = Month::of(&[edits, part(0.5, &[10.0, 99.0, 10.0])], 2.0).unwrap();
        assert!((month.expected - (2.0 + 10.0)).abs() < 1e-9);
        assert_eq!(Month::of(&[part(1.0, &[])], 1.0), None);
        assert_eq!(Month::of(&[], 1.0), None);
        let one = Month::of(&[part(1.0, &[3.0])], 10.0).unwrap();
        assert_eq!((one.expected, one.interval), (30.0, None));
    }

    #[test]
    fn what_costs_nothing_costs_nothing_for_sure() {
        let month = Month::of(&[part(1.0, &[0.0, 0.0])], 100.0).unwrap();
        let interval = month.interval.unwrap();
        assert_eq!(
            (month.expected, interval.low, interval.high),
            (0.0, 0.0, 0.0)
        );
    }

    #[test]
    fn more_rounds_and_more_builds_say_it_closer() {
        let width = |rounds: usize, builds: f64| {
            let times: Vec<f64> = (0..rounds).map(|n| 100.0 + 5.0 * (n % 3) as f64).collect();
            let month = Month::of(&[part(1.0, &times)], builds).unwrap();
            let Interval { low, high } = month.interval.unwrap();
            (high - low) / month.expected
        };
        assert!(width(12, 440.0) < width(3, 440.0) / 2.0);
        assert!(width(12, 4400.0) < width(12, 2.0) / 2.0);
    }
}
