//! How long the rest of a run may take, from what the same builds took before.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::model::{BuildKind, Outcome, Platform, RunRecord, Sample, Slot};

/// Scenario, variant and kind.
type Key = (String, String, BuildKind);

/// Times of earlier samples of the builds that a run plans.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// The platforms that each build of the run is for.
    platforms: HashMap<Key, BTreeSet<Platform>>,
    last: HashMap<Key, Duration>,
    /// Time between builds, and how many builds it stands on.
    between: (Duration, u32),
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
    /// Knows nothing yet of the builds of a run.
    pub fn of(record: &RunRecord) -> Self {
        let mut platforms = HashMap::new();
        for scenario in &record.scenarios {
            for variant in &scenario.variants {
                for &kind in &scenario.kinds {
                    let built = match kind {
                        BuildKind::Cold => std::slice::from_ref(&scenario.native),
                        _ => scenario.platforms.as_slice(),
                    };
                    let key = (scenario.name.clone(), variant.name.clone(), kind);
                    platforms.insert(key, built.iter().cloned().collect());
                }
            }
        }
        Self {
            platforms,
            ..Self::default()
        }
    }

    /// Learns what a sample took. One that did not succeed says nothing, and
    /// one for other platforms was another build.
    pub fn learn(&mut self, sample: &Sample) {
        let key = (
            sample.slot.scenario.clone(),
            sample.slot.variant.clone(),
            sample.slot.kind,
        );
        let built: BTreeSet<Platform> = sample.platforms.iter().cloned().collect();
        let is_same = self.platforms.get(&key) == Some(&built);
        if sample.outcome == Outcome::Ok && is_same {
            self.last.insert(key, sample.wall);
        }
    }

    /// Learns how long it took from the end of a build to that of the next,
    /// the next one's own time left out.
    pub(super) fn learn_between(&mut self, time: Duration) {
        self.between.0 += time;
        self.between.1 += 1;
    }

    /// Time left for `slots`, of which the first has been built for `running`.
    pub fn remaining<'a>(
        &self,
        slots: impl IntoIterator<Item = &'a Slot>,
        running: Duration,
    ) -> Remaining {
        let mut remaining = Remaining {
            known: Duration::ZERO,
            more: false,
        };
        let between = match self.between {
            (_, 0) => Duration::ZERO,
            (sum, count) => sum / count,
        };
        for (index, slot) in slots.into_iter().enumerate() {
            let key = (slot.scenario.clone(), slot.variant.clone(), slot.kind);
            match self.last.get(&key) {
                Some(time) if index == 0 => remaining.known += time.saturating_sub(running),
                Some(time) => remaining.known += *time + between,
                None => remaining.more = true,
            }
        }
        remaining
    }
}

impl Remaining {
    /// `about 4m10s`, or `at least 4m10s` where some of it cannot be guessed;
    /// `None` where nothing can.
    pub(super) fn in_words(self) -> Option<String> {
        let word = match (self.known.is_zero(), self.more) {
            (true, _) => return None,
            (false, false) => "about",
            (false, true) => "at least",
        };
        Some(format!("{word} {}", super::lines::clock(self.known)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_left_is_what_is_known_less_what_has_run() {
        let (record, samples) = fixture::run(&[("naive", [10.0, 60.0, 5.0, 1.0])], 1);
        let mut expected = Expected::of(&record);
        samples[..2].iter().for_each(|s| expected.learn(s));
        let left = expected.remaining(&record.plan[..2], seconds(4));
        assert_eq!((left.known, left.more), (seconds(66), false));
        assert_eq!(left.in_words().unwrap(), "about 1m06s");
        let left = expected.remaining(&record.plan[..3], seconds(4));
        assert_eq!(left.in_words().unwrap(), "at least 1m06s");
        let left = expected.remaining(&record.plan[2..], seconds(99));
        assert_eq!((left.more, left.in_words()), (true, None));
        // What lies between builds takes time, too.
        expected.learn_between(seconds(1));
        expected.learn_between(seconds(3));
        let left = expected.remaining(&record.plan[..2], seconds(4));
        assert_eq!(left.known, seconds(68));
    }

    #[test]
    fn builds_for_other_platforms_are_other_builds() {
        let (record, mut samples) = fixture::run(&[("naive", [10.0, 60.0, 5.0, 1.0])], 1);
        let mut expected = Expected::of(&record);
        samples[1].platforms.pop();
        expected.learn(&samples[1]);
        assert!(expected.remaining(&record.plan[1..2], seconds(0)).more);
        samples[1].platforms = record.scenarios[0]
            .platforms
            .iter()
            .rev()
            .cloned()
            .collect();
        expected.learn(&samples[1]);
        assert!(!expected.remaining(&record.plan[1..2], seconds(0)).more);
    }
}
