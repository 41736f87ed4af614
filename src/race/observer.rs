//! Who is told how a race goes.

use crate::model::{Event, Run, Slot};
use crate::trace::{SolveStatus, Trace};

/// What an observer may fail with, such as a full disk; it ends the run.
pub type ObserverError = Box<dyn std::error::Error + Send + Sync>;

/// Whoever wants to know how the race goes: the store, live progress.
pub trait Observer: Send {
    /// Something happened.
    fn event(&mut self, event: &Event) -> Result<(), ObserverError>;
    /// The build of `slot` reported; `trace` has been brought up to date.
    fn status(
        &mut self,
        slot: &Slot,
        status: &SolveStatus,
        trace: &Trace,
    ) -> Result<(), ObserverError>;
    /// A tenth of a second has passed while `slot` is being built.
    fn tick(&mut self, slot: &Slot, trace: &Trace);
    /// What is done between samples, in a few words.
    fn phase(&mut self, what: &str);
}

/// Keeps the run as it grows, for whoever has to go by it.
pub(super) struct Keeping<'a> {
    pub(super) observer: &'a mut dyn Observer,
    pub(super) run: Run,
}

impl Observer for Keeping<'_> {
    fn event(&mut self, event: &Event) -> Result<(), ObserverError> {
        if let Event::SampleFinished { sample, .. } = event {
            self.run.samples.push(sample.clone());
        }
        self.observer.event(event)
    }

    fn status(
        &mut self,
        slot: &Slot,
        status: &SolveStatus,
        trace: &Trace,
    ) -> Result<(), ObserverError> {
        self.observer.status(slot, status, trace)
    }

    fn tick(&mut self, slot: &Slot, trace: &Trace) {
        self.observer.tick(slot, trace);
    }

    fn phase(&mut self, what: &str) {
        self.observer.phase(what);
    }
}
