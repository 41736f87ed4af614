//! What a person sees while a race runs: a live picture on a terminal, plain
//! lines elsewhere. Everything goes to stderr.

mod course;
mod expect;
mod layout;
mod lines;
mod live;
mod one_build;
mod picture;
mod plain;

use crate::model::{Event, RunRecord, Sample, Slot};
use crate::trace::Trace;

use course::Course;
pub use expect::Expected;
use live::Live;
pub use one_build::BuildProgress;
use plain::Plain;

/// The display of one run.
pub enum Progress {
    /// Redrawn in place.
    Live(Live),
    /// A line at a time.
    Plain(Plain),
}

impl Progress {
    /// A display for a run, redrawn in place where `live`. `built` are the samples
    /// that are there already, and `expected` holds what earlier runs took.
    pub fn new(record: &RunRecord, built: &[Sample], expected: Expected, live: bool) -> Self {
        let course = Course::new(record, built, expected);
        if live {
            Self::Live(Live::new(course))
        } else {
            Self::Plain(Plain::new(course))
        }
    }

    /// Shows what happened.
    pub fn event(&mut self, event: &Event) {
        match self {
            Self::Live(live) => live.event(event),
            Self::Plain(plain) => plain.event(event),
        }
    }

    /// Shows what `slot` is doing.
    pub fn tick(&mut self, slot: &Slot, trace: &Trace) {
        match self {
            Self::Live(live) => live.tick(slot, trace),
            Self::Plain(plain) => plain.tick(slot, trace),
        }
    }

    /// Shows what is done between samples.
    pub fn phase(&mut self, what: &str) {
        match self {
            Self::Live(live) => live.phase(what),
            Self::Plain(plain) => plain.phase(what),
        }
    }

    /// Takes the live picture away; what was printed stays.
    pub fn close(&mut self) {
        if let Self::Live(live) = self {
            live.close();
        }
    }
}
