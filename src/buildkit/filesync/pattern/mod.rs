//! Patterns of `.dockerignore` and `COPY`, in the meaning of moby's
//! `patternmatcher`: later patterns win over earlier ones, `!` takes back, and
//! what matches a folder matches what is in it.

mod error;
mod glob;
mod regexp;

pub use error::PatternError;
pub use glob::{Pattern, wildcard_matches};

use super::path::clean;

/// Patterns in their order.
#[derive(Debug)]
pub struct PatternMatcher {
    patterns: Vec<Pattern>,
    negations: bool,
}

/// Which patterns a folder matched: what is in it matches them too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchInfo(Vec<bool>);

impl PatternMatcher {
    /// Blank patterns are left out. Leading and trailing space is no part of
    /// a pattern; `a//b/` is `a/b`.
    pub fn new<P: AsRef<[u8]>>(patterns: &[P]) -> Result<Self, PatternError> {
        let mut out = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let pattern = trim(pattern.as_ref());
            if pattern.is_empty() {
                continue;
            }
            let pattern = clean(pattern);
            let (text, negated) = match pattern.strip_prefix(b"!") {
                Some(b"") => return Err(PatternError::BareNegation),
                Some(rest) => (rest, true),
                None => (&pattern[..], false),
            };
            out.push(Pattern::new(text, negated)?);
        }
        Ok(Self {
            negations: out.iter().any(Pattern::negated),
            patterns: out,
        })
    }

    /// Whether any pattern begins with `!`.
    pub fn has_negations(&self) -> bool {
        self.negations
    }

    /// The patterns, in their order.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Whether `path`, or a folder that it is in, matches.
    pub fn matches(&self, path: &[u8]) -> Result<bool, PatternError> {
        let mut matched = false;
        for pattern in &self.patterns {
            // A plain pattern cannot match more, a negated one not take back
            // what nothing matched.
            if pattern.negated() == matched && matches_or_parent(pattern, path)? {
                matched = !pattern.negated();
            }
        }
        Ok(matched)
    }

    /// Whether `path` matches, given what its folder matched; and what to
    /// hand to what is in `path`. `parent` is `None` where `path` has no
    /// folder, or what that matched is not known.
    ///
    /// This is not always what [`Self::matches`] says: a pattern that was
    /// passed over for the folder (a negated one with nothing yet to take
    /// back) counts as not matching it. BuildKit's clients walk this way, so
    /// this is what decides.
    pub fn matches_below(
        &self,
        path: &[u8],
        parent: Option<&MatchInfo>,
    ) -> Result<(bool, MatchInfo), PatternError> {
        let mut matched = false;
        let mut info = vec![false; self.patterns.len()];
        for (i, pattern) in self.patterns.iter().enumerate() {
            let hit = if parent.is_some_and(|p| p.0.get(i) == Some(&true)) {
                true
            } else if pattern.negated() != matched {
                continue;
            } else if parent.is_some() {
                pattern.matches(path)?
            } else {
                matches_or_parent(pattern, path)?
            };
            info[i] = hit;
            if hit {
                matched = !pattern.negated();
            }
        }
        Ok((matched, MatchInfo(info)))
    }
}

fn matches_or_parent(pattern: &Pattern, path: &[u8]) -> Result<bool, PatternError> {
    if pattern.matches(path)? {
        return Ok(true);
    }
    for (at, byte) in path.iter().enumerate() {
        if *byte == b'/' && pattern.matches(&path[..at])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Without white space around it, Unicode's where it is text.
fn trim(pattern: &[u8]) -> &[u8] {
    if let Ok(text) = std::str::from_utf8(pattern) {
        return text.trim().as_bytes();
    }
    let space = |b: &u8| matches!(b, b'\t'..=b'\r' | b' ');
    let start = pattern.iter().position(|b| !space(b));
    let end = pattern.iter().rposition(|b| !space(b));
    match (start, end) {
        (Some(start), Some(end)) => &pattern[start..=end],
        _ => b"",
    }
}

#[cfg(test)]
mod tests;
