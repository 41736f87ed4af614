//! Paths in an image: bytes, parts joined by `/`, relative to its root and
//! without a `/` before them. The root itself is the empty path.

use std::io;

use super::error::too_large;

/// Linux's bound on a path, bytes (`PATH_MAX` in `linux/limits.h`).
pub(super) const MAX_BYTES: usize = 4096;
/// Parts of a path.
pub(super) const MAX_PARTS: usize = 256;

/// The parts of a path as written, without the empty ones and `.`.
pub(super) fn parts(written: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    written
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
}

/// The path that a name in an archive stands for: `./usr//bin/` is `usr/bin`,
/// and `..` leads no higher than the root.
pub(super) fn clean(written: &[u8]) -> io::Result<Vec<u8>> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for part in parts(written) {
        if part == b".." {
            kept.pop();
        } else {
            kept.push(part);
        }
    }
    let path = kept.join(&b'/');
    bounded(&path)?;
    Ok(path)
}

/// Refuses a path that no file system would hold.
pub(super) fn bounded(path: &[u8]) -> io::Result<()> {
    if path.len() > MAX_BYTES {
        return Err(too_large(format_args!("{MAX_BYTES} bytes in one path")));
    }
    if parts(path).count() > MAX_PARTS {
        return Err(too_large(format_args!("{MAX_PARTS} folders in one path")));
    }
    Ok(())
}

/// The folder that a path is in, and its name there; nothing of the root.
pub(super) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.is_empty() {
        return None;
    }
    Some(match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&path[..0], path),
    })
}

/// Goes into a folder, or to a file in it.
pub(super) fn push(path: &mut Vec<u8>, part: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(part);
}

/// Goes to the folder above, from the root to itself.
pub(super) fn pop(path: &mut Vec<u8>) {
    let length = split(path).map_or(0, |(folder, _)| folder.len());
    path.truncate(length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_paths_within_the_root() {
        for (written, path) in [
            ("./usr//bin/hello", "usr/bin/hello"),
            ("/etc/", "etc"),
            ("./", ""),
            ("../../etc/passwd", "etc/passwd"),
            ("a/../../b", "b"),
        ] {
            assert_eq!(clean(written.as_bytes()).unwrap(), path.as_bytes());
        }
        assert!(clean(&b"a".repeat(MAX_BYTES + 1)).is_err());
        assert!(clean(&b"a/".repeat(MAX_PARTS + 1)).is_err());
    }

    #[test]
    fn folders_are_entered_and_left() {
        let mut path = b"usr".to_vec();
        push(&mut path, b"bin");
        assert_eq!(split(&path), Some((&b"usr"[..], &b"bin"[..])));
        pop(&mut path);
        pop(&mut path);
        pop(&mut path);
        assert!(path.is_empty());
        assert_eq!(split(&path), None);
    }
}
