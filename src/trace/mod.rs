//! What BuildKit's status stream says of a build: its steps, their times,
//! platforms and cache hits, and which one failed. Pure: no files, no clock.

mod begin;
mod between;
mod builds;
mod client_error;
mod clock;
mod fold;
mod input;
pub mod label;
mod log;
mod parts;
pub mod plain;
pub mod rawjson;
pub mod status;
mod step;
mod step_counts;

pub use builds::{Builds, Recorded};
pub use client_error::{ClientError, client_error};
pub use clock::Clock;
pub use fold::Trace;
pub use label::Label;
pub use log::LogTail;
pub use status::SolveStatus;
pub use step::{Interval, Step};
pub use step_counts::Counted;
