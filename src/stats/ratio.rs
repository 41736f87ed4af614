//! Ratios of times that were measured in pairs, one pair a round: whatever
//! slows a whole round down cancels out.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Confidence of the interval.
const CONFIDENCE: f64 = 0.95;

/// How much longer one thing takes than another, from paired times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Number of pairs.
    pub n: usize,
    /// exp of the mean of ln(candidate / reference): below 1 is faster.
    pub estimate: f64,
    /// 95% t-interval of the same mean, for two pairs or more. It is
    /// model-based: right if the log ratios are normal, which so few cannot
    /// show.
    pub interval: Option<Interval>,
}

/// An interval of ratios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The ratio of a candidate's times to a reference's, both in seconds by
/// round. Rounds that only one of them has, and times that are not above
/// zero, are left out; `None` where no pair is left.
pub fn paired_ratio(
    candidate: &BTreeMap<u32, f64>,
    reference: &BTreeMap<u32, f64>,
) -> Option<Ratio> {
    let logs: Vec<f64> = candidate
        .iter()
        .filter_map(|(round, candidate)| Some((*candidate, *reference.get(round)?)))
        .map(|(candidate, reference)| (candidate / reference).ln())
        .filter(|log| log.is_finite())
        .collect();
    if logs.is_empty() {
        return None;
    }
    let n = logs.len();
    let mean = logs.iter().sum::<f64>() / n as f64;
    Some(Ratio {
        n,
        estimate: mean.exp(),
        interval: half_width(&logs, mean).map(|half| Interval {
            low: (mean - half).exp(),
            high: (mean + half).exp(),
        }),
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

    #[test]
    fn one_pair_is_a_point() {
        let ratio = paired_ratio(&by_round(&[2.0]), &by_round(&[8.0])).unwrap();
        assert_eq!((ratio.n, ratio.interval), (1, None));
        assert!((ratio.estimate - 0.25).abs() < 1e-12);
    }

    #[test]
    fn the_interval_is_the_textbook_one() {
        // ln ratios 0.1, 0.2, 0.3: mean 0.2, s 0.1, t(2, .975) = 4.302653.
        let candidate = by_round(&[0.1f64.exp(), 0.2f64.exp(), 0.3f64.exp()]);
        let ratio = paired_ratio(&candidate, &by_round(&[1.0, 1.0, 1.0])).unwrap();
        let Interval { low, high } = ratio.interval.unwrap();
        let half = 4.302_653 * 0.1 / 3f64.sqrt();
        assert!((ratio.estimate.ln() - 0.2).abs() < 1e-9);
        assert!((low.ln() - (0.2 - half)).abs() < 1e-5, "{low}");
        assert!((high.ln() - (0.2 + half)).abs() < 1e-5, "{high}");
    }

    #[test]
    fn only_whole_pairs_count() {
        let candidate = BTreeMap::from([(1, 2.0), (3, 1.0), (4, 0.0)]);
        let reference = BTreeMap::from([(1, 1.0), (2, 9.0), (4, 1.0)]);
        assert_eq!(paired_ratio(&candidate, &reference).unwrap().n, 1);
        assert_eq!(paired_ratio(&candidate, &BTreeMap::new()), None);
    }

    proptest! {
        /// What slows candidate and reference of a round alike changes nothing.
        #[test]
        fn drift_cancels_out(pairs in proptest::collection::vec((0.1f64..100.0, 0.1f64..100.0, 0.5f64..2.0), 1..12)) {
            let ratio = |drifted: bool| {
                let scale = |drift: f64| if drifted { drift } else { 1.0 };
                let side = |pick: fn(&(f64, f64, f64)) -> f64| {
                    by_round(&pairs.iter().map(|pair| pick(pair) * scale(pair.2)).collect::<Vec<_>>())
                };
                paired_ratio(&side(|pair| pair.0), &side(|pair| pair.1)).unwrap()
            };
            let (still, drifted) = (ratio(false), ratio(true));
            prop_assert!((still.estimate / drifted.estimate - 1.0).abs() < 1e-9);
            if let Some(interval) = still.interval {
                prop_assert!(interval.low <= still.estimate && still.estimate <= interval.high);
            }
        }
    }
}
