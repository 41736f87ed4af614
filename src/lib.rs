//! buildrace races Dockerfiles: it builds the variants of a scenario on a real
//! BuildKit, measures them side by side, and says which is faster and why.
//!
//! The library offers what the program is made of. Four modules are where its
//! users begin:
//!
//! - [`trace`] reads what `docker buildx build` writes with `--progress=rawjson`, or
//!   with `--progress=plain`, and folds it into steps.
//! - [`explain`] says which step is to blame, what emulation costs, and how
//!   long the build would take otherwise.
//! - [`store`] reads the results of a run, and [`verdict`] says which of its
//!   variants is faster.
//!
//! They hold data and need no engine. The culprit of a recorded build:
//!
//! ```
//! use std::fs::File;
//!
//! use buildrace::explain::{Conditions, Node, explain};
//! use buildrace::trace::{Trace, rawjson::Reader};
//!
//! # fn main() -> anyhow::Result<()> {
//! let recording = File::open("tests/fixtures/traces/cross-cold.rawjson")?;
//! let mut trace = Trace::new();
//! for status in Reader::new(recording) {
//!     trace.push(&status?);
//! }
//! let conditions = Conditions {
//!     node: Some(Node::of("linux/amd64".parse()?)),
//!     ..Conditions::default()
//! };
//! let explanation = explain(&trace, &conditions).expect("a step began");
//! let culprit = explanation.culprit.expect("a step is to blame");
//! let step = &explanation.steps[culprit.step];
//! assert_eq!(step.instruction, "RUN uname -m && cat /arch");
//! assert!(explanation.emulated < explanation.span);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/culprit.rs` does this for any recording. Without a `node` nothing
//! is said of emulation. Names come from outside: [`escape`] makes them safe to
//! show.
//!
//! `docs/architecture.md` shows how the modules fit together and which may
//! know which.

// `print` writes; nothing else does.
#![deny(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
pub mod print;

pub mod bake;
pub mod bucket;
pub mod builder;
pub mod buildkit;
pub mod buildx;
pub mod bundle;
#[allow(
    missing_docs,
    rustdoc::broken_intra_doc_links,
    reason = "doc comments are help texts; groups of options have none"
)]
pub mod cli;
pub mod commands;
pub mod compression;
pub mod docker_cli;
pub mod engine;
pub mod escape;
pub mod explain;
pub mod fleet;
pub mod git;
pub mod model;
pub mod ops;
pub mod options;
pub mod otlp;
pub mod plan;
pub mod policy;
pub mod progress;
pub mod provenance;
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
