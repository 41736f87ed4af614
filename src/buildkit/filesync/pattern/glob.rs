//! One pattern. Most are plain text, a prefix or a suffix and are compared as
//! bytes; the rest become a regular expression, the way `patternmatcher` does
//! it, since its corner cases follow from that.

use std::borrow::Cow;

use regex::Regex;

use super::error::PatternError;
use super::regexp;

/// A pattern of a [`super::PatternMatcher`].
#[derive(Debug)]
pub struct Pattern {
    text: Vec<u8>,
    negated: bool,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Exact,
    /// `text/**`: its first bytes.
    Prefix(usize),
    /// `**/text`: all but its first two bytes.
    Suffix,
    Regex(Regex),
    /// It passes as a glob and not as a regular expression, like `[z-a]`.
    /// That is an error when, and only when, a path is held against it.
    Invalid,
}

impl Pattern {
    /// `text` is clean and without its `!`.
    pub(super) fn new(text: &[u8], negated: bool) -> Result<Self, PatternError> {
        if glob_matches(text, b".").is_err() {
            return Err(syntax(text));
        }
        Ok(Self {
            kind: compile(text),
            text: text.to_vec(),
            negated,
        })
    }

    /// Whether it begins with `!`.
    pub fn negated(&self) -> bool {
        self.negated
    }

    /// The pattern without its `!`.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether it matches `path` itself.
    pub(super) fn matches(&self, path: &[u8]) -> Result<bool, PatternError> {
        Ok(match &self.kind {
            Kind::Exact => path == self.text,
            Kind::Prefix(len) => path.starts_with(&self.text[..*len]),
            Kind::Suffix => {
                let suffix = &self.text[2..];
                path.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(path)
            }
            Kind::Regex(regex) => regex.is_match(&as_text(path)),
            Kind::Invalid => return Err(syntax(&self.text)),
        })
    }
}

fn syntax(text: &[u8]) -> PatternError {
    PatternError::Syntax(String::from_utf8_lossy(text).into_owned())
}

/// What Go's regular expressions see: each byte that is not UTF-8 is U+FFFD.
fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(out)
}

/// What a pattern needs to be compared with a path.
#[derive(PartialEq)]
enum Found {
    Exact,
    Prefix,
    Suffix,
    Regex,
}

fn compile(text: &[u8]) -> Kind {
    let (found, go) = translate(&as_text(text));
    match found {
        Found::Exact => Kind::Exact,
        Found::Prefix => Kind::Prefix(text.len() - 2),
        Found::Suffix => Kind::Suffix,
        Found::Regex => regexp::from_go(&go)
            .and_then(|translated| Regex::new(&translated).ok())
            .map_or(Kind::Invalid, Kind::Regex),
    }
}

/// What a pattern needs, and the expression of Go's that `patternmatcher` makes
/// of it.
fn translate(pattern: &str) -> (Found, String) {
    let mut found = Found::Exact;
    let mut go = String::from("^");
    let mut chars = pattern.trim_start_matches('\u{feff}').chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                // `**/` is `**`: any number of folders, none included.
                chars.next_if_eq(&'/');
                if chars.peek().is_some() {
                    go.push_str("(.*/)?");
                    found = Found::Regex;
                } else if found == Found::Exact {
                    found = Found::Prefix;
                } else {
                    go.push_str(".*");
                    found = Found::Regex;
                }
                if first {
                    found = Found::Suffix;
                }
            }
            '*' => {
                go.push_str("[^/]*");
                found = Found::Regex;
            }
            '?' => {
                go.push_str("[^/]");
                found = Found::Regex;
            }
            // Not `|`, `{` and `}`: `patternmatcher` means to and does not.
            '.' | '+' | '(' | ')' | '$' => {
                go.push('\\');
                go.push(c);
            }
            '\\' => {
                go.push('\\');
                if let Some(escaped) = chars.next() {
                    go.push(escaped);
                    found = Found::Regex;
                }
            }
            '[' | ']' => {
                go.push(c);
                found = Found::Regex;
            }
            _ => go.push(c),
        }
        first = false;
    }
    go.push('$');
    (found, go)
}

