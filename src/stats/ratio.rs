//! Ratios of times that were measured in pairs, one pair a round: whatever
//! slows a whole round down cancels out.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::interval::Interval;
use super::verdict::{Judgement, Look, Looks, judge_at};

/// Confidence of the model-based interval.
const CONFIDENCE: f64 = 0.95;

/// How much longer one thing takes than another, from paired times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Number of pairs that it stands on.
    pub n: usize,
    /// Candidate over reference: below 1 is faster.
    pub estimate: f64,
    /// The interval of the same, for two pairs or more.
    pub interval: Option<Interval>,
    /// What estimate and interval are.
    pub basis: Basis,
}

/// What a [`Ratio`] rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// One pair: its ratio, without an interval.
    OneRound,
    /// Fewer pairs than a look takes: the geometric mean with its 95%
    /// t-interval. It is right if the log ratios are normal, which so few
    /// cannot show.
    ModelBased,
    /// The Hodges–Lehmann estimate and the signed-rank interval of a look.
    SignedRank(Look),
}

/// ln(candidate / reference) of each round that both have, from times in
/// seconds by round. Times that are not above zero are left out.
pub fn log_ratios(
    candidate: &BTreeMap<u32, f64>,
    reference: &BTreeMap<u32, f64>,
) -> BTreeMap<u32, f64> {
    candidate
        .iter()
        .filter_map(|(round, candidate)| Some((*round, (candidate / reference.get(round)?).ln())))
        .filter(|(_, log)| log.is_finite())
        .collect()
}

/// The ratio that the log ratios of some rounds show, under so many looks: that
/// of the look at which the verdict fell, or of the last that there was. `None`
/// where there is no round.
pub fn ratio(log_ratios: &BTreeMap<u32, f64>, looks: Looks, delta: f64) -> Option<Ratio> {
    let logs: Vec<f64> = log_ratios.values().copied().collect();
    let decided = match judge_at(&logs, delta, looks) {
        Judgement::Decided(decision) => Some(decision.look),
        Judgement::GoOn { .. } => None,
    };
    let seen = looks.at(logs.len()).into_iter().rev();
    let seen = decided.into_iter().chain(seen);
    let seen = seen.filter_map(|look| Some((look, look.see(&logs)?)));
    if let Some((look, (estimate, interval))) = seen.into_iter().next() {
        return Some(Ratio {
            n: look.rounds,
            estimate: estimate.exp(),
            interval: Some(interval.exp()),
            basis: Basis::SignedRank(look),
        });
    }
    let n = logs.len();
    let mean = (n > 0).then(|| logs.iter().sum::<f64>() / n as f64)?;
    let interval = half_width(&logs, mean).map(|half| {
        let interval = Interval {
            low: mean - half,
            high: mean + half,
        };
        interval.exp()
    });
    Some(Ratio {
        n,
        estimate: mean.exp(),
        basis: match interval {
            Some(_) => Basis::ModelBased,
            None => Basis::OneRound,
        },
        interval,
    })
}

