//! Two shares that few trials tell: does one side fail more often?

use statrs::distribution::{DiscreteCDF, Hypergeometric};

/// What was counted of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Trials.
    pub trials: u32,
    /// Those of them that failed; no more than there are trials.
    pub failed: u32,
}

/// The probability that, of the failures of both sides, so many or more fall on
/// `more` by chance alone: Fisher's exact test on one side (R. A. Fisher,
/// *Statistical Methods for Research Workers*, §21.02). It holds whatever the
/// share is that both sides have in common. 1 where nothing was counted.
pub fn fails_more_often(more: Counted, less: Counted) -> f64 {
    let (Some(before), Ok(all)) = (
        more.failed.checked_sub(1),
        Hypergeometric::new(
            u64::from(more.trials) + u64::from(less.trials),
            u64::from(more.failed) + u64::from(less.failed),
            u64::from(more.trials),
        ),
    ) else {
        return 1.0;
    };
    all.sf(u64::from(before)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counted(failed: u32, trials: u32) -> Counted {
        Counted { trials, failed }
    }

    /// R: `fisher.test(matrix(c(b, n - b, a, n - a), 2), alternative = "greater")`.
    #[test]
    fn as_r_has_it() {
        for (b, a, n, p) in [
            (3, 0, 3, 1.0 / 20.0),
            (4, 0, 4, 1.0 / 70.0),
            (5, 0, 6, 6.0 / 792.0),
            (5, 0, 12, 792.0 / 42_504.0),
            (5, 1, 6, 37.0 / 924.0),
            (0, 0, 6, 1.0),
        ] {
            let found = fails_more_often(counted(b, n), counted(a, n));
            assert!((found - p).abs() < 1e-9, "{b} and {a} of {n}: {found}");
        }
        assert_eq!(fails_more_often(counted(0, 0), counted(0, 0)), 1.0);
    }

    proptest! {
        /// One more failure of the one is more of a sign, one of the other less;
        /// and both sides cannot fail more often than each other.
        #[test]
        fn it_is_ordered(n in 1u32..20, m in 1u32..20, a in 0u32..20, b in 0u32..20) {
            let (a, b) = (a.min(n), b.min(m));
            let p = |b, a| fails_more_often(counted(b, m), counted(a, n));
            prop_assert!((0.0..=1.0).contains(&p(b, a)));
            if b < m {
                prop_assert!(p(b + 1, a) <= p(b, a) + 1e-12);
            }
            if a < n {
                prop_assert!(p(b, a + 1) >= p(b, a) - 1e-12);
            }
            let turned = fails_more_often(counted(a, n), counted(b, m));
            prop_assert!(p(b, a) + turned >= 1.0 - 1e-9);
        }
    }
}
