//! Running a plan on a builder, and the events that tell of it.

pub mod cache_guard;
mod cached_export;
mod chain;
pub mod change_probe;
mod cleanup_report;
mod disk_room;
pub mod host;
mod host_counters;
mod idle_wait;
mod image;
pub mod image_trial;
mod inspected;
mod killed_runs;
mod observer;
pub mod platform_trial;
mod redaction;
mod resumption;
mod round_events;
mod run_cleanup;
pub mod runner;
mod sample_outcome;
mod sampling;
mod slot_build;
mod smoke;
mod smoke_build;
pub mod warm_up;

pub use killed_runs::KilledRuns;
pub use observer::{Observer, ObserverError};
pub use redaction::Redaction;
pub use resumption::Resumption;
use runner::own_prefix;
pub use runner::{Race, RaceError};
pub use smoke::{SmokeError, SmokeRunner, SmokeTests};
