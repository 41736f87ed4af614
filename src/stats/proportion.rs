//! How often something happens, as few trials tell it.

use statrs::distribution::{Beta, ContinuousCDF};

use super::interval::Interval;

/// Probability that an interval misses the truth.
const ALPHA: f64 = 0.05;

/// The interval of at least 95% of a share of which `count` of `trials` were
/// seen (C. Clopper and E. S. Pearson, "The use of confidence or fiducial
/// limits illustrated in the case of the binomial", 1934): exact, so that it
/// holds for three trials too. `None` without trials, or with fewer than
/// `count`.
pub fn share_interval(count: u32, trials: u32) -> Option<Interval> {
    let rest = trials.checked_sub(count).filter(|_| trials > 0)?;
    let quantile = |a: u32, b: u32, at: f64| {
        let beta = Beta::new(f64::from(a), f64::from(b)).ok()?;
        Some(beta.inverse_cdf(at))
    };
    let low = match count {
        0 => 0.0,
        _ => quantile(count, rest + 1, ALPHA / 2.0)?,
    };
    let high = match rest {
        0 => 1.0,
        _ => quantile(count + 1, rest, 1.0 - ALPHA / 2.0)?,
    };
    Some(Interval { low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R: `binom.test(count, trials)$conf.int`.
    #[test]
    fn as_r_has_it() {
        for (count, trials, low, high) in [
            (0, 3, 0.0, 0.707_598_2),
            (1, 3, 0.008_403_759, 0.905_700_7),
            (3, 3, 0.292_401_8, 1.0),
            (1, 6, 0.004_210_745, 0.641_234_6),
            (5, 12, 0.151_652_2, 0.723_330_3),
        ] {
            let found = share_interval(count, trials).unwrap();
            assert!(
                (found.low - low).abs() < 1e-5,
                "{count}/{trials}: {found:?}"
            );
            assert!(
                (found.high - high).abs() < 1e-5,
                "{count}/{trials}: {found:?}"
            );
        }
    }

    #[test]
    fn of_nothing_nothing_is_known() {
        assert_eq!(share_interval(0, 0), None);
        assert_eq!(share_interval(2, 1), None);
    }
}
