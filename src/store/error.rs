//! Why results cannot be written or read: the file, and what to do.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::model::SCHEMA_VERSION;

/// Why results cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder could not be written.
    #[error("cannot write {}: {error}; {}", path.display(), write_advice(error))]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why. Not chained as a source: the text has it already.
        error: io::Error,
    },
    /// There are results of this name already.
    #[error("{} exists already; results are never overwritten: move it away", .0.display())]
    Exists(PathBuf),
    /// Another process writes the run.
    #[error(
        "{} is being written by another buildrace: wait until it has ended, or end it",
        .0.display()
    )]
    Busy(PathBuf),
    /// Results went away while the run went on.
    #[error(
        "{} is gone: somebody removed or moved it while the run went on; samples after that are \
         lost, and no report is written; start the run again",
        .0.display()
    )]
    Gone(PathBuf),
    /// A run that its files could not hold.
    #[error("this run cannot be stored: {0}")]
    Unfit(String),
    /// A file or folder could not be read.
    #[error("cannot read {}: {error}; {}", path.display(), read_advice(error))]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why. Not chained as a source: the text has it already.
        error: io::Error,
    },
    /// A later buildrace wrote it.
    #[error(
        "{} has version {found} of the result files, and this buildrace reads up to {SCHEMA_VERSION}: use the buildrace that wrote it, or a later one",
        path.display()
    )]
    Newer {
        /// `run.json`.
        path: PathBuf,
        /// Version of the file.
        found: u64,
    },
    /// It is not what buildrace writes.
    #[error("{}:{line}: {problem}; the file was changed or damaged", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// A name in the results would not be fit for a file.
    #[error(
        "{0:?} cannot name a file of results: letters, digits, '.', '_' and '-' only, 128 at most, not beginning with '.' or '-'"
    )]
    Name(String),
}

impl StoreError {
    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::Write { path, error }
    }

    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::Read { path, error }
    }

    /// Whether the disk, or the user's share of it, is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Write { error, .. } if is_full(error))
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

fn write_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if is_full(error) => "free some space there or name another folder with --results",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "make the folder writable or name another one with --results"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "a file is in the way: name another folder with --results"
        }
        _ => "check the folder or name another one with --results",
    }
}

fn read_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "results of a run are a folder with run.json and events.jsonl",
        ErrorKind::PermissionDenied => "make it readable",
        ErrorKind::InvalidInput => {
            "results of a run are files and folders, nothing else: take it away"
        }
        _ => "check the disk it is on",
    }
}
