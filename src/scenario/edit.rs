//! A change of one file, with a nonce in it, so that it is another one each time.
//! An edit of an incremental build is made of them (`edits.rs`).

use std::path::{Component, Path, PathBuf};

use regex::bytes::Regex;

use super::comment;
use super::error::quoted;
use super::file::read_file;
use crate::escape;
use crate::model::THE_DOCKERFILE;

/// What stands for the nonce in `replace`.
pub(super) const NONCE: &str = "{nonce}";

/// A change of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// File to change.
    pub file: Edited,
    /// How the file changes.
    pub change: Change,
}

/// A file that changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edited {
    /// A file of the sources, relative to them.
    Source(PathBuf),
    /// The variant's own Dockerfile.
    Dockerfile,
}

impl Edited {
    /// The file, where it is one of the sources.
    pub fn source(&self) -> Option<&Path> {
        match self {
            Self::Source(file) => Some(file),
            Self::Dockerfile => None,
        }
    }

    /// Its path, or words for the Dockerfile.
    fn shown(&self) -> PathBuf {
        self.source()
            .unwrap_or(Path::new(THE_DOCKERFILE))
            .to_owned()
    }
}

/// How an edit changes its file. Everything else stays as it is, byte for
/// byte; the file need not be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A text that is in the file exactly once becomes another.
    Replace {
        /// Text that is in the file exactly once.
        find: String,
        /// What takes its place; every `{nonce}` in it is replaced.
        replace: String,
    },
    /// A line of comment is appended.
    Comment {
        /// What the line begins with.
        open: &'static str,
        /// What the line ends with; empty in most languages.
        close: &'static str,
    },
    /// A LABEL is appended to a Dockerfile.
    Label,
    /// What a regular expression matches becomes another text, as `sed` does it.
    Substitute {
        /// The regular expression, in the syntax of the `regex` crate.
        pattern: String,
        /// What takes its place: `&` is what was matched, `\\1` its first
        /// group; every `{nonce}` is replaced.
        replacement: String,
        /// Whether every match is replaced, not only the first.
        all: bool,
    },
}

