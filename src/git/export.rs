//! How are the files of a commit written without checking it out?
//!
//! `git checkout-index` does the writing, from an index of its own. Its working
//! tree is the target, or it would take attributes from the user's.

use std::fs;
use std::path::Path;

use super::command::answer;
use super::commit::Commit;
use super::error::GitError;
use super::files::{empty_folder, is_real_folder, tracked};
use super::repository::Repository;
use crate::temporary::Folder;

impl Repository {
    /// Writes all files of a commit into `target`, as a checkout would: line
    /// ends, filters, symlinks, executable bits. Submodules come from their
    /// repositories in the working tree; where one is not checked out there,
    /// its folder is empty. Other than in `git archive`, nothing is left out
    /// and nothing put in.
    ///
    /// `target` is made where it is missing, and has to be empty.
    ///
    /// # Errors
    /// git fails, a submodule lacks its commit, or `target` cannot be written.
    pub fn export_commit(&self, commit: &Commit, target: &Path) -> Result<(), GitError> {
        let target = &empty_folder(target)?;
        let scratch = Folder::new("index")
            .and_then(|folder| Ok((fs::canonicalize(folder.path())?, folder)))
            .map_err(|error| GitError::io("make a folder in", &std::env::temp_dir(), error));
        let (scratch, _removed_at_the_end) = scratch?;
        let git = || {
            let mut command = self.command_at(target);
            command
                .env("GIT_INDEX_FILE", scratch.join("index"))
                // All of the commit, also where the user keeps to a part of it.
                .args([
                    "-c",
                    "core.sparseCheckout=false",
                    "-c",
                    "index.sparse=false",
                ]);
            command
        };

        let mut read = git();
        read.args(["read-tree", &commit.id]);
        answer(read, "read a commit of", self.top())?;
        let mut write = git();
        write.args(["checkout-index", "--all"]);
        answer(write, "write the files of a commit to", target)?;

        for entry in tracked(git(), self.top())? {
            if let Some(id) = entry.submodule {
                submodule(self, commit, &entry.path, &id, target)?;
            }
        }
        Ok(())
    }
}

fn submodule(
    repository: &Repository,
    commit: &Commit,
    path: &Path,
    id: &str,
    root: &Path,
) -> Result<(), GitError> {
    let target = root.join(path);
    // git has made the folder.
    match is_real_folder(root, path) {
        Ok(true) => {}
        Ok(false) => {
            return Err(GitError::LeadsOut {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(GitError::io("read", &target, error)),
    }
    let Some(inner) = repository.submodule(commit, path, &target)? else {
        return Ok(());
    };
    let commit = inner.resolve(id).map_err(|error| match error {
        GitError::UnknownRevision { .. } => GitError::SubmoduleCommit {
            path: path.to_owned(),
            commit: id.to_owned(),
        },
        other => other,
    })?;
    inner.export_commit(&commit, &target)
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
