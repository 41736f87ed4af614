//! Who is told how a race goes.

use super::Event;
use crate::model::Slot;
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
