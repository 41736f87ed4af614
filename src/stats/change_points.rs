//! Where a series of measurements changed its level: E-divisive with means, and
//! Student's t-test to say whether a change is more than noise.
//!
//! The statistic is that of Matteson and James, "A Nonparametric Approach for
//! Multiple Change Point Analysis of Multivariate Data" (2014), with distances
//! of power 1. Windows, the weaker first threshold and the merging of weak change
//! points are those of Fleming et al., "Hunter: Using Change Point Detection to
//! Hunt for Performance Regressions" (2023), as Apache Otava has them.
//! `tests/readers` compares the two. They differ in one place: where a weak change
//! point is dropped, both of its neighbours are tested again here; Otava 0.8 tests
//! the two after it, and may keep one before it that is no longer significant.

use std::ops::Range;

use statrs::distribution::{ContinuousCDF, StudentsT};

/// What counts as a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangeRule {
    /// Measurements that are examined at once, at least 2. A change is found
    /// within a window; windows overlap by half.
    pub window: usize,
    /// Greatest p-value of the t-test.
    pub max_p: f64,
    /// Least change of the mean, as a share, in the direction in which it is
    /// greater.
    pub min_change: f64,
}

impl Default for ChangeRule {
    /// Otava's defaults.
    fn default() -> Self {
        Self {
            window: 50,
            max_p: 0.001,
            min_change: 0.0,
        }
    }
}

/// A place at which a series changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// Index of the first measurement after the change.
    pub index: usize,
    /// Mean from the change before, or the beginning, up to this one.
    pub before: f64,
    /// Mean from this change up to the next one, or the end.
    pub after: f64,
    /// The t-test's p-value. The place was chosen as the one where the two sides
    /// differ most, so it is no error rate.
    pub p: f64,
}

impl ChangePoint {
    /// `after` over `before`; 1 where nothing was measured before.
    pub fn ratio(&self) -> f64 {
        match self.before {
            0.0 => 1.0,
            before => self.after / before,
        }
    }

    /// The change as a share, in the direction in which it is greater.
    fn magnitude(&self) -> f64 {
        let share = |of: f64, over: f64| match over {
            0.0 => 0.0,
            over => (of / over - 1.0).abs(),
        };
        share(self.after, self.before).max(share(self.before, self.after))
    }
}

/// The change points of a series, in its order. A series of fewer than three has
/// none.
pub fn change_points(series: &[f64], rule: ChangeRule) -> Vec<ChangePoint> {
    merge(series, split(series, rule), rule)
}

/// The first pass finds more than is wanted, as neighbours are not known yet.
fn weaker(max_p: f64) -> f64 {
    match max_p {
        p if p < 0.05 => p * 10.0,
        p if p < 0.5 => p * 2.0,
        p => p,
    }
}

/// Weak change points of every window.
fn split(series: &[f64], rule: ChangeRule) -> Vec<usize> {
    let window = rule.window.max(2);
    let max_p = weaker(rule.max_p);
    let mut found = Vec::new();
    let mut start = 0;
    while start < series.len() {
        let end = series.len().min(start + window);
        let within = divide(&series[start..end], max_p);
        let within: Vec<usize> = within.into_iter().map(|index| start + index).collect();
        start = (start + window / 2).max(within.last().copied().unwrap_or(0));
        for index in within {
            if !found.contains(&index) {
                found.push(index);
            }
        }
    }
    found.sort_unstable();
    found
}

/// Divides a series where its sides differ most, as long as they do significantly.
fn divide(series: &[f64], max_p: f64) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    loop {
        let candidates = intervals(&found, series.len());
        let candidates = candidates
            .into_iter()
            .filter(|interval| interval.len() > 1)
            .map(|interval| (best_division(series, &interval), interval));
        // The first of equal ones.
        let best = candidates.reduce(|best, next| if next.0.1 > best.0.1 { next } else { best });
        let Some(((index, _), interval)) = best else {
            return found;
        };
        let tested = test(series, interval.start..index, index..interval.end);
        // Not so where it is no number: nothing varies.
        if tested.p <= max_p {
            found.push(index);
            found.sort_unstable();
        } else {
            return found;
        }
    }
}

/// What lies between change points.
fn intervals(change_points: &[usize], length: usize) -> Vec<Range<usize>> {
    let starts = std::iter::once(0).chain(change_points.iter().copied());
    let ends = change_points.iter().copied().chain(std::iter::once(length));
    starts.zip(ends).map(|(start, end)| start..end).collect()
}

/// Where an interval is best divided, and the statistic there: the greatest over
/// all beginnings of the interval and all divisions of these.
fn best_division(series: &[f64], interval: &Range<usize>) -> (usize, f64) {
    let values = &series[interval.clone()];
    let length = values.len();
    let distance = |a: usize, b: usize| (values[a] - values[b]).abs();
    let (mut best, mut at) = (f64::NEG_INFINITY, 1);
    // Sum of distances within what is before the division.
    let mut within_left = 0.0;
    for tau in 1..length {
        within_left += (0..tau - 1).map(|i| distance(i, tau - 1)).sum::<f64>();
        let left = tau as f64;
        let (mut between, mut within_right) = (0.0, 0.0);
        for kappa in tau + 1..=length {
            let last = kappa - 1;
            between += (0..tau).map(|i| distance(i, last)).sum::<f64>();
            within_right += (tau..last).map(|i| distance(i, last)).sum::<f64>();
            let right = (kappa - tau) as f64;
            let both = left + right;
            let mut statistic = 2.0 / both * between;
            if tau > 1 {
                statistic -= 2.0 * right / both / (left - 1.0) * within_left;
            }
            if kappa - tau > 1 {
                statistic -= 2.0 * left / both / (right - 1.0) * within_right;
            }
            if statistic > best {
                (best, at) = (statistic, tau);
            }
        }
    }
    (interval.start + at, best)
}

