//! The files of a run: written an event at a time while it goes on, read back
//! for reports. `docs/formats.md` describes them key by key.

pub mod calibration;
mod check_file;
mod csv;
mod error;
mod file;
mod open;
mod read;
mod reopen;
mod trace;
mod validate;
mod write;

pub use check_file::{CHECK_FILE, read_check, write_check};
pub use error::StoreError;
pub use read::{StoredRun, read_run, read_runs, read_trace, runs, trace_path};
pub use reopen::HeldRun;
pub use trace::TraceWriter;
pub use validate::is_name;
pub use write::{RunWriter, is_being_written, unfinished};

/// What was raced and where: the run's record.
pub const RUN_FILE: &str = "run.json";
/// What happened, one event a line: the truth that the rest derives from.
pub const EVENTS_FILE: &str = "events.jsonl";
/// One row a sample, for other programs; derived from the events.
pub const SAMPLES_FILE: &str = "samples.csv";
/// Folder of the recorded status streams, one file a sample.
pub const TRACES_DIR: &str = "traces";

#[cfg(test)]
mod reopen_tests;
#[cfg(test)]
mod tests;
