//! Which repository has the files of a submodule?

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::command::{answer, run};
use super::commit::Commit;
use super::error::GitError;
use super::files::{is_missing, is_real_folder, stays_below, tracked};
use super::repository::Repository;

/// A submodule whose files are not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LackingSubmodule {
    /// Its path, from the top of the outermost repository.
    pub path: PathBuf,
    /// Its commit in the revision that is compared with.
    pub base: Option<String>,
    /// Its commit in the index.
    pub now: Option<String>,
}

impl Repository {
    /// The submodules of `commit` or the index whose files are not here,
    /// neither checked out nor, for those that were removed since, kept by
    /// git.
    ///
    /// # Errors
    /// git fails.
    pub fn submodules_without_files(
        &self,
        commit: &Commit,
    ) -> Result<Vec<LackingSubmodule>, GitError> {
        let mut submodules: BTreeMap<PathBuf, [Option<String>; 2]> = BTreeMap::new();
        for (path, id) in self.submodules_of(commit)? {
            submodules.entry(path).or_default()[0] = Some(id);
        }
        for entry in tracked(self.command(), self.top())? {
            if let Some(id) = entry.submodule {
                submodules.entry(entry.path).or_default()[1] = Some(id);
            }
        }
        let mut lacking = Vec::new();
        for (path, [base, now]) in submodules {
            if let Some(inner) = self.checked_out_at(&path)? {
                // Where a commit is missing there, the export says so.
                let commit = base.and_then(|base| inner.resolve(&base).ok());
                let within = match commit {
                    Some(commit) => inner.submodules_without_files(&commit)?,
                    None => Vec::new(),
                };
                lacking.extend(within.into_iter().map(|submodule| LackingSubmodule {
                    path: path.join(&submodule.path),
                    ..submodule
                }));
                continue;
            }
            let is_kept = now.is_none() && self.submodule(commit, &path, self.top())?.is_some();
            if !is_kept {
                lacking.push(LackingSubmodule { path, base, now });
            }
        }
        Ok(lacking)
    }

    /// The submodule that has `path`, which is absolute, where it is not checked
    /// out.
    pub fn submodule_without_files(&self, path: &Path) -> Option<PathBuf> {
        let inside = path.strip_prefix(self.top()).ok()?;
        let tracked = tracked(self.command(), self.top()).ok()?.into_iter();
        let submodule = tracked
            .filter(|entry| entry.submodule.is_some())
            .find(|entry| inside.starts_with(&entry.path))?;
        match self.checked_out_at(&submodule.path) {
            Ok(None) => Some(submodule.path),
            _ => None,
        }
    }

    /// Whether git ignores `path`, which is absolute.
    pub fn ignores(&self, path: &Path) -> bool {
        let mut command = self.command();
        command.args(["check-ignore", "--quiet", "--"]).arg(path);
        run(command).is_ok_and(|output| output.status.success())
    }

    /// Paths and commits of a commit's submodules.
    fn submodules_of(&self, commit: &Commit) -> Result<Vec<(PathBuf, String)>, GitError> {
        let mut command = self.command();
        command.args(["ls-tree", "-r", "-z", "--full-tree", &commit.id]);
        let listed = answer(command, "list the submodules of a commit of", self.top())?;
        let records = listed.split(|byte| *byte == 0);
        let submodules = records.filter_map(|record| {
            // 160000 commit <id>TAB<path>
            let rest = record.strip_prefix(b"160000 commit ")?;
            let tab = rest.iter().position(|byte| *byte == b'\t')?;
            let path = PathBuf::from(std::ffi::OsStr::from_bytes(&rest[tab + 1..]));
            let id = String::from_utf8_lossy(&rest[..tab]).into_owned();
            stays_below(&path).then_some((path, id))
        });
        Ok(submodules.collect())
    }

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

#[cfg(test)]
#[path = "submodule_tests.rs"]
mod tests;
