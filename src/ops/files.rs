//! Writing files that a person or another program reads: whole or not at all.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::print::masked;

/// What names of files in the making begin with, and end in.
const UNFINISHED: (&str, &str) = (".buildrace-", ".new");

/// Writes a file. It holds what it held before until all of it is written; a
/// full disk leaves no half of it. A pipe or device is written to as it is.
///
/// # Errors
/// It cannot be written.
pub fn write_whole(file: &Path, text: &str) -> anyhow::Result<()> {
    write_bytes(file, masked(text).as_bytes())
}

/// The same of what is no text.
///
/// # Errors
/// It cannot be written.
pub fn write_bytes(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

fn write(file: &Path, text: &[u8]) -> io::Result<()> {
    // A link stays one, and what it leads to is written.
    let place = match fs::canonicalize(file) {
        Ok(real) => real,
        Err(error) if error.kind() == ErrorKind::NotFound => file.to_owned(),
        Err(error) => return Err(error),
    };
    let held = match fs::metadata(&place) {
        Ok(held) if !held.is_file() => return fs::write(&place, text),
        held => held.ok(),
    };
    let folder = match place.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let made = tempfile::Builder::new()
        .prefix(UNFINISHED.0)
        .suffix(UNFINISHED.1)
        // Less the umask, as of any new file.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder);
    let mut made = match made {
        // A file that may be written in a folder that may not.
        Err(error) if held.is_some() && error.kind() == ErrorKind::PermissionDenied => {
            return fs::write(&place, text);
        }
        made => made?,
    };
    // Before there is anything in it to be read.
    if let Some(held) = held {
        made.as_file().set_permissions(held.permissions())?;
    }
    made.write_all(text)?;
    made.persist(&place).map_err(|error| error.error)?;
    Ok(())
}

/// Files in a folder and in those below it, down to the second, that were
/// being written when their process was killed: they are an hour old.
pub fn unfinished(folder: &Path) -> Vec<PathBuf> {
    const OLD: std::time::Duration = std::time::Duration::from_secs(3600);
    let entries = walkdir::WalkDir::new(folder).max_depth(3).into_iter();
    let mut left: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy();
            name.starts_with(UNFINISHED.0) && name.ends_with(UNFINISHED.1)
        })
        .filter(|entry| {
            let touched = entry
                .metadata()
                .ok()
                .and_then(|found| found.modified().ok());
            let age = touched.and_then(|touched| touched.elapsed().ok());
            age.is_some_and(|age| age > OLD)
        })
        .map(walkdir::DirEntry::into_path)
        .collect();
    left.sort();
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("summary.md");
        let link = folder.path().join("link.md");
        write_whole(&file, "https://me:pw@host\n").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "https://***@host\n");
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_whole(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn devices_are_written_to_as_they_are() {
        write_whole(Path::new("/dev/null"), "x").unwrap();
        assert!(write_whole(Path::new("/dev/full"), "x").is_err());
    }
}
