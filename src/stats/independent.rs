//! Ratios of times that were not measured in pairs: of two runs, on other days or
//! other machines. Whatever slowed one of the runs down is within the ratio.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::interval::Interval;
use super::ratio::{Basis, Ratio};

/// Confidence of the interval.
const CONFIDENCE: f64 = 0.95;

/// The ratio of the geometric means of two independent samples of times in
/// seconds, and Welch's t-interval of their logarithms: it is right if the logs
/// are normal. Without an interval where a sample has a single time, or nothing
/// varies; `None` where one has no time above zero.
pub fn independent_ratio(candidate: &[f64], reference: &[f64]) -> Option<Ratio> {
    let (candidate, reference) = (Logs::of(candidate)?, Logs::of(reference)?);
    let difference = candidate.mean - reference.mean;
    let interval = half_width(&candidate, &reference).map(|half| {
        let interval = Interval {
            low: difference - half,
            high: difference + half,
        };
        interval.exp()
    });
    Some(Ratio {
        n: candidate.n.min(reference.n),
        estimate: difference.exp(),
        basis: match interval {
            Some(_) => Basis::ModelBased,
            None => Basis::OneRound,
        },
        interval,
    })
}

/// Logarithms of times.
struct Logs {
    n: usize,
    mean: f64,
    /// Variance of their mean, where there are two or more.
    variance_of_mean: Option<f64>,
}

impl Logs {
    fn of(times: &[f64]) -> Option<Self> {
        let logs: Vec<f64> = times.iter().map(|time| time.ln()).collect();
        let logs: Vec<f64> = logs.into_iter().filter(|log| log.is_finite()).collect();
        let n = logs.len();
        if n == 0 {
            return None;
        }
        let mean = logs.iter().sum::<f64>() / n as f64;
        let squares: f64 = logs.iter().map(|log| (log - mean).powi(2)).sum();
        Some(Self {
            n,
            mean,
            variance_of_mean: (n > 1).then(|| squares / (n - 1) as f64 / n as f64),
        })
    }
}

/// Welch's t quantile times the standard error.
fn half_width(a: &Logs, b: &Logs) -> Option<f64> {
    let (of_a, of_b) = (a.variance_of_mean?, b.variance_of_mean?);
    let variance = of_a + of_b;
    let share = |of: f64, n: usize| of.powi(2) / (n - 1) as f64;
    let freedom = variance.powi(2) / (share(of_a, a.n) + share(of_b, b.n));
    let quantile = StudentsT::new(0.0, 1.0, freedom)
        .ok()?
        .inverse_cdf(1.0 - (1.0 - CONFIDENCE) / 2.0);
    Some(quantile * variance.sqrt()).filter(|half| half.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_welchs() {
        let times = |logs: [f64; 3]| logs.map(f64::exp);
        let ratio = independent_ratio(&times([1.1, 1.2, 1.3]), &times([0.9, 1.0, 1.1])).unwrap();
        let Interval { low, high } = ratio.interval.unwrap();
        assert!((ratio.estimate.ln() - 0.2).abs() < 1e-9);
        // Standard error sqrt(2 * 0.01 / 3), t(4, .975) = 2.776445.
        let half = 2.776_445 * (0.02f64 / 3.0).sqrt();
        assert!((low.ln() - (0.2 - half)).abs() < 1e-5, "{low}");
        assert!((high.ln() - (0.2 + half)).abs() < 1e-5, "{high}");
        assert_eq!((ratio.n, ratio.basis), (3, Basis::ModelBased));
    }

    #[test]
    fn without_two_times_on_each_side_it_has_no_interval() {
        let ratio = independent_ratio(&[2.0], &[1.0, 1.0]).unwrap();
        assert_eq!((ratio.estimate, ratio.interval), (2.0, None));
        assert_eq!(independent_ratio(&[0.0], &[1.0]), None);
        assert_eq!(independent_ratio(&[], &[1.0]), None);
        let still = independent_ratio(&[2.0, 2.0], &[1.0, 1.0]).unwrap();
        assert_eq!((still.interval, still.basis), (None, Basis::OneRound));
    }
}
