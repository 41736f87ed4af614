//! Why there are no sources, said in one line: what was tried, on what, and
//! what to do.

use std::io;
use std::path::{Path, PathBuf};

use super::UnpackError;
use crate::escape;
use crate::git::GitError;
use crate::scenario::ScenarioError;

/// There are no sources.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// git has none, and nothing else was to be tried.
    #[error("{0}")]
    Git(#[from] GitError),
    /// The Dockerfile that makes them could not be built.
    #[error("cannot build {}, which makes the sources where git has no answer: {message}", escape::bounded(.dockerfile))]
    Build {
        /// The Dockerfile's path in the project.
        dockerfile: String,
        /// Why, escaped and bounded.
        message: String,
    },
    /// What it made could not be unpacked.
    #[error("cannot unpack the sources that {} makes: {error}", escape::bounded(.dockerfile))]
    Unpack {
        /// The Dockerfile's path in the project.
        dockerfile: String,
        /// Why. Not chained as a source: the text has it already.
        error: UnpackError,
    },
    /// A folder cannot be read as sources.
    #[error("{0}")]
    Read(#[from] ScenarioError),
    /// There is no place to keep them.
    #[error("no cache folder to keep sources in: set XDG_CACHE_HOME to an absolute path, or HOME")]
    NoCache,
    /// The operating system refused to read or write a file.
    #[error("cannot {action} {}: {error}", escape::path(.path))]
    Io {
        /// What was tried: `open`, `remove`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said. Not chained as a source: the text has it already.
        error: io::Error,
    },
    /// The caller stopped the fetching.
    #[error("interrupted")]
    Interrupted,
    /// The thread that did the work broke off, with this message.
    #[error("fetching the sources broke off: {0}")]
    Broken(String),
}

impl SourcesError {
    /// Whether there is no way to the sources, and nothing is wrong with what
    /// was found or with this machine.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Git(error) => error.is_out_of_reach(),
            Self::Build { .. } => true,
            _ => false,
        }
    }

    pub(super) fn io(action: &'static str, path: &Path, error: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            error,
        }
    }
}
