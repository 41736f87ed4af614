//! What BuildKit's status stream tells of a build: its steps, their times,
//! platforms and cache hits, and which one failed. Pure: no files, no clock.

mod fold;
mod label;
mod log;
pub mod rawjson;
pub mod status;
mod step;

pub use fold::Trace;
pub use label::Label;
pub use log::LogTail;
pub use status::SolveStatus;
pub use step::{Interval, Step};
