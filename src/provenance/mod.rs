//! What BuildKit says of a build that is over: its provenance. It has the
//! definition of each step, which the status stream has not, the Dockerfile,
//! build arguments, and what sources were resolved to.
//!
//! BuildKit keeps one for each platform of a build in its history, with all it
//! knows (`mode=max`, `recordBuildHistory` in `solver/llbsolver/history.go`);
//! buildx puts it into a `.dockerbuild` bundle. Both forms are read: SLSA 0.2,
//! and SLSA 1 of BuildKit 0.21 (`solver/llbsolver/provenance/types`).
//!
//! It may come from anyone: its size is bounded by whoever reads it, and what it
//! says is outside text.

mod contents;
mod definition;
mod document;

pub use contents::{Provenance, digest_without_cache};
pub use definition::{
    Copied, Definition, FileAction, Files, Mount, MountKind, Operation, Run, Source,
};
pub use document::read;

/// Bytes of a provenance that are read. That of docker/cli has 300 KiB.
pub const MAX_BYTES: u64 = 32 << 20;

#[cfg(test)]
mod tests;
