//! What happens in a race. The store appends each event as it comes; live
//! progress draws from the same.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Sample;

/// A line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[expect(
    clippy::large_enum_variant,
    reason = "there are a few events a minute, and most are finished samples"
)]
pub enum Event {
    /// The run began. Its record is `run.json`.
    RunStarted {
        /// When it happened, by the host's clock.
        at: Timestamp,
        /// Id of the run.
        run: String,
    },
    /// The run, which had been cut off, goes on. Samples that were
    /// `interrupted` before it are none any more: they are built now.
    RunResumed {
        /// When it happened, by the host's clock.
        at: Timestamp,
        /// Id of the run.
        run: String,
    },
    /// A sample's build is about to start.
    SampleStarted {
        /// When it happened, by the host's clock.
        at: Timestamp,
        /// Id of the sample, as in the plan.
        sample: String,
    },
    /// A sample's build has ended, one way or another.
    SampleFinished {
        /// When it happened, by the host's clock.
        at: Timestamp,
        /// What was measured.
        sample: Sample,
    },
    /// A round was dropped, or a look at the rounds was taken.
    Rounds {
        /// When it happened, by the host's clock.
        at: Timestamp,
        /// The scenario's name.
        scenario: String,
        /// One line: what was found, and what comes next.
        message: String,
        /// Samples that the run has when all the rounds that are wanted now
        /// are built.
        samples: usize,
    },
    /// Something that a reader of the results should know.
    Warning {
        /// When it happened, by the host's clock.
        at: Timestamp,
        /// One line.
        message: String,
    },
    /// The run ended; a run without it was cut off.
    RunFinished {
        /// When it happened, by the host's clock.
        at: Timestamp,
        /// How it ended.
        end: RunEnd,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnd {
    /// It has the rounds that its rules ask for, as far as the plan goes.
    Completed,
    /// The user stopped it.
    Interrupted,
    /// It could not go on: the builder was lost, the disk was full.
    Aborted,
}
