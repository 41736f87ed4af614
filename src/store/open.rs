//! Opening a file of results. Results travel, and what is in their place may be
//! a pipe that nobody writes to, or a device.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

/// Opens a file for reading, if it is an ordinary one.
pub(super) fn to_read(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().read(true))
}

/// Opens an ordinary file for reading and appending.
pub(super) fn to_append(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().read(true).append(true))
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // Before, as opening a device may do something; and after, as somebody may
    // have put another file there meanwhile. It never waits for a writer.
    check(&fs::metadata(path)?)?;
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = options.custom_flags(flags.bits()).open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

fn check(found: &fs::Metadata) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is not an ordinary file",
    ))
}
