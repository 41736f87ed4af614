//! Running a plan on a builder, and the events that tell of it.

pub mod event;

pub use event::{Event, RunEnd};
