//! From a file's metadata to the `Stat` that is sent.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::io::Errno;

use super::wire::{Stat, Xattr, mode};

/// Paths listed so far by device and inode, to find hard links.
pub(super) type Seen = HashMap<(u64, u64), Vec<u8>>;

/// The `Stat` of the file at `at`, listed as `path`.
///
/// Owner and group are 0, as buildx sends them, so that a context means the
/// same on every machine. A further name of an inode becomes a hard link to
/// the path listed first. A socket becomes an empty file.
pub(super) fn stat(
    at: &Path,
    path: &[u8],
    metadata: &Metadata,
    seen: &mut Seen,
) -> io::Result<Stat> {
    let mut stat = Stat {
        path: path.to_vec(),
        mode: go_mode(metadata),
        mod_time: metadata
            .mtime()
            .wrapping_mul(1_000_000_000)
            .wrapping_add(metadata.mtime_nsec()),
        xattrs: xattrs(at)?,
        ..Stat::default()
    };
    if metadata.is_dir() {
        return Ok(stat);
    }
    let kind = metadata.file_type();
    // A socket has no content, whatever file systems make of its size.
    stat.size = if kind.is_socket() {
        0
    } else {
        metadata.size().cast_signed()
    };
    if kind.is_block_device() || kind.is_char_device() {
        // Of another width where the system is not Linux.
        #[allow(clippy::unnecessary_cast)]
        let rdev = metadata.rdev() as rustix::fs::Dev;
        stat.devmajor = i64::from(rustix::fs::major(rdev));
        stat.devminor = i64::from(rustix::fs::minor(rdev));
    }
    if kind.is_symlink() {
        stat.linkname = std::fs::read_link(at)?.into_os_string().into_vec();
    } else if metadata.nlink() > 1 {
        let first = seen
            .entry((metadata.dev(), metadata.ino()))
            .or_insert_with(|| path.to_vec());
        if first != path {
            stat.linkname.clone_from(first);
        }
    }
    Ok(stat)
}

/// Type and permissions as Go's `os.FileMode`, a socket without its type.
fn go_mode(metadata: &Metadata) -> u32 {
    let unix = metadata.mode();
    let kind = metadata.file_type();
    let mut go = unix & 0o777;
    go |= if kind.is_dir() {
        mode::DIR
    } else if kind.is_symlink() {
        mode::SYMLINK
    } else if kind.is_fifo() {
        mode::NAMED_PIPE
    } else if kind.is_block_device() {
        mode::DEVICE
    } else if kind.is_char_device() {
        mode::DEVICE | mode::CHAR_DEVICE
    } else {
        0
    };
    for (bit, go_bit) in [
        (0o4000, mode::SETUID),
        (0o2000, mode::SETGID),
        (0o1000, mode::STICKY),
    ] {
        if unix & bit != 0 {
            go |= go_bit;
        }
    }
    go
}

/// The file's own extended attributes, sorted; those that cannot be read are
/// left out.
fn xattrs(at: &Path) -> io::Result<Vec<Xattr>> {
    let mut names: Vec<u8> = Vec::new();
    loop {
        // The size first: nearly always 0.
        let size = match rustix::fs::llistxattr_query(at) {
            Ok(0) | Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Vec::new()),
            Ok(size) => size,
            Err(e) => return Err(e.into()),
        };
        names.resize(size, 0);
        match rustix::fs::llistxattr(at, &mut names[..]) {
            Ok(read) => {
                names.truncate(read);
                break;
            }
            Err(Errno::RANGE) => {}
            Err(e) => return Err(e.into()),
        }
    }
    let mut out: Vec<Xattr> = names
        .split(|b| *b == 0)
        .filter(|name| !name.is_empty())
        .filter_map(|name| {
            Some(Xattr {
                name: name.to_vec(),
                value: xattr(at, name)?,
            })
        })
        .collect();
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(out)
}

fn xattr(at: &Path, name: &[u8]) -> Option<Vec<u8>> {
    loop {
        let size = rustix::fs::lgetxattr_query(at, name).ok()?;
        if size == 0 {
            return Some(Vec::new());
        }
        let mut value = vec![0; size];
        match rustix::fs::lgetxattr(at, name, &mut value[..]) {
            Ok(read) => {
                value.truncate(read);
                return Some(value);
            }
            Err(Errno::RANGE) => {}
            Err(_) => return None,
        }
    }
}
