//! How is the working tree copied as it would be committed?

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;

use super::command::answer;
use super::error::GitError;
use super::files::{empty_folder, is_missing, is_real_folder, sparse, tracked, untracked};
use super::repository::Repository;
use crate::temporary::Folder;

impl Repository {
    /// Copies what `git add --all` and `git commit` would commit into
    /// `target`, as it is in the working tree: tracked files and untracked
    /// ones that are not ignored, with their modes and times. Files that were
    /// deleted are absent. Those that a sparse checkout leaves out are written
    /// as the index has them. Folders have the modes that a checkout gives them. Submodules and other
    /// repositories inside are copied in the same way.
    ///
    /// `target` is made where it is missing, and has to be empty.
    ///
    /// # Errors
    /// git fails, a file cannot be read, or `target` cannot be written.
    pub fn export_worktree(&self, target: &Path) -> Result<(), GitError> {
        // Each path once, and whether it is to be a repository inside this one.
        let mut paths = BTreeMap::new();
        for entry in tracked(self.command(), self.top())? {
            *paths.entry(entry.path).or_insert(false) |= entry.submodule.is_some();
        }
        let untracked = untracked(self.command(), self.top())?;
        let untracked = untracked.into_iter();
        paths.extend(untracked.filter(|(path, _)| !self.passes_over(path)));
        let mut copy = Copy {
            repository: self,
            to: &empty_folder(target)?,
            sources: HashMap::new(),
            made: BTreeSet::from([PathBuf::new()]),
        };
        for (path, inner) in &paths {
            copy.entry(path, *inner)?;
        }
        copy.finish()?;
        write_sparse(self, target)
    }
}

/// Writes the files that a sparse checkout leaves out of the working tree: a
/// commit would hold them unchanged.
fn write_sparse(repository: &Repository, target: &Path) -> Result<(), GitError> {
    let is_absent = |path: &PathBuf| {
        let there = repository.top().join(path).symlink_metadata();
        // Nothing is written through a symlink that took a folder's place.
        let is_through_folders = path.ancestors().skip(1).all(|folder| {
            let there = target.join(folder).symlink_metadata();
            there.map_or(true, |metadata| metadata.is_dir())
        });
        there.is_err_and(|error| is_missing(&error)) && is_through_folders
    };
    let mut left_out = sparse(repository.command(), repository.top())?;
    left_out.retain(is_absent);
    if left_out.is_empty() {
        return Ok(());
    }
    let list = left_out.iter().flat_map(|path| {
        let bytes = path.as_os_str().as_bytes().iter().copied();
        bytes.chain([0])
    });
    let in_folder = |error| GitError::io("write a list in", &std::env::temp_dir(), error);
    let folder = Folder::new("index").map_err(in_folder)?;
    let file = folder.path().join("paths");
    fs::write(&file, list.collect::<Vec<u8>>()).map_err(in_folder)?;
    let mut write = repository.command_at(target);
    write
        .args([
            "-c",
            "core.sparseCheckout=false",
            "-c",
            "index.sparse=false",
        ])
        .args([
            "checkout-index",
            "--ignore-skip-worktree-bits",
            "-z",
            "--stdin",
        ])
        .stdin(fs::File::open(&file).map_err(in_folder)?);
    answer(
        write,
        "write the files that a sparse checkout lacks to",
        target,
    )?;
    Ok(())
}

struct Copy<'a> {
    repository: &'a Repository,
    to: &'a Path,
    /// Whether a path of the working tree is a folder reached without
    /// symlinks. Where a folder gave way to a symlink, git has its files for
    /// deleted, and they must not be copied from where it points.
    sources: HashMap<PathBuf, bool>,
    /// The folders made so far: nothing is written through anything else.
    made: BTreeSet<PathBuf>,
}

impl Copy<'_> {
    fn entry(&mut self, path: &Path, inner: bool) -> Result<(), GitError> {
        let source = self.repository.top().join(path);
        let parent = path.parent().unwrap_or(Path::new(""));
        if !self.is_source_folder(parent)? {
            return Ok(());
        }
        let metadata = match source.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => return Err(GitError::io("read", &source, error)),
        };
        let kind = metadata.file_type();
        if kind.is_dir() && inner {
            self.folder(path)?;
            return match self.repository.checked_out_at(path)? {
                Some(inner) => inner.export_worktree(&self.to.join(path)),
                None => Ok(()),
            };
        }
        // A folder in the place of a file has files that are listed
        // themselves, and a pipe is nothing that git would commit.
        if !kind.is_file() && !kind.is_symlink() {
            return Ok(());
        }
        self.folder(parent)?;
        let target = self.to.join(path);
        let copied = if kind.is_symlink() {
            fs::read_link(&source).and_then(|link| symlink(link, &target))
        } else {
            fs::copy(&source, &target).and_then(|_| {
                let mode = Permissions::from_mode(metadata.mode() & 0o7777);
                fs::set_permissions(&target, mode)
            })
        };
        copied
            .and_then(|()| keep_time(&target, &metadata))
            .map_err(|error| GitError::io("copy", &source, error))
    }

    fn is_source_folder(&mut self, path: &Path) -> Result<bool, GitError> {
        if let Some(known) = self.sources.get(path) {
            return Ok(*known);
        }
        let top = self.repository.top();
        let is_folder = is_real_folder(top, path)
            .map_err(|error| GitError::io("read", &top.join(path), error))?;
        self.sources.insert(path.to_owned(), is_folder);
        Ok(is_folder)
    }

    /// Makes a folder of the copy, and those that it is in.
    fn folder(&mut self, path: &Path) -> Result<(), GitError> {
        if self.made.contains(path) {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.folder(parent)?;
        }
        let target = self.to.join(path);
        fs::create_dir(&target).map_err(|error| GitError::io("write", &target, error))?;
        self.made.insert(path.to_owned());
        Ok(())
    }

    /// Gives folders their times, the deepest first: writing into a folder
    /// changes its time.
    fn finish(self) -> Result<(), GitError> {
        for path in self.made.iter().rev() {
            let source = self.repository.top().join(path);
            source
                .symlink_metadata()
                .and_then(|metadata| keep_time(&self.to.join(path), &metadata))
                .map_err(|error| GitError::io("copy", &source, error))?;
        }
        Ok(())
    }
}

fn keep_time(path: &Path, source: &Metadata) -> io::Result<()> {
    let time = TimeSpec::new(source.mtime(), source.mtime_nsec());
    utimensat(
        nix::fcntl::AT_FDCWD,
        path,
        &time,
        &time,
        UtimensatFlags::NoFollowSymlink,
    )
    .map_err(io::Error::from)
}

#[cfg(test)]
#[path = "worktree_tests.rs"]
mod tests;
