//! Reading the files of a scenario.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// No `scenario.toml`, Dockerfile or file to edit is larger: what is, is
/// something else.
const LARGEST: u64 = 16 << 20;

/// Reads a regular file of bounded size. Opening something else, a pipe say,
/// could wait forever.
///
/// # Errors
/// It cannot be read, is no regular file, or has more than 16 MiB.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("larger than 16 MiB"));
    }
    Ok(bytes)
}
