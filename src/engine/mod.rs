//! The Docker Engine: finding one, asking it what it is, the base images it
//! holds, the emulators its foreign platforms run under, and a private engine
//! for machines that have none.
//!
//! Builds themselves go through `buildkit`; this module never starts one.

pub mod binfmt;
pub mod bundled;
pub mod client;
mod command;
mod connection;
mod debian;
mod docker_config;
pub mod emulator;
mod endpoint;
mod error;
pub mod images;
pub mod layout;
mod leftovers;
pub mod locate;
mod oci;
pub mod preflight;
pub mod private;
mod probe;
mod registry;
mod smoke;
mod sockets;
mod standin;
mod temporary;

pub use client::{Engine, EngineFacts, Image};
pub use endpoint::Endpoint;
pub use error::EngineError;
pub use leftovers::Leftover;
pub use locate::locate;
pub use probe::trial_program;
pub use temporary::temporary_label;

use std::sync::Arc;

/// Where long work says what it is doing, a line at a time. The caller prints
/// it: nothing in this module writes to a terminal.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;
