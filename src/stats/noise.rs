//! The noise floor: how large a change would be estimated where there is none.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::verdict::LOOKS;
use super::walsh::WalshAverages;

/// Runs that are drawn from a null race.
const DRAWS: usize = 10_000;
/// The share of them whose estimate the floor is not below.
const PERCENTILE: f64 = 0.95;
/// With what probability the spread of normal noise is underestimated at most.
/// Tails that are heavier take more of it, see `docs/verdict.md`.
const UNDERESTIMATED: f64 = 0.01;
/// The same null race gives the same floor.
const SEED: u64 = 1;

/// With what confidence the floor is not below what it claims to be.
pub const FLOOR_CONFIDENCE: f64 = 0.95;

/// The noise floor that a null race shows, from its log ratios: an upper
/// confidence bound of the 95th percentile of the estimated change, as a share,
/// in runs of as many rounds as the first look takes.
///
/// One null race gives one estimate. Others like it are drawn from its rounds,
/// with replacement, each difference with a sign by lot: candidate and reference
/// are the same Dockerfile, so that exchanging them in any round would have been
/// as likely. What is drawn from few rounds has their spread, which may be too
/// small by chance: the percentile is enlarged by as much as it hardly ever is,
/// 1.8 times of twelve rounds. Deterministic.
pub fn noise_floor(log_ratios: &[f64]) -> f64 {
    floor_of(log_ratios, DRAWS)
}

fn floor_of(log_ratios: &[f64], draws: usize) -> f64 {
    let finite: Vec<f64> = log_ratios
        .iter()
        .copied()
        .filter(|d| d.is_finite())
        .collect();
    if finite.is_empty() {
        return 0.0;
    }
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut draw = || {
        let bits = random.next_u64();
        // The top bit is the sign, the others choose: for the few rounds of a
        // run their remainder is as good as uniform.
        let chosen = finite[((bits >> 1) % finite.len() as u64) as usize];
        if bits & 1 == 1 { chosen } else { -chosen }
    };
    let mut changes: Vec<f64> = (0..draws)
        .filter_map(|_| {
            let rounds: Vec<f64> = (0..LOOKS[0].rounds).map(|_| draw()).collect();
            Some(WalshAverages::of(&rounds)?.median().abs())
        })
        .collect();
    changes.sort_by(f64::total_cmp);
    let at = (changes.len() as f64 * PERCENTILE).ceil() as usize;
    let percentile = changes[at.saturating_sub(1).min(changes.len() - 1)];
    (percentile * enlarged(finite.len())).exp_m1()
}

/// By how much the spread of so many rounds must be enlarged so that it is
/// below the true one with a probability of [`UNDERESTIMATED`] at most, where
/// their log ratios are normal around 0: then n times the mean square over the
/// variance is χ² with n degrees of freedom.
fn enlarged(rounds: usize) -> f64 {
    let n = rounds as f64;
    ChiSquared::new(n).map_or(1.0, |spread| {
        (n / spread.inverse_cdf(UNDERESTIMATED)).sqrt().max(1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn it_grows_with_the_noise_and_knows_no_direction() {
        let race: Vec<f64> = (0..12).map(|n| f64::from(n % 5 - 2) * 0.01).collect();
        let twice: Vec<f64> = race.iter().map(|d| 2.0 * d).collect();
        let turned: Vec<f64> = race.iter().map(|d| -d).collect();
        let floor = noise_floor(&race);
        assert!(floor > 0.01 && floor < 0.03, "{floor}");
        assert!(noise_floor(&twice) > 1.9 * floor);
        assert!((noise_floor(&turned) / floor - 1.0).abs() < 0.1);
        assert_eq!(noise_floor(&race), floor);
        assert_eq!(noise_floor(&[]), 0.0);
        assert_eq!(noise_floor(&[0.0; 12]), 0.0);
    }

    /// R: `sqrt(n / qchisq(0.01, n))`.
    #[test]
    fn few_rounds_enlarge_it_most() {
        for (rounds, factor) in [(6, 2.623), (12, 1.833), (24, 1.487), (200, 1.131)] {
            assert!(
                (enlarged(rounds) - factor).abs() < 2e-3,
                "{rounds}: {}",
                enlarged(rounds)
            );
        }
    }

    fn normal(random: &mut ChaCha8Rng) -> f64 {
        let (u, v): (f64, f64) = (random.random(), random.random());
        (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// The log ratio of a null race's round: of two builds of the same.
    type Noise = fn(&mut ChaCha8Rng) -> f64;

    fn lognormal(random: &mut ChaCha8Rng) -> f64 {
        0.05 * (normal(random) - normal(random))
    }

    /// Student's t with three degrees of freedom.
    fn heavy(random: &mut ChaCha8Rng) -> f64 {
        let squares = (0..3).map(|_| normal(random).powi(2)).sum::<f64>();
        0.05 * normal(random) / (squares / 3.0).sqrt()
    }

    fn skewed(random: &mut ChaCha8Rng) -> f64 {
        0.05 * ((0.8 * normal(random)).exp() - (0.8 * normal(random)).exp())
    }

    /// What a null race of six rounds estimates.
    fn estimate(noise: Noise, random: &mut ChaCha8Rng) -> f64 {
        let rounds: Vec<f64> = (0..LOOKS[0].rounds).map(|_| noise(random)).collect();
        WalshAverages::of(&rounds).unwrap().median().abs()
    }

    /// The percentile that null races of six rounds show.
    fn truth(noise: Noise, random: &mut ChaCha8Rng) -> f64 {
        let mut estimates: Vec<f64> = (0..10_000).map(|_| estimate(noise, random)).collect();
        estimates.sort_by(f64::total_cmp);
        estimates[(estimates.len() as f64 * PERCENTILE) as usize]
    }

    #[test]
    fn it_is_an_upper_bound_of_what_null_races_show() {
        for (name, noise, least) in [
            ("lognormal", lognormal as Noise, FLOOR_CONFIDENCE),
            // 94 to 98% of many more, less three standard errors.
            ("heavy", heavy, 0.9),
            ("skewed", skewed, 0.88),
        ] {
            const CALIBRATIONS: usize = 200;
            let mut random = ChaCha8Rng::seed_from_u64(7);
            let truth = truth(noise, &mut random);
            for rounds in [6, 12, 24] {
                let (mut bounds, mut exceeded) = (0, 0);
                for _ in 0..CALIBRATIONS {
                    let race: Vec<f64> = (0..rounds).map(|_| noise(&mut random)).collect();
                    let floor = floor_of(&race, 400).ln_1p();
                    bounds += usize::from(floor >= truth);
                    exceeded += usize::from(estimate(noise, &mut random) > floor);
                }
                let share = |count: usize| count as f64 / CALIBRATIONS as f64;
                assert!(
                    share(bounds) >= least,
                    "{name}, {rounds} rounds: {bounds} of {CALIBRATIONS}"
                );
                assert!(
                    share(exceeded) <= 0.05,
                    "{name}, {rounds} rounds: {exceeded} of {CALIBRATIONS}"
                );
            }
        }
    }
}
