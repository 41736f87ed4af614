//! Lists a folder in the order that BuildKit demands: by name, byte for byte,
//! what is in a folder right after it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use super::filter::{Fate, Filter, FilterError, FolderMatch};
use super::stat::{Seen, stat};
use super::wire::Stat;

/// Why a folder could not be listed.
#[derive(Debug, thiserror::Error)]
pub(super) enum WalkError {
    /// A file or folder cannot be read, or is gone.
    #[error("cannot {action} {path:?} of the build context: {source}")]
    Io {
        /// What was tried, `read` or `list`.
        action: &'static str,
        /// The file or folder, from the root.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A pattern turned out malformed.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// Nobody wants the listing any more.
    #[error("the receiver is gone")]
    Closed,
}

/// An entry of the listing.
#[derive(Debug)]
pub(super) struct Listed {
    /// Name, size, mode and times, as they are sent.
    pub stat: Stat,
    /// Whether it is a socket: then it is sent as an empty file.
    pub socket: bool,
}

/// A folder that is being listed.
struct Level {
    /// From the root; empty for the root itself.
    path: Vec<u8>,
    /// Its entries that are still to come.
    entries: IntoIter<Entry>,
    matched: Option<FolderMatch>,
    /// Whether it is sent only when something in it is.
    held: bool,
}

struct Entry {
    name: OsString,
    is_folder: bool,
}

/// Lists what `filter` lets through of `root` and gives it to `emit`.
pub(super) fn walk(
    root: &Path,
    filter: &Filter,
    emit: &mut dyn FnMut(Listed) -> Result<(), WalkError>,
) -> Result<(), WalkError> {
    let mut seen = Seen::new();
    let mut levels = vec![Level {
        path: Vec::new(),
        entries: read_folder(root, b"")?,
        matched: None,
        held: false,
    }];
    while let Some(level) = levels.last_mut() {
        let Some(entry) = level.entries.next() else {
            levels.pop();
            continue;
        };
        let mut path = level.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend(entry.name.as_bytes());
        let (fate, matched) = filter.judge(&path, entry.is_folder, level.matched.as_ref())?;
        if fate == Fate::Send {
            for held in levels.iter_mut().filter(|l| l.held) {
                held.held = false;
                emit(listed(root, &held.path, &mut seen)?)?;
            }
            emit(listed(root, &path, &mut seen)?)?;
        }
        if entry.is_folder && fate != Fate::Skip {
            let entries = match read_folder(root, &path) {
                // Nothing of it was asked for by name.
                Err(WalkError::Io { source, .. })
                    if fate == Fate::Hold && source.kind() == io::ErrorKind::PermissionDenied =>
                {
                    continue;
                }
                entries => entries?,
            };
            levels.push(Level {
                path,
                entries,
                matched: Some(matched),
                held: fate == Fate::Hold,
            });
        }
    }
    Ok(())
}

fn listed(root: &Path, path: &[u8], seen: &mut Seen) -> Result<Listed, WalkError> {
    let at = root.join(OsStr::from_bytes(path));
    let entry = std::fs::symlink_metadata(&at).and_then(|metadata| {
        Ok(Listed {
            socket: metadata.file_type().is_socket(),
            stat: stat(&at, path, &metadata, seen)?,
        })
    });
    entry.map_err(|source| failed("stat", path, source))
}

fn read_folder(root: &Path, path: &[u8]) -> Result<IntoIter<Entry>, WalkError> {
    let entries = std::fs::read_dir(root.join(OsStr::from_bytes(path))).and_then(|entries| {
        let mut entries = entries
            .map(|entry| {
                let entry = entry?;
                Ok(Entry {
                    is_folder: entry.file_type()?.is_dir(),
                    name: entry.file_name(),
                })
            })
            .collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries.into_iter())
    });
    entries.map_err(|source| failed("list", path, source))
}

fn failed(action: &'static str, path: &[u8], source: io::Error) -> WalkError {
    WalkError::Io {
        action,
        path: match path {
            b"" => ".".into(),
            _ => OsStr::from_bytes(path).into(),
        },
        source,
    }
}
