//! What is known of two builds, and of the time between them.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::Files;
use crate::explain::Explanation;
use crate::model::NoCache;
use crate::provenance::{Copied, Provenance};

/// What is known of a build.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Its steps.
    pub explanation: &'a Explanation,
    /// The definitions of its steps, where they are known.
    pub provenance: Option<&'a Provenance>,
    /// Its build arguments, where they are known.
    pub arguments: Option<&'a BTreeMap<String, String>>,
    /// The instructions of its Dockerfile by their lines, from 1: each on one
    /// line, with its variables as they are written.
    pub written: &'a BTreeMap<usize, String>,
    /// What it was not to look for in the cache.
    pub no_cache: Option<&'a NoCache>,
    /// The builder, or the node, that built it.
    pub place: Option<&'a str>,
}

/// What is known of the time between two builds.
#[derive(Clone, Copy, Default)]
pub struct Between<'a> {
    /// The files of their contexts.
    pub files: Option<&'a dyn ContextFiles>,
    /// Whether the builder's cache holds nothing that is as old as the earlier
    /// build.
    pub emptied: bool,
    /// The ids of the cache mounts that were empty when the build began, where that is
    /// known.
    pub empty_mounts: Option<&'a BTreeSet<String>>,
}

/// The files of two builds' contexts.
pub trait ContextFiles: Sync {
    /// Those that changed from one to the other among what is copied of a
    /// context; `None` where that context is not known. The build's own is called
    /// `context`.
    fn changed(&self, context: &str, copied: &[Copied]) -> Option<Files>;
}
