//! Which entries are sent and which folders are entered, from include and
//! exclude patterns.

use super::follow::dedupe;
use super::options::Options;
use super::pattern::{MatchInfo, Pattern, PatternError, PatternMatcher};

/// The patterns of one call.
#[derive(Debug, Default)]
pub(super) struct Filter {
    include: Option<PatternMatcher>,
    exclude: Option<PatternMatcher>,
    /// Whether no include pattern has a wildcard but a trailing `/*` or
    /// `/**`: then a folder that none begins with can be left out whole.
    includes_are_prefixes: bool,
    /// The same of the negated exclude patterns.
    exceptions_are_prefixes: bool,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The entry is sent.
    Send,
    /// The entry is not sent; a folder is, as soon as something in it is.
    Hold,
    /// It is a folder and nothing in it can match: it is not even read.
    Skip,
}

/// What a folder matched, handed to what is in it.
#[derive(Debug, Clone, Default)]
pub(super) struct FolderMatch {
    include: Option<MatchInfo>,
    exclude: Option<MatchInfo>,
}

/// A list of patterns is malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {list} patterns: {source}")]
pub(super) struct FilterError {
    list: &'static str,
    source: PatternError,
}

impl Filter {
    /// `followed` are the paths of [`Options::follow`] with what their
    /// symlinks lead to; `None` where they name the whole folder.
    pub(super) fn new(
        options: &Options,
        followed: Option<Vec<Vec<u8>>>,
    ) -> Result<Self, FilterError> {
        let mut include = options.include.clone();
        if let Some(followed) = followed {
            include.extend(followed);
            include = dedupe(include).unwrap_or_default();
        }
        let matcher = |list, patterns: &[Vec<u8>]| match patterns {
            [] => Ok(None),
            _ => PatternMatcher::new(patterns)
                .map(Some)
                .map_err(|source| FilterError { list, source }),
        };
        let include = matcher("include", &include)?;
        let exclude = matcher("exclude", &options.exclude)?;
        let prefixes = |matcher: &Option<PatternMatcher>, negated| {
            matcher
                .iter()
                .flat_map(PatternMatcher::patterns)
                .filter(|p| p.negated() == negated)
                .all(|p| !stem(p).iter().any(|b| b"*[]?^\\".contains(b)))
        };
        Ok(Self {
            includes_are_prefixes: prefixes(&include, false),
            exceptions_are_prefixes: prefixes(&exclude, true),
            include,
            exclude,
        })
    }

    /// The fate of the entry at `path`. `folder` is what the folder that it is
    /// in matched, `None` at the top. The second value is for the entries in
    /// it, where it is a folder.
    pub(super) fn judge(
        &self,
        path: &[u8],
        is_folder: bool,
        folder: Option<&FolderMatch>,
    ) -> Result<(Fate, FolderMatch), FilterError> {
        let mut fate = Fate::Send;
        let mut found = FolderMatch::default();
        if let Some(include) = &self.include {
            let (matched, info) = include
                .matches_below(path, folder.and_then(|f| f.include.as_ref()))
                .map_err(|source| FilterError {
                    list: "include",
                    source,
                })?;
            found.include = Some(info);
            if !matched {
                if is_folder && self.includes_are_prefixes && !leads_to(include, false, path) {
                    return Ok((Fate::Skip, found));
                }
                fate = Fate::Hold;
            }
        }
        if let Some(exclude) = &self.exclude {
            let (matched, info) = exclude
                .matches_below(path, folder.and_then(|f| f.exclude.as_ref()))
                .map_err(|source| FilterError {
                    list: "exclude",
                    source,
                })?;
            found.exclude = Some(info);
            if matched {
                if is_folder
                    && self.exceptions_are_prefixes
                    && !(exclude.has_negations() && leads_to(exclude, true, path))
                {
                    return Ok((Fate::Skip, found));
                }
                fate = Fate::Hold;
            }
        }
        Ok((fate, found))
    }
}

/// Whether one of the patterns names `folder` or something in it.
fn leads_to(matcher: &PatternMatcher, negated: bool, folder: &[u8]) -> bool {
    matcher
        .patterns()
        .iter()
        .filter(|p| p.negated() == negated)
        .any(|p| {
            stem(p)
                .strip_prefix(folder)
                .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        })
}

/// A pattern without a trailing `/**` or `/*`.
fn stem(pattern: &Pattern) -> &[u8] {
    let text = pattern.text();
    let text = text.strip_suffix(b"/**").unwrap_or(text);
    text.strip_suffix(b"/*").unwrap_or(text)
}
