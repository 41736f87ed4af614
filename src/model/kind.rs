//! Build kinds: which platforms a sample builds, and from which cache state.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Label;

/// What stands between a kind and the name of its edit.
const OF: char = ':';
/// The name of the edit that needs none.
pub const SOURCE: &str = "source";

/// What a sample builds: cache state, platforms and edit together.
///
/// `docs/glossary.md` has the table. The order of the variants is the order in
/// which reports list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum BuildKind {
    /// The node's own platform, no layer cache, empty cache mounts.
    Cold,
    /// All platforms, no layer cache, empty cache mounts.
    MultiArch,
    /// All platforms after one edit, of the sources, with the caches that multi-arch left.
    Incremental,
    /// The same after another edit, the one of this name.
    IncrementalOf(Label),
    /// All platforms, nothing changed since the build before it.
    Noop,
    /// All platforms on an empty builder, whose cache is exported to the remote cache of
    /// this name: a first job of CI.
    CacheExport(Label),
    /// All platforms on an empty builder that imports the remote cache of this name, after
    /// an edit (that of the sources where none is named), and exports it again: any
    /// further job of CI.
    CiCache(Label, Option<Label>),
    /// So many builds that start together, all platforms, each after an edit of its own, with the
    /// caches that multi-arch left.
    Concurrent(u8),
}

/// How many builds may start together.
const AT_ONCE: RangeInclusive<u8> = 2..=32;

impl BuildKind {
    /// The kinds that any scenario has; edits with names add theirs.
    pub const STANDARD: [Self; 4] = [Self::Cold, Self::MultiArch, Self::Incremental, Self::Noop];

    /// The kind that comes after the edit of a name.
    pub fn after(edit: Label) -> Self {
        match edit.as_str() {
            SOURCE => Self::Incremental,
            _ => Self::IncrementalOf(edit),
        }
    }

    /// The name used on the command line, in files and in reports, without that of
    /// its edit.
    fn word(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::MultiArch => "multi-arch",
            Self::Incremental | Self::IncrementalOf(_) => "incremental",
            Self::Noop => "noop",
            Self::CacheExport(_) => "cache-export",
            Self::CiCache(..) => "ci-cache",
            Self::Concurrent(_) => "concurrent",
        }
    }

    /// How many builds start together, where it is not one alone.
    pub fn builds_at_once(self) -> Option<u8> {
        match self {
            Self::Concurrent(count) => Some(count),
            _ => None,
        }
    }

    /// The name of its edit, where it has one.
    pub fn edit(self) -> Option<Label> {
        match self {
            Self::IncrementalOf(edit) => Some(edit),
            Self::CiCache(_, edit) => edit,
            _ => None,
        }
    }

    /// The name of its remote cache, where it has one.
    pub fn remote_cache(self) -> Option<Label> {
        match self {
            Self::CacheExport(cache) | Self::CiCache(cache, _) => Some(cache),
            _ => None,
        }
    }

    /// Whether it builds after an edit.
    pub fn is_edited(self) -> bool {
        match self {
            Self::Incremental
            | Self::IncrementalOf(_)
            | Self::CiCache(..)
            | Self::Concurrent(_) => true,
            Self::Cold | Self::MultiArch | Self::Noop | Self::CacheExport(_) => false,
        }
    }

    /// The kind whose builds come after the same edit with the caches that
    /// multi-arch left, one at a time, where it comes after one.
    pub fn with_kept_caches(self) -> Option<Self> {
        match self {
            Self::CiCache(_, None) | Self::Concurrent(_) => Some(Self::Incremental),
            Self::CiCache(_, Some(edit)) => Some(Self::after(edit)),
            kind => Some(kind).filter(|kind| kind.is_edited()),
        }
    }

    /// The kind whose builder state this one starts from, built before it in the
    /// same round; `None` for a kind that starts from nothing. Where a scenario
    /// builds for the node's own platform alone, cold stands in for multi-arch.
    ///
    /// An edit takes the place of one made before, so that each finds what
    /// multi-arch left.
    pub fn starts_from(self, native_only: bool) -> Option<Self> {
        match self {
            Self::Cold | Self::MultiArch | Self::CacheExport(_) => None,
            Self::Incremental | Self::IncrementalOf(_) | Self::Concurrent(_) => match native_only {
                true => Some(Self::Cold),
                false => Some(Self::MultiArch),
            },
            Self::Noop => Some(Self::Incremental),
            Self::CiCache(cache, _) => Some(Self::CacheExport(cache)),
        }
    }

    /// Whether it starts from nothing: no layer cache, empty cache mounts.
    pub fn starts_empty(self) -> bool {
        self.starts_from(false).is_none()
    }

    /// Whether it starts from what a build of `other` left, or is one.
    pub fn is_built_on(self, other: Self) -> bool {
        [true, false].into_iter().any(|native_only| {
            let mut chain = std::iter::successors(Some(self), |at| at.starts_from(native_only));
            chain.any(|at| at == other)
        })
    }
}

