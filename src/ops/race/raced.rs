//! What came of a race.

use crate::explain::RunExplanation;
use crate::model::{Outcome, RunEnd};
use crate::ops::Exit;
use crate::report::View;
use crate::store::StoredRun;
use crate::verdict::Assessment;

/// What came of a race.
pub struct Raced {
    /// Results as they were stored.
    pub stored: StoredRun,
    /// Why its times are what they are.
    pub explained: RunExplanation,
    /// It as reports show it.
    pub view: View,
    /// How it ended.
    pub end: RunEnd,
}

impl Raced {
    /// What a race says to the shell where nothing is judged.
    pub fn exit(&self) -> Exit {
        match self.end {
            RunEnd::Interrupted => Exit::Interrupted,
            // Where no round counts, nothing was measured.
            RunEnd::Completed if self.is_all_built() && self.is_measured() => Exit::Good,
            RunEnd::Completed | RunEnd::Aborted => Exit::CouldNot,
        }
    }

    /// Whether each scenario has a round that counts.
    fn is_measured(&self) -> bool {
        Assessment::of(&self.stored.run).unmeasured().is_empty()
    }

    /// Whether every build of the rounds that count is good.
    fn is_all_built(&self) -> bool {
        let assessment = Assessment::of(&self.stored.run);
        let mut samples = self.stored.run.samples.iter();
        samples.all(|sample| sample.outcome == Outcome::Ok || !assessment.counts(sample))
    }
}