/// Go's `filepath.Match`. A malformed pattern is noticed only as far as the
/// match gets, which is why [`Pattern::new`] takes some that are.
fn glob_matches(mut pattern: &[u8], mut name: &[u8]) -> Result<bool, Malformed> {
    while let Some(first) = pattern.first() {
        let star = *first == b'*';
        let (chunk, rest) = next_chunk(pattern);
        if star && chunk.is_empty() {
            return Ok(!name.contains(&b'/'));
        }
        // The last chunk must match up to the end.
        let fits = |left: &&[u8]| left.is_empty() || !rest.is_empty();
        let mut left = walk_chunk(chunk, Some(name))?.filter(fits);
        if star {
            // A star takes as little as lets its chunk match, and no slash.
            let longest = name.split(|b| *b == b'/').next().map_or(0, <[u8]>::len);
            let mut taken = 0;
            while left.is_none() && taken < longest {
                taken += 1;
                left = walk_chunk(chunk, Some(&name[taken..]))?.filter(fits);
            }
        }
        match left {
            Some(left) => name = left,
            None => return Ok(false),
        }
        pattern = rest;
    }
    Ok(name.is_empty())
}

/// Whether a wildcard in one part of a path matches a file's name.
pub fn wildcard_matches(pattern: &[u8], name: &[u8]) -> bool {
    glob_matches(pattern, name).unwrap_or(false)
}

#[derive(Debug)]
struct Malformed;

/// Leading stars taken off, the pattern up to its next star, and the rest.
fn next_chunk(pattern: &[u8]) -> (&[u8], &[u8]) {
    let stars = pattern.iter().take_while(|b| **b == b'*').count();
    let pattern = &pattern[stars..];
    let mut in_class = false;
    let mut i = 0;
    while i < pattern.len() {
        match pattern[i] {
            b'\\' => i += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'*' if !in_class => break,
            _ => {}
        }
        i += 1;
    }
    pattern.split_at(i.min(pattern.len()))
}

/// Goes through a chunk without stars; what is left of `name` where it begins
/// with a match. The whole chunk is checked either way.
fn walk_chunk<'a>(
    mut chunk: &[u8],
    mut name: Option<&'a [u8]>,
) -> Result<Option<&'a [u8]>, Malformed> {
    while let Some(&first) = chunk.first() {
        name = name.filter(|n| !n.is_empty());
        match first {
            b'[' => {
                let (c, after) = match name {
                    Some(n) => {
                        let (c, len) = decode(n);
                        (Some(c), &n[len..])
                    }
                    None => (None, &b""[..]),
                };
                let (hit, rest) = class(&chunk[1..], c)?;
                chunk = rest;
                name = name.filter(|_| hit).map(|_| after);
            }
            b'?' => {
                name = name.filter(|n| n[0] != b'/').map(|n| &n[decode(n).1..]);
                chunk = &chunk[1..];
            }
            _ => {
                if first == b'\\' {
                    chunk = &chunk[1..];
                }
                let literal = chunk.first().ok_or(Malformed)?;
                name = name.filter(|n| n[0] == *literal).map(|n| &n[1..]);
                chunk = &chunk[1..];
            }
        }
    }
    Ok(name)
}

/// Whether a class, its `[` taken off, has a character, and what follows it.
fn class(mut chunk: &[u8], c: Option<char>) -> Result<(bool, &[u8]), Malformed> {
    let negated = chunk.first() == Some(&b'^');
    if negated {
        chunk = &chunk[1..];
    }
    let mut hit = false;
    let mut ranges = 0;
    while ranges == 0 || chunk.first() != Some(&b']') {
        let (low, rest) = class_char(chunk)?;
        let (high, rest) = match rest.strip_prefix(b"-") {
            Some(rest) => class_char(rest)?,
            None => (low, rest),
        };
        hit |= c.is_some_and(|c| low <= c && c <= high);
        chunk = rest;
        ranges += 1;
    }
    Ok((hit != negated, &chunk[1..]))
}

/// A character of a class, escaped or not. Something must follow it: the class
/// has an end.
fn class_char(chunk: &[u8]) -> Result<(char, &[u8]), Malformed> {
    let chunk = match chunk.first() {
        None | Some(b'-' | b']') => return Err(Malformed),
        Some(b'\\') => &chunk[1..],
        Some(_) => chunk,
    };
    if chunk.is_empty() {
        return Err(Malformed);
    }
    let (c, len) = decode(chunk);
    if (c == char::REPLACEMENT_CHARACTER && len == 1) || chunk.len() == len {
        return Err(Malformed);
    }
    Ok((c, &chunk[len..]))
}

/// The first character and its length; U+FFFD and 1 where it is no UTF-8.
fn decode(bytes: &[u8]) -> (char, usize) {
    let valid = match std::str::from_utf8(&bytes[..bytes.len().min(4)]) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(c) => (c, c.len_utf8()),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}
