//! Who is told how a race goes.

use super::Event;
use crate::model::{Sample, Slot};
use crate::trace::{SolveStatus, Trace};

/// What a recorder may fail with, such as a full disk; it ends the run.
pub type RecorderError = Box<dyn std::error::Error + Send + Sync>;

/// Whoever wants to know how the race goes: the store, live progress.
pub trait Recorder: Send {
    /// Something happened.
    fn event(&mut self, event: &Event) -> Result<(), RecorderError>;
    /// The build of `slot` reported; `trace` has been brought up to date.
    fn status(
        &mut self,
        slot: &Slot,
        status: &SolveStatus,
        trace: &Trace,
    ) -> Result<(), RecorderError>;
    /// A tenth of a second has passed while `slot` is being built.
    fn tick(&mut self, slot: &Slot, trace: &Trace);
    /// What is done between samples, in a few words.
    fn phase(&mut self, what: &str);
}

/// Keeps the samples that pass through, for whoever has to go by them.
pub(super) struct Keeping<'a> {
    pub(super) recorder: &'a mut dyn Recorder,
    pub(super) samples: Vec<Sample>,
}

impl Recorder for Keeping<'_> {
    fn event(&mut self, event: &Event) -> Result<(), RecorderError> {
        if let Event::SampleFinished { sample, .. } = event {
            self.samples.push(sample.clone());
        }
        self.recorder.event(event)
    }

    fn status(
        &mut self,
        slot: &Slot,
        status: &SolveStatus,
        trace: &Trace,
    ) -> Result<(), RecorderError> {
        self.recorder.status(slot, status, trace)
    }

    fn tick(&mut self, slot: &Slot, trace: &Trace) {
        self.recorder.tick(slot, trace);
    }

    fn phase(&mut self, what: &str) {
        self.recorder.phase(what);
    }
}
