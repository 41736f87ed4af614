//! What is a change compared with?

use super::command::{run, word};
use super::commit::Commit;
use super::error::GitError;
use super::error::named;
use super::repository::Repository;

/// The default branch where nothing says which it is.
const USUAL: &[&str] = &[
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
];

/// What a change is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The commit that the change is compared with.
    pub commit: Commit,
    /// The rule by which it was chosen.
    pub why: BaseReason,
}

/// Why a commit is the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseReason {
    /// HEAD left this branch there.
    MergeBase {
        /// The default branch: `origin/main`.
        branch: String,
    },
    /// GitLab says that the merge request starts from it.
    MergeRequest,
    /// HEAD is on the default branch, and files have changed since.
    Head {
        /// The number of files that differ from HEAD.
        changed: usize,
    },
    /// HEAD is on the default branch and nothing has changed since: the
    /// change is HEAD itself.
    Parent,
    /// The command line names it.
    Named {
        /// The revision as it was typed.
        rev: String,
    },
}

impl Base {
    /// What it is, in words, for one line of a terminal: "the merge base with
    /// origin/main (1a2b3c4 Subject)". Texts from outside are escaped.
    pub fn describe(&self) -> String {
        let what = match &self.why {
            BaseReason::MergeBase { branch } => format!("the merge base with {}", named(branch)),
            BaseReason::MergeRequest => "the base of the merge request".to_owned(),
            BaseReason::Head { changed: 1 } => "HEAD, before the 1 changed file".to_owned(),
            BaseReason::Head { changed } => format!("HEAD, before the {changed} changed files"),
            BaseReason::Parent => "the parent of HEAD".to_owned(),
            BaseReason::Named { rev } => named(rev),
        };
        format!(
            "{what} ({} {})",
            self.commit.short,
            named(&self.commit.subject)
        )
    }
}

/// The branch that changes go to.
struct Branch {
    /// As people write it: `origin/main`.
    name: String,
    commit: Commit,
}

impl Repository {
    /// What the working tree is compared with: the commit that is `wanted`, or
    /// else where HEAD left the default branch. On the default branch that is
    /// HEAD itself, which is a base where files have changed since; where
    /// none has, it is HEAD's parent.
    ///
    /// `env` looks up an environment variable: in CI, these say which branch a
    /// change goes to.
    ///
    /// # Errors
    /// There is no such commit, no default branch, nothing before HEAD, or the
    /// clone is too shallow to show it.
    pub fn base(
        &self,
        wanted: Option<&str>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Base, GitError> {
        if let Some(rev) = wanted {
            let commit = self.there(rev, named(rev))?;
            let rev = rev.to_owned();
            return Ok(Base {
                commit,
                why: BaseReason::Named { rev },
            });
        }
        let head = self.head()?;
        let set = |name| env(name).filter(|value| !value.trim().is_empty());
        let branch = if let Some(name) = set("GITHUB_BASE_REF") {
            self.named_branch("GITHUB_BASE_REF", &name)?
        } else if let Some(id) = set("CI_MERGE_REQUEST_DIFF_BASE_SHA") {
            return Ok(Base {
                commit: self.there(&id, "the base of the merge request".to_owned())?,
                why: BaseReason::MergeRequest,
            });
        } else {
            self.default_branch()?
        };
        let base = self.merge_base(&head, &branch)?;
        if base != head.id {
            return Ok(Base {
                commit: self.resolve(&base)?,
                why: BaseReason::MergeBase {
                    branch: branch.name,
                },
            });
        }
        match self.changed_files()? {
            0 => Ok(Base {
                commit: self.parent(head)?,
                why: BaseReason::Parent,
            }),
            changed => Ok(Base {
                commit: head,
                why: BaseReason::Head { changed },
            }),
        }
    }

    fn head(&self) -> Result<Commit, GitError> {
        match self.id_of("HEAD")? {
            Some(id) => self.resolve(&id),
            None => Err(GitError::Unborn {
                top: self.top().to_owned(),
            }),
        }
    }

    /// A commit that should be there, and is called `what` where only a
    /// shallow clone is to blame that it is not.
    fn there(&self, rev: &str, what: String) -> Result<Commit, GitError> {
        match self.resolve(rev) {
            Err(GitError::UnknownRevision { .. }) if self.is_shallow()? => Err(self.shallow(what)),
            other => other,
        }
    }

    /// The branch of this name at `origin`, else here. No other takes its
    /// place: a comparison with the wrong branch looks like a right one.
    fn named_branch(&self, variable: &'static str, name: &str) -> Result<Branch, GitError> {
        for full in [
            format!("refs/remotes/origin/{name}"),
            format!("refs/heads/{name}"),
        ] {
            if let Some(branch) = self.branch(&full)? {
                return Ok(branch);
            }
        }
        if self.is_shallow()? {
            return Err(self.shallow(format!("the branch {} ({variable})", named(name))));
        }
        Err(GitError::NoBranch {
            variable,
            branch: name.to_owned(),
            top: self.top().to_owned(),
        })
    }

    fn default_branch(&self) -> Result<Branch, GitError> {
        let mut symbolic = self.command();
        symbolic.args(["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"]);
        // It fails where there is none: then the usual ones are tried, as they
        // are where it names a branch that is gone.
        let origin_head = word(&run(symbolic)?.stdout);
        let names = Some(origin_head.as_str()).filter(|name| !name.is_empty());
        for full in names.into_iter().chain(USUAL.iter().copied()) {
            if let Some(branch) = self.branch(full)? {
                return Ok(branch);
            }
        }
        let top = self.top().to_owned();
        // A clone of one branch and little depth has no other.
        Err(if self.is_shallow()? {
            GitError::Shallow {
                top,
                what: "the default branch".to_owned(),
            }
        } else {
            GitError::NoDefaultBranch { top }
        })
    }

    fn branch(&self, full: &str) -> Result<Option<Branch>, GitError> {
        let Some(id) = self.id_of(full)? else {
            return Ok(None);
        };
        let name = ["refs/remotes/", "refs/heads/"]
            .iter()
            .find_map(|prefix| full.strip_prefix(prefix))
            .unwrap_or(full);
        Ok(Some(Branch {
            name: name.to_owned(),
            commit: self.resolve(&id)?,
        }))
    }

    /// The id of the merge base.
    fn merge_base(&self, head: &Commit, branch: &Branch) -> Result<String, GitError> {
        let mut command = self.command();
        command.args(["merge-base", &head.id, &branch.commit.id]);
        let output = run(command)?;
        match output.status.code() {
            Some(0) => Ok(word(&output.stdout)),
            Some(1) if self.is_shallow()? => {
                let name = named(&branch.name);
                Err(self.shallow(format!("the merge base of HEAD and {name}")))
            }
            Some(1) => Err(GitError::NoCommonAncestor {
                head: head.clone(),
                branch: branch.name.clone(),
            }),
            _ => Err(GitError::failed(
                "find a merge base in",
                self.top(),
                &output,
            )),
        }
    }

    fn parent(&self, head: Commit) -> Result<Commit, GitError> {
        match self.id_of(&format!("{}^1", head.id))? {
            Some(id) => self.there(&id, "the parent of HEAD".to_owned()),
            None if self.has_parent(&head)? => Err(self.shallow("the parent of HEAD".to_owned())),
            None => Err(GitError::FirstCommit { head }),
        }
    }

    fn shallow(&self, what: String) -> GitError {
        GitError::Shallow {
            top: self.top().to_owned(),
            what,
        }
    }
}

#[cfg(test)]
#[path = "base_tests.rs"]
mod tests;
