//! Running a plan on a builder, and the events that tell of it.

pub mod cache;
mod cached_export;
mod chain;
mod counters;
mod dead_runs;
pub mod host;
mod image;
mod inspected;
mod leftovers;
mod observer;
mod outcome;
pub mod probe;
mod redaction;
mod remains;
mod rest;
mod resumption;
mod room;
mod round_events;
pub mod runner;
mod sampling;
mod slot_build;
mod smoke;
pub mod warm_up;

pub use dead_runs::DeadRuns;
pub use observer::{Observer, ObserverError};
pub use redaction::Redaction;
pub use resumption::Resumption;
use runner::own_prefix;
pub use runner::{Race, RaceError};
pub use smoke::{SmokeError, SmokeRunner};
