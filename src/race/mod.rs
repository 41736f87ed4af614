//! Running a plan on a builder, and the events that tell of it.

mod again;
pub mod cache;
mod chain;
mod dead;
mod earlier;
mod entry;
pub mod event;
pub mod host;
mod image;
mod left;
mod leftovers;
mod outcome;
pub mod probe;
mod recorder;
mod redaction;
mod rest;
mod room;
mod rounds;
pub mod runner;
mod sampling;
mod smoke;
pub mod warm_up;

pub use dead::Dead;
pub use earlier::Earlier;
pub use event::{Event, RunEnd};
pub use image::Looked;
pub use recorder::{Recorder, RecorderError};
pub use redaction::Redaction;
use runner::own_prefix;
pub use runner::{Race, RaceError};
pub use smoke::{Runner, RunnerError};
