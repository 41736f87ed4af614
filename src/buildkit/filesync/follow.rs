//! Follow paths: what `COPY` names, and whatever the symlinks among it lead
//! to within the context, become include patterns.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::path::{base, clean, dir, join};
use super::pattern::wildcard_matches;

/// The paths with what their symlinks lead to, sorted, without those that are
/// in another one; `None` where one of them is the root itself, so that
/// everything is wanted.
///
/// A link is resolved within `root`, `..` and absolute targets too. What does
/// not exist stays as named.
pub(super) fn follow_links(root: &Path, paths: &[Vec<u8>]) -> io::Result<Option<Vec<Vec<u8>>>> {
    let mut resolver = Resolver {
        root,
        resolved: BTreeSet::new(),
    };
    // A stack, not recursion: how long a chain of links is, is not ours to say.
    let mut todo: Vec<Vec<u8>> = paths.iter().rev().cloned().collect();
    while let Some(path) = todo.pop() {
        let more = resolver.resolve(&path)?;
        todo.extend(more.into_iter().rev());
    }
    Ok(dedupe(resolver.resolved.into_iter().collect()))
}

/// Leaves out each path that is in the one kept before it; `None` where one
/// is the root.
pub(super) fn dedupe(paths: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
    let mut out: Vec<Vec<u8>> = Vec::with_capacity(paths.len());
    for path in paths {
        if path == b"." {
            return None;
        }
        let within = match out.last() {
            Some(last) => path
                .strip_prefix(&last[..])
                .is_some_and(|rest| rest.first() == Some(&b'/')),
            None => path.first() == Some(&b'/'),
        };
        if !within {
            out.push(path);
        }
    }
    Some(out)
}

struct Resolver<'a> {
    root: &'a Path,
    resolved: BTreeSet<Vec<u8>>,
}

impl Resolver<'_> {
    /// Notes the first part of `path` that is a symlink, or all of it; returns
    /// the paths that the link leads to.
    fn resolve(&mut self, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let path = join(&[b".", path]);
        let mut current = b".".to_vec();
        let mut rest = &path[..];
        loop {
            let end = rest.iter().position(|b| *b == b'/');
            let (part, after) = match end {
                Some(slash) => (&rest[..slash], &rest[slash + 1..]),
                None => (rest, &b""[..]),
            };
            rest = after;
            current = join(&[&current, part]);
            let targets = self.targets(&current)?;
            if rest.is_empty() && targets.is_empty() {
                self.resolved.insert(current);
                return Ok(Vec::new());
            }
            if !targets.is_empty() {
                if !self.resolved.insert(current) {
                    return Ok(Vec::new());
                }
                return Ok(targets.iter().map(|target| join(&[target, rest])).collect());
            }
        }
    }

    /// Where the symlinks that `path` names lead, its last part a pattern or
    /// not, as absolute paths within the root.
    fn targets(&self, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let name = base(path);
        if !has_wildcard(name) {
            return Ok(self.target(path)?.into_iter().collect());
        }
        let folder = dir(path);
        let Some(at) = self.locate(&folder) else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        match std::fs::read_dir(&at) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry.map_err(|e| naming(&at, e))?;
                    if wildcard_matches(name, entry.file_name().as_bytes()) {
                        names.push(entry.file_name());
                    }
                }
            }
            Err(e) if is_missing(&e) => {}
            Err(e) => return Err(naming(&at, e)),
        }
        names.sort_unstable();
        let mut out = Vec::new();
        for name in names {
            out.extend(self.target(&join(&[&folder, name.as_bytes()]))?);
        }
        Ok(out)
    }

    fn target(&self, path: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let Some(at) = self.locate(path) else {
            return Ok(None);
        };
        match std::fs::symlink_metadata(&at) {
            Ok(metadata) if metadata.is_symlink() => {}
            Ok(_) => return Ok(None),
            Err(e) if is_missing(&e) => return Ok(None),
            Err(e) => return Err(naming(&at, e)),
        }
        let link = std::fs::read_link(&at).map_err(|e| naming(&at, e))?;
        let link = clean(link.as_os_str().as_bytes());
        Ok(Some(if link.first() == Some(&b'/') {
            link
        } else {
            join(&[b"/", &join(&[&dir(path), &link])])
        }))
    }

    /// Where it is on disk; `None` where it is not below the root, or the root.
    fn locate(&self, path: &[u8]) -> Option<PathBuf> {
        let outside = path == b".." || path.starts_with(b"../") || path.contains(&0);
        (!outside).then(|| self.root.join(OsStr::from_bytes(path)))
    }
}

fn has_wildcard(name: &[u8]) -> bool {
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename
    )
}

fn naming(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot follow {path:?}: {error}"))
}
