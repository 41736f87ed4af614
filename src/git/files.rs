//! Which files are there, by git's account, and where may they be written?

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use super::command::answer;
use super::error::GitError;

/// A path in an index.
pub(super) struct Tracked {
    /// From the top.
    pub path: PathBuf,
    /// The commit of a submodule; `None` for files and symlinks.
    pub submodule: Option<String>,
}

/// What is in the index that `git` is set up for. A path in conflict is there
/// once for each side.
pub(super) fn tracked(mut git: Command, top: &Path) -> Result<Vec<Tracked>, GitError> {
    git.args(["ls-files", "-z", "--stage"]);
    let listed = answer(git, "list the files of", top)?;
    records(&listed)
        .map(|record| {
            // <mode> <id> <stage>TAB<path>
            let tab = record.iter().position(|byte| *byte == b'\t');
            let (facts, path) = record.split_at(tab.unwrap_or(0));
            let facts = String::from_utf8_lossy(facts);
            let mut facts = facts.split(' ');
            let submodule = facts.next() == Some("160000");
            Ok(Tracked {
                path: below(path.get(1..).unwrap_or_default())?,
                submodule: facts.next().filter(|_| submodule).map(str::to_owned),
            })
        })
        .collect()
}

/// What is in the index, and not meant to be in the working tree.
pub(super) fn sparse(mut git: Command, top: &Path) -> Result<Vec<PathBuf>, GitError> {
    git.args(["ls-files", "-z", "-t"]);
    let listed = answer(git, "list the files of", top)?;
    let left_out = records(&listed).filter_map(|record| record.strip_prefix(b"S "));
    left_out.map(below).collect()
}

/// What is neither in the index nor ignored, and whether it is a repository
/// inside this one, which git lists as a folder.
pub(super) fn untracked(mut git: Command, top: &Path) -> Result<Vec<(PathBuf, bool)>, GitError> {
    git.args(["ls-files", "-z", "--others", "--exclude-standard"]);
    let listed = answer(git, "list the untracked files of", top)?;
    records(&listed)
        .map(|record| match record.strip_suffix(b"/") {
            Some(folder) => Ok((below(folder)?, true)),
            None => Ok((below(record)?, false)),
        })
        .collect()
}

fn records(listed: &[u8]) -> impl Iterator<Item = &[u8]> {
    listed
        .split(|byte| *byte == 0)
        .filter(|record| !record.is_empty())
}

/// A path that stays below the folder it is joined to. git refuses others
/// itself, but an index is a file that anybody can write.
fn below(path: &[u8]) -> Result<PathBuf, GitError> {
    let path = PathBuf::from(OsString::from_vec(path.to_vec()));
    if stays_below(&path) {
        Ok(path)
    } else {
        Err(GitError::LeadsOut { path })
    }
}

pub(super) fn stays_below(path: &Path) -> bool {
    path.file_name().is_some()
        && path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

/// Whether `root/relative` is reached and is itself a folder, without a
/// symlink on the way.
pub(super) fn is_real_folder(root: &Path, relative: &Path) -> io::Result<bool> {
    let mut path = root.to_owned();
    for part in relative.components() {
        path.push(part);
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Ok(false),
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Whether there is nothing at a path.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Makes the folder that is exported to, and returns it without symlinks. It
/// has to be empty: an export must hold nothing that it did not write.
pub(super) fn empty_folder(target: &Path) -> Result<PathBuf, GitError> {
    fs::create_dir_all(target)
        .and_then(|()| fs::read_dir(target))
        .and_then(|mut entries| match entries.next() {
            None => fs::canonicalize(target),
            Some(Err(error)) => Err(error),
            Some(Ok(_)) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
        })
        .map_err(|error| GitError::io("export to", target, error))
}
