//! The private copy of sources: builds see the copy, edits are
//! made in the copy, and the user's tree is never written.
//!
//! The copy keeps what file sync looks at, modes, symlinks and modification
//! times, so that BuildKit takes it for the original. Hard links become files
//! of their own. Owners and extended attributes are not kept: BuildKit gives
//! every file of a context to root.

use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, UtimensatFlags, mknod, utimensat};
use nix::sys::time::TimeSpec;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::error::ScenarioError;
use crate::temporary::Folder;

/// Says which paths of a folder, relative to it, are left out.
pub type Skip<'a> = &'a dyn Fn(&Path) -> bool;

/// Leaves nothing out.
fn nothing(_: &Path) -> bool {
    false
}

/// A private copy of sources. It is removed when dropped.
#[derive(Debug)]
pub struct SourceCopy {
    folder: Folder,
}

impl SourceCopy {
    /// Copies a folder of sources into a new temporary folder.
    ///
    /// # Errors
    /// Something in the sources cannot be read, or the copy cannot be written.
    pub fn create(sources: &Path) -> Result<Self, ScenarioError> {
        Self::create_without(sources, &nothing)
    }

    /// The same without what `skip` says of paths relative to the sources; of
    /// what is in a folder that is skipped it is not asked.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_without(sources: &Path, skip: Skip<'_>) -> Result<Self, ScenarioError> {
        // Walked before the folder is made, which may be below the sources.
        let entries = walk(sources, skip)?;
        let folder = Folder::new("sources").map_err(|error| {
            ScenarioError::io(
                "make a folder for the sources in",
                &std::env::temp_dir(),
                error,
            )
        })?;
        let copy = Self { folder };
        for entry in &entries {
            copy_entry(sources, copy.path(), entry)?;
        }
        // Last, and the deepest first: writing into a folder changes its
        // time, and its mode may forbid writing.
        for entry in entries.iter().rev().filter(|e| e.kind == Kind::Folder) {
            let target = copy.path().join(&entry.relative);
            keep_mode(&target, entry)
                .and_then(|()| keep_time(&target, entry))
                .map_err(|error| ScenarioError::io("write", &target, error))?;
        }
        Ok(copy)
    }

    /// The folder of the copy: the build context.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// SHA-256 over names, modes and contents of a folder of sources, hex.
/// Times are no part of it.
///
/// # Errors
/// Something in it cannot be read.
pub fn sources_digest(sources: &Path) -> Result<String, ScenarioError> {
    sources_digest_without(sources, &nothing)
}

/// The same without what `skip` leaves out.
///
/// # Errors
/// Something in it cannot be read.
pub fn sources_digest_without(sources: &Path, skip: Skip<'_>) -> Result<String, ScenarioError> {
    let mut digest = Sha256::new();
    for entry in walk(sources, skip)? {
        let path = sources.join(&entry.relative);
        let content = match entry.kind {
            Kind::Folder | Kind::Pipe => Vec::new(),
            Kind::Socket => Sha256::digest([]).to_vec(),
            Kind::Device { number, .. } => number.to_le_bytes().to_vec(),
            Kind::File => file_digest(&path)
                .map_err(|error| ScenarioError::io("read", &path, error))?
                .to_vec(),
            Kind::Symlink => fs::read_link(&path)
                .map_err(|error| ScenarioError::io("read", &path, error))?
                .as_os_str()
                .as_bytes()
                .to_vec(),
        };
        // Lengths go first, so that no two trees give the same bytes.
        let name = entry.relative.as_os_str().as_bytes();
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name);
        digest.update([entry.kind.number()]);
        digest.update(entry.mode.to_le_bytes());
        digest.update((content.len() as u64).to_le_bytes());
        digest.update(&content);
    }
    Ok(hex::encode(digest.finalize()))
}

fn file_digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = fs::File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(digest.finalize().into());
        }
        digest.update(&buffer[..read]);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Symlink,
    /// To BuildKit an empty file.
    Socket,
    Pipe,
    Device {
        number: u64,
        is_block: bool,
    },
}

impl Kind {
    /// What a digest calls it.
    fn number(self) -> u8 {
        match self {
            Self::Folder => 0,
            Self::File | Self::Socket => 1,
            Self::Symlink => 2,
            Self::Pipe => 3,
            Self::Device { .. } => 4,
        }
    }
}

