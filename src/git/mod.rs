//! What the user's git knows: which commit a change is compared with, and the
//! files of a commit or of the working tree, written out beside it.
//!
//! A comparison of two revisions builds both, so both have to lie in folders
//! at the same time. Checking one out would take the user's working tree away
//! under their hands; so the files are exported instead, and nothing of the
//! repository is written: no index, no ref, no configuration, no object. (A
//! partial clone fetches the objects that it lacks, a filter such as git-lfs may
//! keep what it downloads, and whatever reads a split index renews the time of
//! its shared half, all as git does it on its own.)
//!
//! The `git` program does the reading, not a library: attributes, filters,
//! configuration and refusals are then those that the user knows. Everything
//! here blocks.

mod base;
mod command;
mod commit;
mod error;
mod export;
mod fetch;
mod files;
mod repository;
mod revision;
mod submodule;
mod worktree;

#[cfg(test)]
mod fixture_tests;
#[cfg(test)]
mod untouched_tests;

pub use base::{Base, BaseReason};
pub use commit::Commit;
pub use error::GitError;
pub use fetch::RemoteCommit;
pub use repository::Repository;
pub use submodule::LackingSubmodule;
