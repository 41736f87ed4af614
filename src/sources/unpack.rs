//! Unpacks the files that a build sent back. The archive is from outside: no
//! entry may leave the folder, by its name or through a symlink, and there is an
//! end to how many and how large they are.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use tar::{Archive, Entry, EntryType};

use crate::escape;

/// Most entries.
const MOST_ENTRIES: usize = 500_000;
/// Most bytes of all files together.
const MOST_BYTES: u64 = 4 << 30;
/// A file at the top that says in its first line what the sources are. It is
/// taken away.
const SAYS: &str = "SOURCE";
/// Most characters of that line.
const MOST_SAID: usize = 200;

/// An archive that cannot be sources.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It cannot be read, or a file cannot be written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// An entry cannot be written as it is: it leads out of the folder, say.
    #[error("{} {why}", escape::path(.path))]
    Refused {
        /// The entry's path in the archive.
        path: PathBuf,
        /// What is wrong with the entry.
        why: &'static str,
    },
    /// There is too much of it.
    #[error("it has more than {0}")]
    TooLarge(String),
    /// There is nothing in it.
    #[error("it holds no file")]
    Empty,
}

/// Unpacks an archive into an empty folder, and returns what the archive says
/// that it is. Owners, times and extended attributes are not kept, nor modes but
/// for the right to execute.
///
/// # Errors
/// The first entry that is refused, or what cannot be read or written.
pub fn unpack(archive: impl Read, to: &Path) -> Result<Option<String>, UnpackError> {
    unpack_within(archive, to, MOST_ENTRIES, MOST_BYTES)
}

fn unpack_within(
    archive: impl Read,
    to: &Path,
    most_entries: usize,
    most_bytes: u64,
) -> Result<Option<String>, UnpackError> {
    let mut archive = Archive::new(archive);
    let mut bytes = 0u64;
    let mut files = 0usize;
    for (at, entry) in archive.entries()?.enumerate() {
        if at >= most_entries {
            return Err(UnpackError::TooLarge(format!("{most_entries} entries")));
        }
        let mut entry = entry?;
        bytes = bytes.saturating_add(entry.size());
        if bytes > most_bytes {
            return Err(UnpackError::TooLarge(format!("{most_bytes} bytes")));
        }
        files += usize::from(one(&mut entry, to)?);
    }
    let said = take_what_is_said(to)?;
    if files <= usize::from(said.is_some()) {
        return Err(UnpackError::Empty);
    }
    Ok(said)
}

/// Writes an entry; returns whether it is a file.
fn one(entry: &mut Entry<'_, impl Read>, to: &Path) -> Result<bool, UnpackError> {
    let path = entry.path()?.into_owned();
    let refused = |why| UnpackError::Refused {
        path: path.clone(),
        why,
    };
    let inside = inside(&path).ok_or_else(|| refused("leads out of the sources"))?;
    let target = to.join(&inside);
    if !parents_are_folders(to, &inside)? {
        return Err(refused("lies below something that is no folder"));
    }
    match entry.header().entry_type() {
        EntryType::Directory => {
            match fs::create_dir(&target) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !target.symlink_metadata()?.is_dir() {
                        return Err(refused("is there already, and is no folder"));
                    }
                }
                made => made?,
            }
            Ok(false)
        }
        EntryType::Regular | EntryType::Continuous => {
            let executable = entry.header().mode()? & 0o100 != 0;
            let mut file = OpenOptions::new()
                .write(true)
                // Neither over another entry nor through a symlink.
                .create_new(true)
                .mode(if executable { 0o755 } else { 0o644 })
                .open(&target)?;
            io::copy(entry, &mut file)?;
            Ok(true)
        }
        EntryType::Symlink => {
            let link = entry.link_name()?.unwrap_or_default().into_owned();
            let from = inside.parent().unwrap_or(Path::new(""));
            if link.as_os_str().is_empty() || !stays_inside(from, &link) {
                return Err(refused("is a symlink that leads out of the sources"));
            }
            symlink(link, &target)?;
            Ok(true)
        }
        EntryType::Link => {
            let link = entry.link_name()?.unwrap_or_default().into_owned();
            let no_file = || refused("is a link to what is no file of the sources");
            let other = self::inside(&link).ok_or_else(no_file)?;
            let is_plain = parents_are_folders(to, &other)?
                && to
                    .join(&other)
                    .symlink_metadata()
                    .is_ok_and(|metadata| metadata.is_file());
            if !is_plain || target.symlink_metadata().is_ok() {
                return Err(no_file());
            }
            fs::copy(to.join(&other), &target)?;
            Ok(true)
        }
        _ => Err(refused("is neither file, folder nor link")),
    }
}

/// The named parts of a path that has no others; `None` where it leads
/// elsewhere.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut parts = PathBuf::new();
    for (at, part) in path.components().enumerate() {
        match part {
            Component::Normal(name) => parts.push(name),
            Component::CurDir => {}
            // BuildKit writes the last stage's root as `/`.
            Component::RootDir if at == 0 && path == Path::new("/") => {}
            _ => return None,
        }
    }
    Some(parts)
}

/// Whether a symlink that lies in the folder `from` points into the sources.
fn stays_inside(from: &Path, link: &Path) -> bool {
    let mut depth = from.components().count();
    for part in link.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

/// Makes the folders that a path lies in, and says whether they are folders,
/// not symlinks to some.
fn parents_are_folders(to: &Path, inside: &Path) -> io::Result<bool> {
    let mut folder = to.to_owned();
    for part in inside.parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !folder.symlink_metadata()?.is_dir() {
                    return Ok(false);
                }
            }
            made => made?,
        }
    }
    Ok(true)
}

fn take_what_is_said(to: &Path) -> Result<Option<String>, UnpackError> {
    let path = to.join(SAYS);
    if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
        return Ok(None);
    }
    let mut start = Vec::new();
    fs::File::open(&path)?
        .take(MOST_SAID as u64 * 4)
        .read_to_end(&mut start)?;
    fs::remove_file(&path)?;
    let start = String::from_utf8_lossy(&start);
    let line = start.lines().next().unwrap_or_default().trim();
    let line: String = line.chars().take(MOST_SAID).collect();
    Ok((!line.is_empty()).then_some(line))
}

#[cfg(test)]
#[path = "unpack_tests.rs"]
mod tests;
