//! How long the rest of a run may take, from what the same builds took before.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{BuildKind, Outcome, Sample, Slot};

/// Times of earlier samples by scenario, variant and kind.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    last: HashMap<(String, String, BuildKind), Duration>,
}

/// Time that is left of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining {
    /// Sum over the samples whose time can be guessed.
    pub known: Duration,
    /// Whether there are others.
    pub more: bool,
}

impl Expected {
    /// Learns what a sample took; one that did not succeed tells nothing.
    pub fn learn(&mut self, sample: &Sample) {
        if sample.outcome == Outcome::Ok {
            let key = (sample.scenario.clone(), sample.variant.clone(), sample.kind);
            self.last.insert(key, sample.wall);
        }
    }

    /// Time left for `slots`, of which the first has been built for `running`.
    pub fn remaining(&self, slots: &[Slot], running: Duration) -> Remaining {
        let mut remaining = Remaining {
            known: Duration::ZERO,
            more: false,
        };
        for (index, slot) in slots.iter().enumerate() {
            let key = (slot.scenario.clone(), slot.variant.clone(), slot.kind);
            match self.last.get(&key) {
                Some(time) if index == 0 => remaining.known += time.saturating_sub(running),
                Some(time) => remaining.known += *time,
                None => remaining.more = true,
            }
        }
        remaining
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(kind: BuildKind) -> Slot {
        Slot {
            sample: format!("s-{kind}"),
            scenario: "s".into(),
            variant: "v".into(),
            kind,
            round: 1,
            position: 1,
        }
    }

    #[test]
    fn what_is_left_is_what_is_known_less_what_has_run() {
        let mut expected = Expected::default();
        for (kind, seconds) in [(BuildKind::Cold, 10), (BuildKind::MultiArch, 60)] {
            expected
                .last
                .insert(("s".into(), "v".into(), kind), Duration::from_secs(seconds));
        }
        let left = expected.remaining(
            &[slot(BuildKind::Cold), slot(BuildKind::MultiArch)],
            Duration::from_secs(4),
        );
        assert_eq!(
            left,
            Remaining {
                known: Duration::from_secs(66),
                more: false
            }
        );
        let left = expected.remaining(
            &[slot(BuildKind::Cold), slot(BuildKind::Noop)],
            Duration::from_secs(99),
        );
        assert_eq!(
            left,
            Remaining {
                known: Duration::ZERO,
                more: true
            }
        );
    }
}
