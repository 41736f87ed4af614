//! Build kinds: which platforms a sample builds, and from which cache state.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a sample builds: cache state, platforms and edit together.
///
/// `docs/glossary.md` has the table. The order of the variants is the order in
/// which reports list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuildKind {
    /// The node's own platform, no layer cache, empty cache mounts.
    Cold,
    /// All platforms, no layer cache, empty cache mounts.
    MultiArch,
    /// All platforms after one edit, with the caches that multi-arch left.
    Incremental,
    /// All platforms, nothing changed since the build before it.
    Noop,
}

impl BuildKind {
    /// Every kind, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Cold, Self::MultiArch, Self::Incremental, Self::Noop];

    /// The name used on the command line, in files and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::MultiArch => "multi-arch",
            Self::Incremental => "incremental",
            Self::Noop => "noop",
        }
    }

    /// The kind whose builder state this one starts from, built right before
    /// it in the same round; `None` for a kind that starts from nothing. Where
    /// a scenario builds for the node's own platform alone, cold stands in for
    /// multi-arch.
    pub fn starts_from(self, native_only: bool) -> Option<Self> {
        match self {
            Self::Cold | Self::MultiArch => None,
            Self::Incremental if native_only => Some(Self::Cold),
            Self::Incremental => Some(Self::MultiArch),
            Self::Noop => Some(Self::Incremental),
        }
    }

    /// Whether it starts from nothing: no layer cache, empty cache mounts.
    pub fn starts_empty(self) -> bool {
        self.starts_from(false).is_none()
    }

    /// Whether it starts from the builder state of `before`, where that was
    /// built right before it.
    pub fn follows(self, before: Self) -> bool {
        [true, false]
            .into_iter()
            .any(|native_only| self.starts_from(native_only) == Some(before))
    }
}

impl fmt::Display for BuildKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for BuildKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| {
                format!("expected one of cold, multi-arch, incremental, noop, found {text:?}")
            })
    }
}
