//! Summary of the times of one kind of sample.

/// Median and range, seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// Number of times.
    pub n: usize,
    /// Median; the mean of the middle two where the number is even.
    pub median: f64,
    /// Least.
    pub min: f64,
    /// Greatest.
    pub max: f64,
}

impl Times {
    /// Summary of some times in any order; `None` where there are none. What
    /// is no finite number is left out.
    pub fn of(times: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = times.into_iter().filter(|time| time.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let median = if n % 2 == 1 {
            sorted[n / 2]
        } else {
            sorted[n / 2 - 1].midpoint(sorted[n / 2])
        };
        Some(Self {
            n,
            median,
            min,
            max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(Times::of([]), None);
        assert_eq!(Times::of([f64::NAN]), None);
        let of = |times: &[f64]| Times::of(times.iter().copied()).unwrap();
        assert_eq!(of(&[3.0, 1.0, 2.0]).median, 2.0);
        let even = of(&[4.0, 1.0, 2.0, 3.0]);
        assert_eq!(
            (even.n, even.median, even.min, even.max),
            (4, 2.5, 1.0, 4.0)
        );
    }
}
