//! The distribution of Wilcoxon's signed-rank statistic under symmetry,
//! exactly.

/// Greatest number of pairs.
pub const MAX_PAIRS: usize = 200;

/// In how many of the 2^n ways to give the ranks 1 … n a sign the positive
/// ranks add up to each sum, from 0 to n(n+1)/2. Whole numbers, exact up to
/// 2^53 and to 16 digits beyond.
fn counts(n: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n * (n + 1) / 2 + 1];
    counts[0] = 1.0;
    let mut greatest = 0;
    for rank in 1..=n {
        greatest += rank;
        for sum in (rank..=greatest).rev() {
            counts[sum] += counts[sum - rank];
        }
    }
    counts
}

/// 2^n, the number of ways to give n ranks a sign.
fn all(n: usize) -> f64 {
    2f64.powi(i32::try_from(n).unwrap_or(i32::MAX))
}

/// P(T⁺ < k) for n pairs without ties: the probability that the sum of the
/// positive ranks is below `k` though there is no difference.
///
/// # Panics
/// Of more than [`MAX_PAIRS`] pairs.
pub fn lower_tail(n: usize, k: usize) -> f64 {
    assert!(n <= MAX_PAIRS, "{n} pairs are more than {MAX_PAIRS}");
    let below: f64 = counts(n).iter().take(k).sum();
    below / all(n)
}

/// The greatest k for which the interval from the k-th least to the k-th
/// greatest Walsh average misses the truth with probability `alpha` at most;
/// `None` where there is none.
///
/// # Panics
/// Of more than [`MAX_PAIRS`] pairs.
pub fn greatest_k(n: usize, alpha: f64) -> Option<usize> {
    assert!(n <= MAX_PAIRS, "{n} pairs are more than {MAX_PAIRS}");
    let all = all(n);
    let mut below = 0.0;
    let mut greatest = None;
    for (sum, count) in counts(n).into_iter().enumerate() {
        below += count;
        if 2.0 * below / all > alpha {
            break;
        }
        greatest = Some(sum + 1);
    }
    greatest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_counts_once() {
        for n in 0..=12 {
            let mut by_hand = vec![0.0; n * (n + 1) / 2 + 1];
            for signs in 0..1u32 << n {
                let sum: usize = (1..=n).filter(|rank| signs >> (rank - 1) & 1 == 1).sum();
                by_hand[sum] += 1.0;
            }
            assert_eq!(counts(n), by_hand);
        }
    }

    #[test]
    fn critical_values_are_those_of_the_published_tables() {
        // The greatest T with a two-sided level of 5%, and of 1%, as in the
        // tables of Wilcoxon (1945) and of every textbook since.
        let at_5 = [
            (6, 0),
            (7, 2),
            (8, 3),
            (9, 5),
            (10, 8),
            (11, 10),
            (12, 13),
            (20, 52),
        ];
        let at_1 = [(8, 0), (9, 1), (10, 3), (11, 5), (12, 7), (20, 37)];
        for (alpha, table) in [(0.05, &at_5[..]), (0.01, &at_1[..])] {
            for &(n, critical) in table {
                assert_eq!(greatest_k(n, alpha), Some(critical + 1), "{n} at {alpha}");
            }
        }
        assert_eq!(greatest_k(5, 0.05), None);
    }

    #[test]
    fn tails_are_those_of_the_two_looks() {
        assert_eq!(lower_tail(6, 1), 1.0 / 64.0);
        assert_eq!(lower_tail(12, 10), 33.0 / 4096.0);
        assert_eq!(lower_tail(12, 0), 0.0);
        assert_eq!(lower_tail(3, 7), 1.0);
    }
}
