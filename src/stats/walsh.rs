//! Walsh averages: the Hodges–Lehmann estimate of a shift, and its interval.

use super::interval::Interval;

/// The means of all pairs of some differences, each with itself among them,
/// in order.
#[derive(Debug, Clone, PartialEq)]
pub struct WalshAverages {
    sorted: Vec<f64>,
}

impl WalshAverages {
    /// Those of some differences, in any order; `None` where there are none or
    /// one is no finite number.
    pub fn of(differences: &[f64]) -> Option<Self> {
        if differences.is_empty() || !differences.iter().all(|d| d.is_finite()) {
            return None;
        }
        let mut sorted = Vec::with_capacity(differences.len() * (differences.len() + 1) / 2);
        for (at, &one) in differences.iter().enumerate() {
            sorted.extend(differences[at..].iter().map(|&other| one.midpoint(other)));
        }
        sorted.sort_by(f64::total_cmp);
        Some(Self { sorted })
    }

    /// Their median: the Hodges–Lehmann estimate.
    pub fn median(&self) -> f64 {
        let half = self.sorted.len() / 2;
        if self.sorted.len() % 2 == 1 {
            self.sorted[half]
        } else {
            self.sorted[half - 1].midpoint(self.sorted[half])
        }
    }

    /// From the k-th least to the k-th greatest; `None` where k is 0 or beyond
    /// the middle.
    pub fn interval(&self, k: usize) -> Option<Interval> {
        let (low, high) = (k.checked_sub(1)?, self.sorted.len().checked_sub(k)?);
        (low <= high).then(|| Interval {
            low: self.sorted[low],
            high: self.sorted[high],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::signed_rank::greatest_k;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn estimates_and_intervals_are_those_of_r() {
        let table = include_str!("../../tests/fixtures/stats/wilcox.csv");
        let mut rows = csv::Reader::from_reader(table.as_bytes());
        let mut count = 0;
        for row in rows.records() {
            let row = row.unwrap();
            let number = |column: usize| row[column].parse::<f64>().unwrap();
            let values: Vec<f64> = row[6].split(' ').map(|v| v.parse().unwrap()).collect();
            let case = format!("{} at {}", &row[0], &row[1]);
            let k = greatest_k(values.len(), 1.0 - number(1)).unwrap();
            assert_eq!(k, row[2].parse::<usize>().unwrap(), "{case}");
            let walsh = WalshAverages::of(&values).unwrap();
            let interval = walsh.interval(k).unwrap();
            for (found, expected) in [
                (walsh.median(), number(3)),
                (interval.low, number(4)),
                (interval.high, number(5)),
            ] {
                assert!(
                    (found - expected).abs() < 1e-9,
                    "{case}: {found} {expected}"
                );
            }
            count += 1;
        }
        assert_eq!(count, 24);
    }

    #[test]
    fn of_nothing_there_are_none() {
        assert_eq!(WalshAverages::of(&[]), None);
        assert_eq!(WalshAverages::of(&[1.0, f64::NAN]), None);
        let one = WalshAverages::of(&[2.0]).unwrap();
        assert_eq!(one.median(), 2.0);
        assert_eq!(one.interval(0), None);
        assert_eq!(one.interval(2), None);
    }

    proptest! {
        #[test]
        fn a_shift_shifts_and_a_turn_turns(
            values in proptest::collection::vec(-10.0f64..10.0, 6..13),
            shift in -5.0f64..5.0,
        ) {
            let k = greatest_k(values.len(), 0.05).unwrap();
            let of = |values: Vec<f64>| {
                let walsh = WalshAverages::of(&values).unwrap();
                (walsh.median(), walsh.interval(k).unwrap())
            };
            let (median, interval) = of(values.clone());
            prop_assert!(interval.low <= median && median <= interval.high);
            let (shifted, _) = of(values.iter().map(|value| value + shift).collect());
            prop_assert!((shifted - median - shift).abs() < 1e-9);
            let (turned, other) = of(values.iter().map(|value| -value).collect());
            prop_assert!((turned + median).abs() < 1e-9);
            prop_assert!((other.low + interval.high).abs() < 1e-9);
        }
    }
}
