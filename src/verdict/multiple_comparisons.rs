//! Several comparisons at once: how many a run makes, and what chance alone
//! would show among them.

use super::Comparison;

/// Probability that the interval of one comparison misses the truth, at most.
const ALPHA: f64 = 0.05;

/// How many intervals a run tells, and how many of them chance alone would
/// make exclude 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MultipleComparisons {
    /// Comparisons that have an interval.
    pub comparisons: usize,
    /// How many of these would exclude 1 though nothing differs, on average and
    /// at most: 5% of them. That at least one does is more probable than 5%,
    /// whether or not they depend on each other.
    pub by_chance: f64,
}

/// Counts the comparisons of a run.
pub fn multiple_comparisons<'c>(
    compared: impl IntoIterator<Item = &'c Comparison>,
) -> MultipleComparisons {
    let intervals = compared.into_iter().filter(|found| {
        let ratio = found.ratio.as_ref();
        ratio.is_some_and(|ratio| ratio.interval.is_some())
    });
    let comparisons = intervals.count();
    MultipleComparisons {
        comparisons,
        by_chance: comparisons as f64 * ALPHA,
    }
}
