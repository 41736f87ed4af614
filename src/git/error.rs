//! What can go wrong with a repository, said in one line: what was tried, on
//! what, and what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;

use super::commit::Commit;
use crate::escape;

/// What is tried on a server that may not be there.
pub(super) const REACH: &str = "reach";
/// What is tried on a server that is there.
pub(super) const FETCH: &str = "fetch from";

/// git cannot give what was asked for. Every message is one line; texts from
/// outside are escaped and bounded.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The `git` program is not on the PATH.
    #[error("cannot run git: install it, or put it on PATH")]
    NoGit,
    /// The folder is in no repository.
    #[error("{} is in no git repository. To race two Dockerfiles without git, use `buildrace compare \
         Dockerfile Dockerfile.new`", escape::path(.folder))]
    Outside {
        /// The folder that a repository was looked for in and above.
        folder: PathBuf,
    },
    /// A repository, but no files to compare.
    #[error(
        "{} is in {what}, which has no working tree: run this in a clone that has one",
        escape::path(.folder)
    )]
    NoWorkTree {
        /// The folder that a repository was looked for in and above.
        folder: PathBuf,
        /// `a bare repository`, `the .git folder of a repository`.
        what: &'static str,
    },
    /// git failed, and says why.
    #[error("git cannot {action} {}: {said}", escape::path(.on))]
    Failed {
        /// What was tried, as a verb: `export`, `reach`.
        action: &'static str,
        /// The repository or folder.
        on: PathBuf,
        /// What git said, escaped and bounded.
        said: String,
    },
    /// Something that no revision can be.
    #[error("{} cannot be a revision: {why}", quoted(.rev))]
    NotARevision {
        /// The revision as it was asked for.
        rev: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No commit of this name.
    #[error(
        "no commit {} in {}: see `git log --all`, or fetch it",
        quoted(.rev),
        escape::path(.top)
    )]
    UnknownRevision {
        /// The revision as it was asked for.
        rev: String,
        /// The top folder of the repository's working tree.
        top: PathBuf,
    },
    /// HEAD names a branch without commits.
    #[error("{} has no commits yet: there is nothing to compare with; commit first", escape::path(.top))]
    Unborn {
        /// The top folder of the repository's working tree.
        top: PathBuf,
    },
    /// Nothing says what to compare with.
    #[error(
        "cannot find the default branch of {}: there is no origin/HEAD, origin/main, \
         origin/master, main or master; name what to compare with by --base REV",
        escape::path(.top)
    )]
    NoDefaultBranch {
        /// The top folder of the repository's working tree.
        top: PathBuf,
    },
    /// The environment names a branch that is not here.
    #[error(
        "{variable} names the branch {}, which is not in {}: \
         run `git fetch origin` for it, or name what to compare with by --base REV",
        quoted(.branch),
        escape::path(.top)
    )]
    NoBranch {
        /// The environment variable's name.
        variable: &'static str,
        /// The branch that the variable names.
        branch: String,
        /// The top folder of the repository's working tree.
        top: PathBuf,
    },
    /// HEAD is all there is.
    #[error(
        "HEAD ({}) is the first commit and nothing has changed since: there is nothing \
         to compare with; name a revision by --base REV",
        .head.short
    )]
    FirstCommit {
        /// The commit that HEAD is.
        head: Commit,
    },
    /// The history was cut off before what is needed.
    #[error(
        "the clone {} is shallow and lacks {what}: run `git fetch --unshallow`, in CI set \
         `fetch-depth: 0` for actions/checkout or `GIT_DEPTH: 0` on GitLab, \
         or name a commit that is there",
        escape::path(.top)
    )]
    Shallow {
        /// The top folder of the repository's working tree.
        top: PathBuf,
        /// What is missing, escaped and bounded.
        what: String,
    },
    /// Two histories that never met.
    #[error(
        "HEAD ({}) and {} have no common ancestor: name what to compare with by --base REV",
        .head.short,
        named(.branch)
    )]
    NoCommonAncestor {
        /// The commit that HEAD is.
        head: Commit,
        /// The default branch, `origin/main`.
        branch: String,
    },
    /// The repository of a submodule lacks the commit that is to be exported.
    #[error(
        "the submodule {} lacks its commit {}: run `git submodule update --init`, \
         and `git fetch` in the submodule where it is newer or older than that",
        escape::path(.path),
        named(.commit)
    )]
    SubmoduleCommit {
        /// The submodule, from the top of the outermost repository that is known.
        path: PathBuf,
        /// The id of the commit that is missing.
        commit: String,
    },
    /// A server did not answer in time.
    #[error("git cannot {action} {}: no answer within {}", named(.url), humantime::format_duration(*.limit))]
    TooLong {
        /// What was tried, as a verb: `export`, `reach`.
        action: &'static str,
        /// URL of the repository.
        url: String,
        /// The time that the server had to answer.
        limit: std::time::Duration,
    },
    /// The caller stopped the command.
    #[error("interrupted")]
    Interrupted,
    /// A tag or branch is another commit than it should be.
    #[error(
        "{} of {} is commit {found}, and {expected} was expected: it was moved, or is not \
         what it is taken for; look at it, then name the other commit",
        named(.reference),
        named(.url)
    )]
    Moved {
        /// URL of the repository.
        url: String,
        /// The tag or branch that was fetched.
        reference: String,
        /// The commit that it should be.
        expected: String,
        /// The commit that it is.
        found: String,
    },
    /// A path that would lead out of the folder that is written to.
    #[error("refusing to write {}: it leads out of the exported folder", escape::path(.path))]
    LeadsOut {
        /// The path, as the repository has it.
        path: PathBuf,
    },
    /// The operating system refused to read or write a file.
    #[error("cannot {action} {}: {error}", escape::path(.path))]
    Io {
        /// What was tried: `read`, `copy`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said. Not chained as a source: the text has it already.
        error: io::Error,
    },
}

impl GitError {
    /// Whether a repository elsewhere has no answer: git is missing, the server
    /// is not there or too slow, or it lacks what was asked for.
    pub fn is_out_of_reach(&self) -> bool {
        match self {
            Self::NoGit | Self::TooLong { .. } => true,
            Self::Failed { action, .. } => [REACH, FETCH].contains(action),
            _ => false,
        }
    }

    pub(super) fn io(action: &'static str, path: &Path, error: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            error,
        }
    }

    pub(super) fn failed(action: &'static str, on: &Path, output: &Output) -> Self {
        let said = one_line(&String::from_utf8_lossy(&output.stderr));
        Self::Failed {
            action,
            on: on.to_owned(),
            said: if said.is_empty() {
                output.status.to_string()
            } else {
                said
            },
        }
    }
}

/// What git said, on one line. Warnings that come first do not push out the
/// reason for which it gave up.
fn one_line(said: &str) -> String {
    const MOST: usize = 500;
    let reason = said
        .find("fatal: ")
        .or_else(|| said.find("error: "))
        .map_or(said, |at| &said[at..]);
    let words = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    escape::terminal(&words, MOST)
}

/// A name or subject from outside, safe and short.
pub(super) fn named(text: &str) -> String {
    const MOST: usize = 60;
    escape::terminal(text, MOST)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", named(text))
}
