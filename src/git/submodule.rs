//! Which repository has the files of a submodule?

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::command::run;
use super::files::{is_missing, is_real_folder, stays_below, tracked};
use super::{Commit, GitError, Repository};

impl Repository {
    /// The repository checked out at `path` in the working tree, if one is.
    pub(super) fn checked_out_at(&self, path: &Path) -> Result<Option<Self>, GitError> {
        let folder = self.top().join(path);
        let there = is_real_folder(self.top(), path)
            .and_then(|is_folder| match folder.join(".git").symlink_metadata() {
                Ok(_) => Ok(is_folder),
                Err(error) if is_missing(&error) => Ok(false),
                Err(error) => Err(error),
            })
            .map_err(|error| GitError::io("read", &folder, error))?;
        if !there {
            return Ok(None);
        }
        let found = Self::find(&folder)?;
        // With a `.git` that is none, git goes on looking further up, and
        // finds the outer repository.
        Ok(Some(found).filter(|found| found.top() == folder))
    }

    /// The repository with the files of the submodule at `path` of `commit`,
    /// which are to be written into `target`; `None` where a checkout of the
    /// commit would leave the folder empty.
    pub(super) fn submodule(
        &self,
        commit: &Commit,
        path: &Path,
        target: &Path,
    ) -> Result<Option<Self>, GitError> {
        if self.checked_out {
            if let Some(found) = self.checked_out_at(path)? {
                return Ok(Some(found));
            }
            // The working tree has this submodule and goes without its files,
            // so both sides do.
            if tracked(self.command(), self.top())?
                .iter()
                .any(|tracked| tracked.submodule.is_some() && tracked.path == path)
            {
                return Ok(None);
            }
        }
        // Since moved or removed: git keeps its repository under its name.
        let Some(name) = self.submodule_name(commit, path)? else {
            return Ok(None);
        };
        let kept = self.git_folder().join("modules").join(name);
        Ok(kept
            .join("HEAD")
            .is_file()
            .then(|| Self::without_work_tree(kept, target.to_owned())))
    }

    /// What the commit's `.gitmodules` calls the submodule at `path`.
    fn submodule_name(&self, commit: &Commit, path: &Path) -> Result<Option<PathBuf>, GitError> {
        let mut config = self.command();
        config
            .args(["config", "-z", "--blob"])
            .arg(format!("{}:.gitmodules", commit.id))
            .args(["--get-regexp", r"^submodule\..*\.path$"]);
        // It fails where there is no such file or setting, and then there is
        // no name.
        let listed = run(config)?.stdout;
        Ok(listed
            .split(|byte| *byte == 0)
            .filter_map(|record| {
                let newline = record.iter().position(|byte| *byte == b'\n')?;
                let (key, value) = (&record[..newline], &record[newline + 1..]);
                let name = key.strip_prefix(b"submodule.")?.strip_suffix(b".path")?;
                (value == path.as_os_str().as_bytes())
                    .then(|| PathBuf::from(std::ffi::OsStr::from_bytes(name)))
            })
            .find(|name| stays_below(name)))
    }
}