/// t quantile times standard error.
fn half_width(values: &[f64], mean: f64) -> Option<f64> {
    let n = values.len();
    if n < 2 {
        return None;
    }
    let freedom = (n - 1) as f64;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / freedom;
    let quantile = StudentsT::new(0.0, 1.0, freedom)
        .ok()?
        .inverse_cdf(1.0 - (1.0 - CONFIDENCE) / 2.0);
    Some(quantile * (variance / n as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_round(times: &[f64]) -> BTreeMap<u32, f64> {
        (1..).zip(times.iter().copied()).collect()
    }

    fn of(candidate: &[f64], reference: &[f64], looks: Looks) -> Option<Ratio> {
        let logs = log_ratios(&by_round(candidate), &by_round(reference));
        ratio(&logs, looks, 0.05)
    }

    #[test]
    fn one_pair_is_a_point() {
        let ratio = of(&[2.0], &[8.0], Looks::One).unwrap();
        assert_eq!(
            (ratio.n, ratio.interval, ratio.basis),
            (1, None, Basis::OneRound)
        );
        assert!((ratio.estimate - 0.25).abs() < 1e-12);
    }

    #[test]
    fn the_model_based_interval_is_the_textbook_one() {
        // ln ratios 0.1, 0.2, 0.3: mean 0.2, s 0.1, t(2, .975) = 4.302653.
        let candidate = [0.1f64.exp(), 0.2f64.exp(), 0.3f64.exp()];
        for looks in [Looks::One, Looks::Two] {
            let ratio = of(&candidate, &[1.0, 1.0, 1.0], looks).unwrap();
            let Interval { low, high } = ratio.interval.unwrap();
            let half = 4.302_653 * 0.1 / 3f64.sqrt();
            assert_eq!(ratio.basis, Basis::ModelBased);
            assert!((ratio.estimate.ln() - 0.2).abs() < 1e-9);
            assert!((low.ln() - (0.2 - half)).abs() < 1e-5, "{low}");
            assert!((high.ln() - (0.2 + half)).abs() < 1e-5, "{high}");
        }
    }

    #[test]
    fn from_six_rounds_on_it_is_a_looks_own() {
        let logs = |n: u32| (1..=n).map(|n| (n, 0.1 * f64::from(n))).collect();
        let six = ratio(&logs(6), Looks::One, 0.05).unwrap();
        assert_eq!(six.basis, Basis::SignedRank(Look { rounds: 6, k: 1 }));
        let interval = six.interval.unwrap();
        assert!((interval.low.ln() - 0.1).abs() < 1e-9 && (interval.high.ln() - 0.6).abs() < 1e-9);
        // A fixed run is looked at once, with all that it has.
        let twelve = ratio(&logs(12), Looks::One, 0.05).unwrap();
        assert_eq!(twelve.basis, Basis::SignedRank(Look { rounds: 12, k: 14 }));
        // One that stops when it is clear was clear after six.
        let auto = ratio(&logs(12), Looks::Two, 0.05).unwrap();
        assert_eq!(auto, ratio(&logs(6), Looks::Two, 0.05).unwrap());
        // One that was stopped on its way to the second look had the first.
        let torn: BTreeMap<u32, f64> = (1..=9)
            .map(|n| (n, if n % 2 == 0 { 0.3 } else { -0.2 }))
            .collect();
        let torn = ratio(&torn, Looks::Two, 0.05).unwrap();
        assert_eq!(torn.basis, Basis::SignedRank(Look { rounds: 6, k: 1 }));
    }

    #[test]
    fn only_whole_pairs_count() {
        let candidate = BTreeMap::from([(1, 2.0), (3, 1.0), (4, 0.0)]);
        let reference = BTreeMap::from([(1, 1.0), (2, 9.0), (4, 1.0)]);
        assert_eq!(log_ratios(&candidate, &reference).len(), 1);
        assert_eq!(ratio(&BTreeMap::new(), Looks::One, 0.05), None);
    }

    proptest! {
        /// What slows candidate and reference of a round alike changes nothing.
        #[test]
        fn drift_cancels_out(pairs in proptest::collection::vec((0.1f64..100.0, 0.1f64..100.0, 0.5f64..2.0), 1..14)) {
            let ratio = |drifted: bool| {
                let scale = |drift: f64| if drifted { drift } else { 1.0 };
                let side = |pick: fn(&(f64, f64, f64)) -> f64| {
                    pairs.iter().map(|pair| pick(pair) * scale(pair.2)).collect::<Vec<_>>()
                };
                of(&side(|pair| pair.0), &side(|pair| pair.1), Looks::One).unwrap()
            };
            let (still, drifted) = (ratio(false), ratio(true));
            prop_assert!((still.estimate / drifted.estimate - 1.0).abs() < 1e-9);
            if let Some(interval) = still.interval {
                prop_assert!(interval.low <= still.estimate && still.estimate <= interval.high);
            }
        }
    }
}
