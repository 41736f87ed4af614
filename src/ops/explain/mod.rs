//! Builds as they were stored or recorded, explained.

pub mod collector;
mod source;
mod stored;

pub use source::{Source, newest_run, read_recording, run_named};
pub use stored::{explained, lines_in, lines_of};
