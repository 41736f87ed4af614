//! What the time of a build is made of, beside the building.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seconds;

/// A part of a build's time. Parts do not overlap: the moments that several share
/// are those of the first in the order of [`PartKind`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BuildPart {
    /// What was done.
    pub part: PartKind,
    /// For how long.
    #[serde(with = "seconds")]
    pub seconds: Duration,
    /// Bytes that were moved, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// What is done in a part of a build's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// Restoring cache mounts from an archive.
    RestoreMounts,
    /// Saving cache mounts as an archive.
    SaveMounts,
    /// Reading a remote cache: its manifest, and the layers that are taken from it.
    ImportCache,
    /// Writing a remote cache.
    ExportCache,
    /// Making layers of a result, compression included.
    ExportLayers,
    /// Sending a result to the client or to the engine.
    Send,
    /// Loading a result that was sent into an engine's image store, after its last byte.
    Load,
    /// Pushing a result to a registry.
    Push,
    /// Unpacking a result into a store.
    Unpack,
    /// What else an exporter does: manifests, configurations, names.
    ExportRest,
    /// All the rest: what is built.
    Build,
}

impl PartKind {
    /// All, in the order in which moments are given to them.
    pub const ALL: [Self; 11] = [
        Self::RestoreMounts,
        Self::SaveMounts,
        Self::ImportCache,
        Self::ExportCache,
        Self::ExportLayers,
        Self::Send,
        Self::Load,
        Self::Push,
        Self::Unpack,
        Self::ExportRest,
        Self::Build,
    ];

    /// The words used in reports.
    pub fn words(self) -> &'static str {
        match self {
            Self::RestoreMounts => "restore cache mounts",
            Self::SaveMounts => "save cache mounts",
            Self::ImportCache => "import cache",
            Self::ExportCache => "export cache",
            Self::ExportLayers => "export layers",
            Self::Send => "send",
            Self::Load => "load",
            Self::Push => "push",
            Self::Unpack => "unpack",
            Self::ExportRest => "export, rest",
            Self::Build => "build",
        }
    }
}

impl fmt::Display for PartKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}
