//! The noise floor: how large a change would be estimated where there is none.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::verdict::LOOKS;
use super::walsh::WalshAverages;

/// Runs that are drawn from a null race.
const DRAWS: usize = 10_000;
/// The share of them whose estimate the floor is not below.
const PERCENTILE: f64 = 0.95;
/// The same null race gives the same floor.
const SEED: u64 = 1;

/// The noise floor that a null race shows, from its log ratios: the 95th
/// percentile of the estimated change, as a share, in runs of as many rounds as
/// the first look takes.
///
/// One null race gives one estimate. Others like it are drawn from its rounds,
/// with replacement, each difference with a sign by lot: candidate and reference
/// are the same Dockerfile, so that exchanging them in any round would have been
/// as likely. Deterministic.
pub fn noise_floor(log_ratios: &[f64]) -> f64 {
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
    let mut changes: Vec<f64> = (0..DRAWS)
        .filter_map(|_| {
            let rounds: Vec<f64> = (0..LOOKS[0].rounds).map(|_| draw()).collect();
            Some(WalshAverages::of(&rounds)?.median().abs())
        })
        .collect();
    changes.sort_by(f64::total_cmp);
    let at = (changes.len() as f64 * PERCENTILE).ceil() as usize;
    changes[at.saturating_sub(1).min(changes.len() - 1)].exp_m1()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_the_noise_and_knows_no_direction() {
        let race: Vec<f64> = (0..12).map(|n| f64::from(n % 5 - 2) * 0.01).collect();
        let twice: Vec<f64> = race.iter().map(|d| 2.0 * d).collect();
        let turned: Vec<f64> = race.iter().map(|d| -d).collect();
        let floor = noise_floor(&race);
        assert!(floor > 0.005 && floor < 0.02, "{floor}");
        assert!(noise_floor(&twice) > 1.9 * floor);
        assert!((noise_floor(&turned) / floor - 1.0).abs() < 0.1);
        assert_eq!(noise_floor(&race), floor);
        assert_eq!(noise_floor(&[]), 0.0);
        assert_eq!(noise_floor(&[0.0; 12]), 0.0);
    }

    /// Of runs of six rounds with the same noise, about 95% are below it.
    #[test]
    fn it_is_the_95th_percentile_of_what_null_races_show() {
        use rand::RngExt;
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut normal = || {
            let (u, v): (f64, f64) = (random.random(), random.random());
            0.05 * (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        };
        let null: Vec<f64> = (0..400).map(|_| normal()).collect();
        let floor = noise_floor(&null).ln_1p();
        let below = (0..4000).filter(|_| {
            let rounds: Vec<f64> = (0..6).map(|_| normal()).collect();
            WalshAverages::of(&rounds).unwrap().median().abs() <= floor
        });
        let below = below.count();
        assert!((3700..3900).contains(&below), "{below} of 4000");
    }
}
