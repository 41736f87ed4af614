//! MultipleComparisons comparisons as one: of the same kind over scenarios, or of a
//! scenario over its kinds.

use std::collections::BTreeMap;

/// The log ratios by round of several comparisons as those of one: the mean of
/// each round, whose exp is the geometric mean of the ratios. Rounds that not
/// all of them have are left out.
///
/// Means of symmetrical numbers are symmetrical, so that the rule for one
/// comparison holds for what comes of it.
pub fn roll_up(parts: &[BTreeMap<u32, f64>]) -> BTreeMap<u32, f64> {
    let Some((first, rest)) = parts.split_first() else {
        return BTreeMap::new();
    };
    first
        .iter()
        .filter_map(|(round, ratio)| {
            let others = rest.iter().map(|part| part.get(round).copied());
            let sum = others.sum::<Option<f64>>()? + ratio;
            Some((*round, sum / parts.len() as f64))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_geometric_mean_of_each_round_that_all_have() {
        let one = BTreeMap::from([(1, 2f64.ln()), (2, 0.5), (3, 0.1)]);
        let other = BTreeMap::from([(1, 8f64.ln()), (3, 0.3), (4, 9.0)]);
        let found = roll_up(&[one, other]);
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [1, 3]);
        assert!((found[&1].exp() - 4.0).abs() < 1e-12);
        assert!((found[&3] - 0.2).abs() < 1e-12);
        assert!(roll_up(&[]).is_empty());
    }
}