/// An edit that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text to replace is not in the file.
    #[error("\"find\" of [edit] matches nothing in {file:?}: expected {} once", quoted(.find))]
    NoMatch {
        /// File of the edit.
        file: PathBuf,
        /// The text that was looked for.
        find: String,
    },
    /// The text to replace is in the file more than once.
    #[error(
        "\"find\" of [edit] matches more than once in {file:?}, on lines {first} and {second}: \
         expected {} once",
        quoted(.find)
    )]
    ManyMatches {
        /// File of the edit.
        file: PathBuf,
        /// The text that was looked for.
        find: String,
        /// Line of the first match, from 1.
        first: usize,
        /// Line of the second match, from 1.
        second: usize,
    },
    /// The regular expression matches nothing in the file.
    #[error("--edit-with: {} matches nothing in {file:?}", quoted(.pattern))]
    NothingToSubstitute {
        /// File of the edit.
        file: PathBuf,
        /// The regular expression of the edit.
        pattern: String,
    },
    /// The argument of `--edit-with` is no rule of substitution.
    #[error("--edit-with: {0}: expected a rule like s/REGEX/REPLACEMENT/, with {NONCE} in it")]
    Rule(String),
    /// No comment can be written in such a file.
    #[error(
        "--edit: no comment syntax is known for {}: \
         say how to change it with --edit-with 's/REGEX/REPLACEMENT/'",
        escape::path(.0)
    )]
    NoComment(PathBuf),
    /// The file is not one of the sources.
    #[error("--edit: {} {what}: expected a file of the context, relative to it", escape::path(.file))]
    File {
        /// File of the edit.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl Edit {
    /// The edit that appends a comment in the file's language.
    ///
    /// # Errors
    /// Its language is not known, or has no comments.
    pub fn comment(file: &Path) -> Result<Self, EditError> {
        let (open, close) =
            comment::syntax(file).ok_or_else(|| EditError::NoComment(file.to_owned()))?;
        Ok(Self {
            file: Edited::Source(normal(file)),
            change: Change::Comment { open, close },
        })
    }

    /// The edit of each variant's Dockerfile that costs least: a LABEL at its end.
    pub fn label() -> Self {
        Self {
            file: Edited::Dockerfile,
            change: Change::Label,
        }
    }

    /// The edit that a rule like `s/REGEX/REPLACEMENT/g` makes; any character
    /// may stand for `/`.
    ///
    /// # Errors
    /// It is no such rule, or its replacement holds no `{nonce}`.
    pub fn substitute(file: Edited, rule: &str) -> Result<Self, EditError> {
        let wrong = |what: &str| EditError::Rule(format!("{what} in {}", quoted(rule)));
        let mut rest = rule.strip_prefix('s').ok_or_else(|| wrong("no s"))?.chars();
        let delimiter = rest
            .next()
            .filter(|c| !c.is_alphanumeric() && *c != '\\' && !c.is_whitespace())
            .ok_or_else(|| wrong("no delimiter"))?;
        let mut parts = vec![String::new()];
        let mut escaped = false;
        for character in rest {
            let part = parts.len() - 1;
            if escaped {
                // The delimiter is escaped to stand for itself.
                if character != delimiter {
                    parts[part].push('\\');
                }
                parts[part].push(character);
                escaped = false;
            } else if character == '\\' {
                escaped = true;
            } else if character == delimiter {
                parts.push(String::new());
            } else {
                parts[part].push(character);
            }
        }
        let [pattern, replacement, flags] = parts
            .try_into()
            .map_err(|_| wrong("not three delimiters"))?;
        if pattern.is_empty() {
            return Err(wrong("an empty expression"));
        }
        Regex::new(&pattern).map_err(|error| {
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default();
            EditError::Rule(format!("{} is no expression: {last}", quoted(&pattern)))
        })?;
        if !replacement.contains(NONCE) {
            return Err(wrong(
                "no {nonce}, which makes every edit another one, in the replacement",
            ));
        }
        if !["", "g"].contains(&flags.as_str()) {
            return Err(wrong("a flag other than g"));
        }
        Ok(Self {
            file: match file {
                Edited::Source(file) => Edited::Source(normal(&file)),
                Edited::Dockerfile => Edited::Dockerfile,
            },
            change: Change::Substitute {
                pattern,
                replacement,
                all: flags == "g",
            },
        })
    }

    /// Checks that it can be made in a folder of sources, or in a Dockerfile.
    ///
    /// # Errors
    /// The file is not there, is reached through a symlink or out of the
    /// folder, or does not hold what the edit changes.
    pub fn check(&self, sources: &Path, dockerfile: &Path) -> Result<(), EditError> {
        let wrong = |what: String| EditError::File {
            file: self.file.shown(),
            what,
        };
        let Some(file) = self.file.source() else {
            let content =
                read_file(dockerfile).map_err(|error| wrong(format!("cannot be read: {error}")))?;
            return self.apply(&content, "0").map(|_| ());
        };
        let inside = file
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !inside || file.as_os_str().is_empty() {
            return Err(wrong("is not in the context".to_owned()));
        }
        let path = sources.join(file);
        let real = path
            .canonicalize()
            .and_then(|real| Ok((real, sources.canonicalize()?)));
        let (real, root) = real.map_err(|error| wrong(format!("cannot be opened: {error}")))?;
        // Written to through a symlink, a copy could write the user's tree.
        if real != root.join(file) {
            return Err(wrong("is reached through a symlink".to_owned()));
        }
        let content =
            read_file(&path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        self.apply(&content, "0").map(|_| ())
    }

    /// What it does, in a line for results.
    pub fn describe(&self) -> String {
        let file = self.file.shown();
        let file = file.display();
        match &self.change {
            Change::Replace { find, replace } => format!("{file}: {find:?} becomes {replace:?}"),
            Change::Comment { .. } => format!("{file}: a line of comment is appended"),
            Change::Label => format!("{file}: a LABEL is appended"),
            Change::Substitute {
                pattern,
                replacement,
                all,
            } => {
                let flags = if *all { "g" } else { "" };
                format!("{file}: s/{pattern}/{replacement}/{flags}")
            }
        }
    }

    /// The file's content after the edit.
    ///
    /// # Errors
    /// What it changes is not in the file, or more often than it should be.
    pub fn apply(&self, original: &[u8], nonce: &str) -> Result<Vec<u8>, EditError> {
        match &self.change {
            Change::Replace { find, replace } => {
                let at = self.locate(original, find)?;
                let after = at + find.len();
                let replacement = replace.replace(NONCE, nonce);
                Ok([&original[..at], replacement.as_bytes(), &original[after..]].concat())
            }
            Change::Comment { open, close } => Ok(appended(
                original,
                &format!("{open} buildrace {nonce}{close}\n"),
            )),
            Change::Label => Ok(appended(
                original,
                &format!("LABEL buildrace.edit={nonce}\n"),
            )),
            Change::Substitute {
                pattern,
                replacement,
                all,
            } => self.substituted(original, nonce, pattern, replacement, *all),
        }
    }

    fn substituted(
        &self,
        original: &[u8],
        nonce: &str,
        pattern: &str,
        replacement: &str,
        all: bool,
    ) -> Result<Vec<u8>, EditError> {
        let regex = Regex::new(pattern).map_err(|error| EditError::Rule(error.to_string()))?;
        let replacement = replacement.replace(NONCE, nonce);
        let limit = usize::from(!all);
        let mut found = false;
        let edited = regex.replacen(original, limit, |groups: &regex::bytes::Captures<'_>| {
            found = true;
            expand(&replacement, groups)
        });
        if !found {
            return Err(EditError::NothingToSubstitute {
                file: self.file.shown(),
                pattern: pattern.to_owned(),
            });
        }
        Ok(edited.into_owned())
    }

    /// Offset of the only match. Matches that overlap are two: which of them
    /// is meant would be a guess.
    fn locate(&self, original: &[u8], find: &str) -> Result<usize, EditError> {
        let needle = find.as_bytes();
        let mut matches = original
            .windows(needle.len())
            .enumerate()
            .filter(|(_, window)| *window == needle)
            .map(|(offset, _)| offset);
        let Some(first) = matches.next() else {
            return Err(EditError::NoMatch {
                file: self.file.shown(),
                find: find.to_owned(),
            });
        };
        match matches.next() {
            None => Ok(first),
            Some(second) => Err(EditError::ManyMatches {
                file: self.file.shown(),
                find: find.to_owned(),
                first: line_of(original, first),
                second: line_of(original, second),
            }),
        }
    }
}

