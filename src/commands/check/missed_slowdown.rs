//! What a gate that passed could have missed.

use crate::report::number;
use crate::stats::{Basis, Verdict};
use crate::verdict::Comparison;

/// Least ratio that is told as a slow-down: a smaller one is +0%.
const LEAST: f64 = 1.005;

/// How large a slow-down would not have been seen, where the gate could not
/// tell: the upper end of the interval of its last look.
pub(super) fn missed(found: &Comparison) -> Option<String> {
    let ratio = found.ratio?;
    if found.verdict != Some(Verdict::Inconclusive) {
        return None;
    }
    let interval = ratio.interval.filter(|i| i.high.is_finite());
    match (ratio.basis, interval) {
        (Basis::SignedRank(_), Some(interval)) if interval.high >= LEAST => {
            let most = number::comparison(interval.high);
            let most = most.trim_end_matches(" slower");
            Some(format!(
                "a slow-down of up to {most} would not have been seen"
            ))
        }
        (Basis::SignedRank(_), _) => None,
        _ => Some(format!(
            "stopped after {} rounds, too few to say how large a slow-down could be",
            ratio.n
        )),
    }
}

/// Whether the estimate of a comparison without a verdict is itself a change
/// that matters: noise alone is no reason for a warning.
pub(super) fn points_to_slowdown(found: &Comparison) -> bool {
    found
        .ratio
        .is_some_and(|ratio| ratio.estimate > 1.0 + found.delta)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::BuildKind;
    use crate::stats::{Interval, Look, Ratio};

    fn found(basis: Basis, n: usize, high: f64) -> Comparison {
        Comparison {
            reference: "base".into(),
            scenario: "app".into(),
            candidate: "worktree".into(),
            kind: BuildKind::Cold,
            is_gate: true,
            log_ratios: BTreeMap::new(),
            ratio: Some(Ratio {
                n,
                estimate: 1.0,
                interval: Some(Interval { low: 0.9, high }),
                basis,
            }),
            verdict: Some(Verdict::Inconclusive),
            delta: 0.05,
        }
    }

    #[test]
    fn what_could_have_been_missed_is_the_upper_end_of_the_last_look() {
        let look = Basis::SignedRank(Look { rounds: 6, k: 1 });
        let told = missed(&found(look, 6, 1.08)).unwrap();
        assert_eq!(told, "a slow-down of up to +8% would not have been seen");
        let told = missed(&found(look, 6, 3.0)).unwrap();
        assert!(told.starts_with("a slow-down of up to 3.0"), "{told}");
        assert_eq!(missed(&found(look, 6, 0.99)), None);
        assert_eq!(missed(&found(look, 6, 1.004)), None);
        // An interval of so few rounds assumes what they cannot show.
        let told = missed(&found(Basis::ModelBased, 3, 1.08)).unwrap();
        assert!(told.starts_with("stopped after 3 rounds"), "{told}");
        assert!(!told.contains('%'), "{told}");
        let mut clear = found(look, 6, 1.08);
        clear.verdict = Some(Verdict::Same);
        assert_eq!(missed(&clear), None);
    }
}