/// Drops weak change points, the weakest first, until all that are left are
/// significant and large enough. Neighbours of a dropped one are tested again.
fn merge(series: &[f64], weak: Vec<usize>, rule: ChangeRule) -> Vec<ChangePoint> {
    let tested = |indices: &[usize], at: usize| {
        let before = at.checked_sub(1).map_or(0, |before| indices[before]);
        let after = indices.get(at + 1).copied().unwrap_or(series.len());
        test(series, before..indices[at], indices[at]..after)
    };
    let mut indices = weak;
    let mut points: Vec<ChangePoint> = (0..indices.len()).map(|at| tested(&indices, at)).collect();
    while !points.is_empty() {
        let mut drop = first_by(&points, |point, best| point.p > best.p);
        if points[drop].p < rule.max_p {
            drop = first_by(&points, |point, best| point.magnitude() < best.magnitude());
            if points[drop].magnitude() > rule.min_change {
                break;
            }
        }
        points.remove(drop);
        indices.remove(drop);
        for at in [drop.checked_sub(1), Some(drop)].into_iter().flatten() {
            if at < points.len() {
                points[at] = tested(&indices, at);
            }
        }
    }
    points
}

fn first_by(points: &[ChangePoint], beats: impl Fn(&ChangePoint, &ChangePoint) -> bool) -> usize {
    (1..points.len()).fold(0, |best, at| match beats(&points[at], &points[best]) {
        true => at,
        false => best,
    })
}

/// Student's t-test of two neighbours, variances taken as equal. Otava gives the
/// pooled estimate the variance of each sample and not that of its population;
/// so does this.
fn test(series: &[f64], left: Range<usize>, right: Range<usize>) -> ChangePoint {
    let index = right.start;
    let (left, right) = (&series[left], &series[right]);
    let ((before, variance_before), (after, variance_after)) = (moments(left), moments(right));
    let (n, m) = (left.len() as f64, right.len() as f64);
    let freedom = n + m - 2.0;
    let p = if freedom < 1.0 {
        1.0
    } else {
        let pooled = ((n - 1.0) * variance_before + (m - 1.0) * variance_after) / freedom;
        two_sided(
            (before - after) / (pooled * (1.0 / n + 1.0 / m)).sqrt(),
            freedom,
        )
    };
    ChangePoint {
        index,
        before,
        after,
        p,
    }
}

/// Mean and variance of a sample.
fn moments(sample: &[f64]) -> (f64, f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    let squares: f64 = sample.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, squares / n)
}

/// Probability of a t as far from 0, or no number for one that is none.
fn two_sided(t: f64, freedom: f64) -> f64 {
    if t.is_nan() {
        return t;
    }
    if t.is_infinite() {
        return 0.0;
    }
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |students| 2.0 * students.cdf(-t.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTAVA: ChangeRule = ChangeRule {
        window: 50,
        max_p: 0.001,
        min_change: 0.0,
    };

    fn indices(series: &[f64], rule: ChangeRule) -> Vec<usize> {
        let points = change_points(series, rule);
        points.iter().map(|point| point.index).collect()
    }

    /// Deterministic noise between -1 and 1.
    fn noise(i: usize) -> f64 {
        let hashed = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hashed = (hashed ^ (hashed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (hashed >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0
    }

    #[test]
    fn short_and_constant_series_have_none() {
        for series in [&[][..], &[1.0], &[1.0, 2.0], &[3.0; 40], &[0.0; 5]] {
            assert_eq!(indices(series, OTAVA), [0; 0], "{series:?}");
        }
    }

    #[test]
    fn a_step_without_noise_is_where_it_is() {
        let mut series = vec![1.0; 12];
        series.extend([2.0; 8]);
        let points = change_points(&series, OTAVA);
        assert_eq!(
            points,
            [ChangePoint {
                index: 12,
                before: 1.0,
                after: 2.0,
                p: 0.0
            }]
        );
        assert_eq!(points[0].ratio(), 2.0);
    }

    #[test]
    fn steps_in_noise_are_found_over_windows() {
        let level = |i: usize| match i {
            0..70 => 10.0,
            70..130 => 11.5,
            _ => 9.0,
        };
        let series: Vec<f64> = (0..200)
            .map(|i| level(i) * (1.0 + 0.03 * noise(i)))
            .collect();
        assert_eq!(indices(&series, OTAVA), [70, 130]);
    }

    #[test]
    fn what_is_smaller_than_the_least_change_is_none() {
        let series: Vec<f64> = (0..60)
            .map(|i| (if i < 30 { 100.0 } else { 103.0 }) + noise(i))
            .collect();
        assert_eq!(indices(&series, OTAVA), [30]);
        let rule = ChangeRule {
            min_change: 0.05,
            ..OTAVA
        };
        assert_eq!(indices(&series, rule), [0; 0]);
    }
}
