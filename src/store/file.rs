//! Files that are written anew.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::StoreError;

/// Writes a file anew. It is there whole, before or after.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), StoreError> {
    let hidden = path.with_extension("new");
    create_anew(&hidden)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&hidden, path))
        .map_err(StoreError::write(path))
}

/// Creates a file in the place of one that may be there. Results travel, so a
/// link there is not followed.
pub(super) fn create_anew(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => File::create_new(path),
    }
}
