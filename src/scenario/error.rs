//! What can be wrong with a scenario, said in one line: where, what, what was
//! expected instead.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::escape;

/// A scenario cannot be used. Every message is one line; texts from outside
/// are escaped and bounded.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The folder is in no project.
    #[error(
        "no scenarios/ folder in {} or any folder above it. To race two Dockerfiles without \
         scenarios, use `buildrace compare Dockerfile Dockerfile.new`",
        escape::path(.0)
    )]
    NoProject(PathBuf),
    /// The project's `scenarios/` holds no scenario.
    #[error(
        "{} holds no scenario: expected scenarios/<name>/scenario.toml",
        escape::path(.0)
    )]
    NoScenarios(PathBuf),
    /// No scenario or variant of this name.
    #[error("unknown {what} {}: {}", quoted(.name), choice(.name, .known))]
    UnknownName {
        /// `scenario` or `variant`.
        what: &'static str,
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// Something is wrong at this place of a file.
    #[error("{at}: {message}")]
    Invalid {
        /// The file, with line and column.
        at: Place,
        /// What is wrong and what was expected.
        message: String,
    },
    /// Something is wrong with an argument of the command line.
    #[error("{argument}: {message}")]
    Argument {
        /// The argument's name, `--context`.
        argument: &'static str,
        /// What is wrong and what was expected.
        message: String,
    },
    /// The edit of a command line cannot be made.
    #[error("{0}")]
    Edit(String),
    /// A scenario is to be built without its sources.
    #[error("the sources of {} are not fetched yet: `buildrace run` fetches them", quoted(.0))]
    NotFetched(String),
    /// The operating system refused to read or write a file.
    #[error("cannot {action} {}: {error}", escape::path(.path))]
    Io {
        /// What was tried: `read`, `copy`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said. Not chained as a source: the text has it already.
        error: io::Error,
    },
    /// The sources hold a device, and only root can make another.
    #[error(
        "cannot copy the device {}: only root may; remove it, or leave it out with .dockerignore",
        escape::path(.0)
    )]
    Device(PathBuf),
}

/// A place in a file of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, relative to the project where it is in it.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1; `None` where only the line is known.
    pub column: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", escape::path(&self.file), self.line)?;
        match self.column {
            Some(column) => write!(f, ":{column}"),
            None => Ok(()),
        }
    }
}

impl ScenarioError {
    pub(super) fn io(action: &'static str, path: &Path, error: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            error,
        }
    }
}

/// Line and column, both from 1, of a byte offset. An offset past the end is
/// the end.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// A text from outside, in quotes, on one line, of bounded length.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// A message from outside on one line of bounded length.
pub(super) fn one_line(text: &str) -> String {
    const MOST: usize = 300;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    escape::terminal(&words, MOST)
}

/// "did you mean X?" where a known name is near, else all that are known.
pub(crate) fn choice<S: AsRef<str>>(name: &str, known: &[S]) -> String {
    const MOST: usize = 20;
    let list = || {
        let named = known.iter().take(MOST).map(AsRef::as_ref);
        let more = known.len().checked_sub(MOST + 1);
        let more = more.map(|more| format!("{} more", more + 1));
        let more = more.as_deref().into_iter();
        named.chain(more).collect::<Vec<&str>>().join(", ")
    };
    match nearest(name, known) {
        None if known.is_empty() => "there is none".to_owned(),
        Some(near) if known.len() > 1 => format!("did you mean {near:?}? (known: {})", list()),
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("expected one of {}", list()),
    }
}

/// The known name that a slip of the keyboard would turn into `name`.
pub(super) fn nearest<'a, S: AsRef<str>>(name: &str, known: &'a [S]) -> Option<&'a str> {
    // Comparing is quadratic in the length, and no slip makes a name that long.
    if name.len() > 100 {
        return None;
    }
    known
        .iter()
        .map(|candidate| {
            let candidate = candidate.as_ref();
            let distance = strsim::damerau_levenshtein(
                &name.to_lowercase().replace('_', "-"),
                &candidate.to_lowercase(),
            );
            (distance, candidate)
        })
        .min()
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .map(|(_, candidate)| candidate)
}
