//! Explanations shown: one build, a run, two builds side by side.

mod advice;
mod build;
mod builds;
mod culprit;
mod diff;
pub mod hook_line;
mod page;
mod rows;
mod run;
mod text;
mod trace_events;
mod waits;
mod what_if;
pub mod why;

#[cfg(test)]
pub(super) mod fixture;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Serialize;

use crate::model::{Outcome, Sample, optional_seconds};
pub use advice::next_steps;
pub use build::build;
pub(super) use build::{failure, on_clock};
pub use builds::builds;
pub use culprit::{CulpritStep, Grown, grown};
pub(super) use culprit::{capitalised, culprit, shared_sentence, shared_steps};
pub use diff::diff;
pub(super) use rows::{Group, Row, groups};
pub use run::run;
pub use text::short_instruction;
pub use trace_events::trace_events;
pub(super) use waits::{waited, waiting};

/// Which build is shown. Texts come from outside.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subject {
    /// `go-hello naive multi-arch, round 1`, or a file's name.
    pub title: String,
    /// Id of the sample, where it is one of a run.
    pub sample: Option<String>,
    /// How the build ended, where that was recorded.
    pub outcome: Option<Outcome>,
    /// Wall time of the build on the client's clock.
    #[serde(with = "optional_seconds", rename = "wall_seconds")]
    pub wall: Option<Duration>,
}

impl Subject {
    /// A sample of a run.
    pub fn of_sample(sample: &Sample) -> Self {
        Self {
            title: format!(
                "{} {} {}, round {}",
                sample.slot.scenario, sample.slot.variant, sample.slot.kind, sample.slot.round
            ),
            sample: Some(sample.slot.id.clone()),
            outcome: Some(sample.outcome),
            wall: Some(sample.wall),
        }
    }

    /// A recording of which only its file's name is known.
    pub fn of_recording(name: String) -> Self {
        Self {
            title: name,
            sample: None,
            outcome: None,
            wall: None,
        }
    }
}

/// How a terminal shows an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageStyle {
    /// Width of the terminal in columns.
    pub width: usize,
    /// Whether the terminal shows colours.
    pub colour: bool,
    /// Whether to show every step, not only those that took long.
    pub all: bool,
}