struct Entry {
    relative: PathBuf,
    kind: Kind,
    /// Permission bits, setuid and the like included. A symlink has none.
    mode: u32,
    modified: TimeSpec,
}

/// Everything below a folder, the folder itself first, each folder before
/// what is in it, names in the order of their bytes.
fn walk(root: &Path, skip: Skip<'_>) -> Result<Vec<Entry>, ScenarioError> {
    let mut entries = Vec::new();
    let kept = |entry: &walkdir::DirEntry| {
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        relative.as_os_str().is_empty() || !skip(relative)
    };
    let walk = WalkDir::new(root).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(kept) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            ScenarioError::io("read", &path, error.into())
        })?;
        let path = entry.path();
        // The folder itself may be reached through a symlink.
        let metadata = match entry.depth() {
            0 => path.metadata(),
            _ => path.symlink_metadata(),
        };
        let metadata = metadata.map_err(|error| ScenarioError::io("read", path, error))?;
        let kind = metadata.file_type();
        let kind = match kind {
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_symlink() => Kind::Symlink,
            kind if kind.is_socket() => Kind::Socket,
            kind if kind.is_fifo() => Kind::Pipe,
            kind if kind.is_block_device() || kind.is_char_device() => Kind::Device {
                number: metadata.rdev(),
                is_block: kind.is_block_device(),
            },
            _ => Kind::File,
        };
        entries.push(Entry {
            relative: path.strip_prefix(root).unwrap_or(path).to_owned(),
            kind,
            mode: if kind == Kind::Symlink {
                0
            } else {
                metadata.mode() & 0o7777
            },
            modified: TimeSpec::new(metadata.mtime(), metadata.mtime_nsec()),
        });
    }
    Ok(entries)
}

fn copy_entry(from: &Path, to: &Path, entry: &Entry) -> Result<(), ScenarioError> {
    let source = from.join(&entry.relative);
    let target = to.join(&entry.relative);
    let written = match entry.kind {
        // The root is there already.
        Kind::Folder if entry.relative.as_os_str().is_empty() => return Ok(()),
        Kind::Folder => {
            return fs::create_dir(&target)
                .map_err(|error| ScenarioError::io("write", &target, error));
        }
        Kind::File => fs::copy(&source, &target)
            .map(drop)
            .and_then(|()| keep_time(&target, entry))
            .and_then(|()| keep_mode(&target, entry)),
        Kind::Socket => fs::File::create(&target)
            .and_then(|_| keep_time(&target, entry))
            .and_then(|()| keep_mode(&target, entry)),
        Kind::Pipe => make_node(&target, SFlag::S_IFIFO, 0)
            .and_then(|()| keep_time(&target, entry))
            .and_then(|()| keep_mode(&target, entry)),
        Kind::Device { number, is_block } => {
            let flag = if is_block {
                SFlag::S_IFBLK
            } else {
                SFlag::S_IFCHR
            };
            make_node(&target, flag, number).map_err(|_| ScenarioError::Device(source.clone()))?;
            keep_time(&target, entry).and_then(|()| keep_mode(&target, entry))
        }
        Kind::Symlink => fs::read_link(&source)
            .and_then(|link| std::os::unix::fs::symlink(link, &target))
            .and_then(|()| keep_time(&target, entry)),
    };
    written.map_err(|error| ScenarioError::io("copy", &source, error))
}

fn make_node(path: &Path, flag: SFlag, number: u64) -> io::Result<()> {
    // Of another width where the system is not Linux.
    #[allow(clippy::unnecessary_cast)]
    let number = number as nix::libc::dev_t;
    mknod(path, flag, Mode::S_IRUSR | Mode::S_IWUSR, number).map_err(io::Error::from)
}

fn keep_mode(path: &Path, entry: &Entry) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(entry.mode))
}

fn keep_time(path: &Path, entry: &Entry) -> io::Result<()> {
    let time = &entry.modified;
    utimensat(
        nix::fcntl::AT_FDCWD,
        path,
        time,
        time,
        UtimensatFlags::NoFollowSymlink,
    )
    .map_err(io::Error::from)
}

/// Writes a file's new content, even where its mode forbids that, and leaves
/// its mode as it was.
pub(super) fn write_over(path: &Path, content: &[u8]) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    fs::write(path, content)?;
    fs::set_permissions(path, mode)
}

#[cfg(test)]
#[path = "copy_tests.rs"]
mod tests;
