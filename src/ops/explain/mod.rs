//! Builds as they were stored or recorded, explained.

pub mod collector;
mod recording;
mod source;
mod stored;
mod unreadable;

pub use recording::read_recording;
pub use source::{Source, newest_run, run_named};
pub use stored::{explained, lines_in, lines_of};
