//! buildrace races Dockerfiles: it builds the variants of a scenario on a real
//! BuildKit, measures them side by side, and says which is faster and why.
//!
//! `docs/architecture.md` shows how the modules fit together and which may
//! know which.

// `print` writes; nothing else does.
#![deny(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
pub mod print;

pub mod builder;
pub mod buildkit;
#[allow(
    missing_docs,
    reason = "doc comments are help texts; groups of options have none"
)]
pub mod cli;
pub mod commands;
pub mod engine;
pub mod escape;
pub mod explain;
pub mod git;
pub mod model;
pub mod ops;
pub mod otlp;
pub mod plan;
pub mod policy;
pub mod progress;
pub mod race;
pub mod report;
pub mod scenario;
pub mod secrets;
pub mod sources;
pub mod stats;
pub mod store;
pub mod temporary;
pub mod trace;
pub mod user;
pub mod verdict;
pub mod verify;
