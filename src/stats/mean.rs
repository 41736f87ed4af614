//! The mean of a few times: what many builds like them add up to. The typical
//! ratio of two says what the next one does, see `ratio`.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::interval::Interval;

/// Confidence of the interval.
const CONFIDENCE: f64 = 0.95;

/// The mean of some times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// Number of times.
    pub n: usize,
    /// Their arithmetic mean.
    pub mean: f64,
    /// The interval of what many would have, for two times or more.
    pub interval: Option<Interval>,
    /// Standard deviation of their logarithms, for two times or more.
    pub log_spread: Option<f64>,
}

impl Mean {
    /// The mean of times in any order, with the 95% t-interval of their logarithms laid
    /// around it: it is right if the logarithms are normal, which a few cannot show.
    /// Times that are not above zero are left out; `None` where none is left.
    pub fn of(times: impl IntoIterator<Item = f64>) -> Option<Self> {
        let is_time = |time: &f64| time.is_finite() && *time > 0.0;
        let times: Vec<f64> = times.into_iter().filter(is_time).collect();
        let n = times.len();
        if n == 0 {
            return None;
        }
        let mean = times.iter().sum::<f64>() / n as f64;
        let log_spread = log_spread(&times);
        let half = log_spread.and_then(|spread| half_width(spread, n));
        Some(Self {
            n,
            mean,
            interval: half.map(|half| Interval {
                low: mean * (-half).exp(),
                high: mean * half.exp(),
            }),
            log_spread,
        })
    }
}

fn log_spread(times: &[f64]) -> Option<f64> {
    if times.len() < 2 {
        return None;
    }
    let logs = times.iter().map(|time| time.ln());
    let middle = logs.clone().sum::<f64>() / times.len() as f64;
    let squares: f64 = logs.map(|log| (log - middle).powi(2)).sum();
    Some((squares / (times.len() - 1) as f64).sqrt())
}

/// t quantile times standard error.
fn half_width(spread: f64, n: usize) -> Option<f64> {
    let freedom = (n - 1) as f64;
    let quantile = StudentsT::new(0.0, 1.0, freedom)
        .ok()?
        .inverse_cdf(1.0 - (1.0 - CONFIDENCE) / 2.0);
    Some(quantile * spread / (n as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_textbook_one_around_the_arithmetic_mean() {
        // Logs 0.1, 0.2, 0.3: s 0.1, t(2, .975) = 4.302653.
        let times = [0.1f64.exp(), 0.2f64.exp(), 0.3f64.exp()];
        let found = Mean::of(times).unwrap();
        let Interval { low, high } = found.interval.unwrap();
        let half = 4.302_653 * 0.1 / 3f64.sqrt();
        assert!((found.mean - times.iter().sum::<f64>() / 3.0).abs() < 1e-12);
        assert!((found.log_spread.unwrap() - 0.1).abs() < 1e-9);
        assert!((high / found.mean - half.exp()).abs() < 1e-5);
        assert!((low / found.mean - (-half).exp()).abs() < 1e-5);
    }

    #[test]
    fn one_time_has_no_interval_and_none_has_no_mean() {
        let one = Mean::of([2.0]).unwrap();
        assert_eq!((one.n, one.mean, one.interval), (1, 2.0, None));
        assert_eq!(Mean::of([0.0, f64::NAN]), None);
    }
}