/// A content with a line behind it.
fn appended(original: &[u8], line: &str) -> Vec<u8> {
    let newline: &[u8] = match original.last() {
        None | Some(b'\n') => b"",
        Some(_) => b"\n",
    };
    [original, newline, line.as_bytes()].concat()
}

/// A path without `.` in it.
fn normal(file: &Path) -> PathBuf {
    let parts = file.components();
    parts.filter(|part| *part != Component::CurDir).collect()
}

/// A replacement with `&` and `\\1` … `\\9` as sed reads them.
fn expand(replacement: &str, groups: &regex::bytes::Captures<'_>) -> Vec<u8> {
    let group = |at: usize| groups.get(at).map_or(&b""[..], |group| group.as_bytes());
    let mut out = Vec::new();
    let mut characters = replacement.chars();
    while let Some(character) = characters.next() {
        match character {
            '&' => out.extend(group(0)),
            '\\' => match characters.next() {
                Some(digit @ '0'..='9') => out.extend(group(digit as usize - '0' as usize)),
                Some('n') => out.push(b'\n'),
                Some(other) => out.extend(other.to_string().bytes()),
                None => out.push(b'\\'),
            },
            other => out.extend(other.to_string().bytes()),
        }
    }
    out
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    bytes[..offset].iter().filter(|b| **b == b'\n').count() + 1
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
