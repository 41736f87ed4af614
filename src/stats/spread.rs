//! How much single rounds differ: what a typical ratio does not show.

use std::collections::BTreeMap;

/// The least and the greatest ratio of a comparison's rounds. A candidate that
/// takes three times as long in one build of ten has the typical ratio of one
/// that never does; its greatest ratio is another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Rounds with a pair of times.
    pub rounds: usize,
    /// The candidate's best round: the least ratio, candidate over reference.
    pub min: f64,
    /// Its worst round: the greatest ratio.
    pub max: f64,
}

/// The spread of the log ratios of some rounds; `None` where there is none.
pub fn spread(log_ratios: &BTreeMap<u32, f64>) -> Option<Spread> {
    let logs = || log_ratios.values().copied().filter(|log| log.is_finite());
    let (min, max) = (logs().reduce(f64::min)?, logs().reduce(f64::max)?);
    Some(Spread {
        rounds: logs().count(),
        min: min.exp(),
        max: max.exp(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_round_is_in_it_and_not_in_the_estimate() {
        let logs: BTreeMap<u32, f64> = (1..=10)
            .map(|round| (round, if round == 4 { 3f64.ln() } else { 0.0 }))
            .collect();
        let found = spread(&logs).unwrap();
        assert_eq!((found.rounds, found.min), (10, 1.0));
        assert!((found.max - 3.0).abs() < 1e-12);
        let ratio = super::super::ratio(&logs, super::super::Looks::One, 0.05).unwrap();
        assert_eq!(ratio.estimate, 1.0);
        assert_eq!(spread(&BTreeMap::new()), None);
    }
}
