//! Running a plan on a builder, and the events that tell of it.

pub mod cache;
mod entry;
pub mod event;
pub mod host;
mod outcome;
mod recorder;
mod rounds;
pub mod runner;
pub mod warm_up;

pub use event::{Event, RunEnd};
pub use recorder::{Recorder, RecorderError};
pub use runner::{Race, RaceError};
