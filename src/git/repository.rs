//! Where is the repository, and in which state?

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command::{self, answer, path_line, run, word};
use super::error::GitError;

/// A repository with a working tree.
#[derive(Debug, Clone)]
pub struct Repository {
    top: PathBuf,
    git_folder: PathBuf,
    /// Whether `top` is what the repository's index is about. It is not for a
    /// submodule that only its `.git/modules` folder is left of.
    pub(super) checked_out: bool,
    /// Folders whose untracked files are passed over, relative to `top`.
    passed_over: Vec<PathBuf>,
}

impl Repository {
    /// The repository that `folder` is in.
    ///
    /// # Errors
    /// There is none, it has no working tree, git refuses it (as it does where
    /// somebody else owns it), or git is missing.
    pub fn find(folder: &Path) -> Result<Self, GitError> {
        let ask = |question: &str| {
            let mut command = command::git(folder);
            command.args(["rev-parse", question]);
            command
        };
        let inside = run(ask("--is-inside-work-tree"))?;
        if !inside.status.success() {
            return Err(not_found(folder, &inside));
        }
        if word(&inside.stdout) != "true" {
            let bare = answer(ask("--is-bare-repository"), "look at", folder)?;
            return Err(GitError::NoWorkTree {
                folder: folder.to_owned(),
                what: if word(&bare) == "true" {
                    "a bare repository"
                } else {
                    "the .git folder of a repository"
                },
            });
        }
        let top = path_line(answer(ask("--show-toplevel"), "find the top of", folder)?);
        let top = fs::canonicalize(&top).map_err(|error| GitError::io("find", &top, error))?;
        let git_folder = answer(ask("--absolute-git-dir"), "find the .git of", folder)?;
        Ok(Self {
            top,
            git_folder: path_line(git_folder),
            checked_out: true,
            passed_over: Vec::new(),
        })
    }

    /// The repository in `git_folder` with `top` in the place of a working
    /// tree, for what only objects are needed for.
    pub(super) fn without_work_tree(git_folder: PathBuf, top: PathBuf) -> Self {
        Self {
            top,
            git_folder,
            checked_out: false,
            passed_over: Vec::new(),
        }
    }

    /// The top folder of the working tree, as an absolute path without
    /// symlinks.
    pub fn top(&self) -> &Path {
        &self.top
    }

    pub(super) fn git_folder(&self) -> &Path {
        &self.git_folder
    }

    /// git, asked about this repository.
    pub(super) fn command(&self) -> Command {
        self.command_at(&self.top)
    }

    /// git, asked about this repository with `work_tree` as its working tree.
    pub(super) fn command_at(&self, work_tree: &Path) -> Command {
        let mut command = command::git(work_tree);
        command
            .env("GIT_DIR", &self.git_folder)
            .env("GIT_WORK_TREE", work_tree);
        command
    }

    /// Whether the history was cut off when this was cloned.
    ///
    /// # Errors
    /// git fails.
    pub fn is_shallow(&self) -> Result<bool, GitError> {
        let mut command = self.command();
        command.args(["rev-parse", "--is-shallow-repository"]);
        Ok(word(&answer(command, "look at", &self.top)?) == "true")
    }

    /// The same repository, of which untracked files in these folders are
    /// passed over, as if they were ignored: results of a program that must not
    /// take them for a change.
    pub fn without(mut self, folders: &[PathBuf]) -> Self {
        let inside = folders.iter().filter_map(|folder| {
            let real = folder.canonicalize().ok()?;
            Some(real.strip_prefix(&self.top).ok()?.to_owned())
        });
        self.passed_over = inside.filter(|path| path.file_name().is_some()).collect();
        self
    }

    /// Whether an untracked path is passed over.
    pub(super) fn passes_over(&self, path: &Path) -> bool {
        self.passed_over
            .iter()
            .any(|folder| path.starts_with(folder))
    }

    /// How many files differ from HEAD, untracked ones included, ignored ones
    /// not. A submodule counts as one.
    ///
    /// # Errors
    /// git fails.
    pub fn changed_files(&self) -> Result<usize, GitError> {
        let mut status = self.command();
        // Without renames, each record is one path.
        status.args(["status", "--porcelain=v1", "-z", "--no-renames"]);
        // Whatever the configuration says.
        status.args(["--untracked-files=all", "--ignore-submodules=none"]);
        let listed = answer(status, "list what has changed in", &self.top)?;
        let records = listed.split(|byte| *byte == 0).filter(|r| !r.is_empty());
        let counted = records.filter(|record| match record.strip_prefix(b"?? ") {
            Some(path) => !self.passes_over(Path::new(OsStr::from_bytes(path))),
            None => true,
        });
        Ok(counted.count())
    }

    /// Which state it is in: the id of HEAD's commit, with `-dirty` behind it
    /// where files differ from it.
    ///
    /// # Errors
    /// git fails, or there is no commit yet.
    pub fn state(&self) -> Result<String, GitError> {
        let head = self.resolve("HEAD")?.id;
        Ok(match self.changed_files()? {
            0 => head,
            _ => format!("{head}-dirty"),
        })
    }
}

fn not_found(folder: &Path, output: &std::process::Output) -> GitError {
    let said = String::from_utf8_lossy(&output.stderr);
    // Not for a `.git` file that points nowhere: "not a git repository: x".
    if said.contains("not a git repository (or any") {
        return GitError::Outside {
            folder: folder.to_owned(),
        };
    }
    GitError::failed("find the repository of", folder, output)
}

#[cfg(test)]
#[path = "repository_tests.rs"]
mod tests;