impl fmt::Display for BuildKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.remote_cache().into_iter().chain(self.edit());
        let names = names.map(|name| name.to_string());
        let count = self.builds_at_once().map(|count| count.to_string());
        let mut text = self.word().to_owned();
        for name in names.chain(count) {
            text.push(OF);
            text.push_str(&name);
        }
        f.pad(&text)
    }
}

impl FromStr for BuildKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || {
            format!(
                "expected one of cold, multi-arch, incremental, incremental:EDIT, noop, \
                 cache-export:CACHE, ci-cache:CACHE, concurrent:N, found {text:?}"
            )
        };
        if let Some((word, names)) = text.split_once(OF) {
            return match (word, names.split_once(OF)) {
                ("incremental", None) => Ok(Self::after(names.parse()?)),
                ("cache-export", None) => Ok(Self::CacheExport(names.parse()?)),
                ("ci-cache", None) => Ok(Self::CiCache(names.parse()?, None)),
                ("ci-cache", Some((cache, edit))) => {
                    let edit = Some(edit).filter(|edit| *edit != SOURCE);
                    let edit = edit.map(str::parse).transpose()?;
                    Ok(Self::CiCache(cache.parse()?, edit))
                }
                ("concurrent", None) => {
                    let found = names.parse().ok().filter(|found| AT_ONCE.contains(found));
                    let (least, most) = AT_ONCE.into_inner();
                    let wrong = || format!("{text:?}: {least} to {most} builds can start together");
                    found.map(Self::Concurrent).ok_or_else(wrong)
                }
                _ => Err(unknown()),
            };
        }
        let mut standard = Self::STANDARD.into_iter();
        standard
            .find(|kind| kind.word() == text)
            .ok_or_else(unknown)
    }
}

impl From<BuildKind> for String {
    fn from(kind: BuildKind) -> Self {
        kind.to_string()
    }
}

impl TryFrom<String> for BuildKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for text in [
            "cold",
            "multi-arch",
            "incremental",
            "incremental:dependencies",
            "noop",
            "cache-export:registry-max",
            "ci-cache:registry-max",
            "ci-cache:registry-max:dependencies",
            "concurrent:4",
        ] {
            let kind: BuildKind = text.parse().unwrap();
            assert_eq!(kind.to_string(), text);
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<BuildKind>(&json).unwrap(), kind);
        }
        let source: BuildKind = "incremental:source".parse().unwrap();
        assert_eq!(source, BuildKind::Incremental);
        for text in [
            "",
            "Cold",
            "cold:x",
            "incremental:",
            "incremental:A",
            "ALL",
            "incremental:a:b",
            "ci-cache",
            "ci-cache:a:b:c",
            "cache-export:a:b",
            "concurrent",
            "concurrent:1",
            "concurrent:33",
            "concurrent:x",
        ] {
            assert!(text.parse::<BuildKind>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn edits_are_built_on_what_comes_before_the_first() {
        let other: BuildKind = "incremental:dependencies".parse().unwrap();
        assert!(other.is_built_on(BuildKind::MultiArch));
        assert!(!other.is_built_on(BuildKind::Incremental));
        assert!(BuildKind::Noop.is_built_on(BuildKind::Incremental));
        assert!(!BuildKind::Noop.is_built_on(other));
        let mut kinds = [BuildKind::Noop, other, BuildKind::Incremental];
        kinds.sort();
        assert_eq!(kinds, [BuildKind::Incremental, other, BuildKind::Noop]);
    }
}
