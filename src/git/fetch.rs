//! One commit of a repository elsewhere, without its history.
//!
//! What the user's git is configured to do with URLs holds here too
//! (`url.….insteadOf`, proxies, credential helpers); what it does with the
//! contents of files (`core.autocrlf`) does not: everybody gets the same bytes.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::command::{answer, git, word};
use super::error::GitError;
use super::error::{FETCH, REACH};
use crate::temporary::Folder;

/// How long a server may take to say that it has the tag.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long it may take to send the commit.
const FETCH_LIMIT: Duration = Duration::from_secs(600);
/// How often is looked whether git has ended.
const PAUSE: Duration = Duration::from_millis(20);
/// Most bytes of a message of git that are read.
const MOST_SAID: u64 = 64 << 10;
/// What the fetched commit is called here.
const FETCHED: &str = "refs/buildrace/fetched";

/// A commit of a repository elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct RemoteCommit<'a> {
    /// URL of the repository.
    pub url: &'a str,
    /// A tag or branch that is this commit.
    pub reference: &'a str,
    /// The whole id that the commit must have, hex.
    pub id: &'a str,
}

impl RemoteCommit<'_> {
    /// Writes its files, but for submodules, to `target`, an empty folder.
    /// `is_unwanted` is asked again and again whether to give up.
    ///
    /// # Errors
    /// git is missing, has no answer in time or fails; or what it finds is not
    /// this commit.
    pub fn fetch(&self, target: &Path, is_unwanted: &dyn Fn() -> bool) -> Result<(), GitError> {
        let scratch = Folder::new("git")
            .map_err(|error| GitError::io("make a folder in", &std::env::temp_dir(), error))?;
        let scratch = scratch.path();
        let mut init = git(scratch);
        init.args(["init", "--quiet", "--bare", "--template="]);
        answer(init, "make a repository in", scratch)?;
        let git = || {
            let mut command = git(scratch);
            command.env("GIT_DIR", scratch);
            command
        };

        // Small, so that a server that is not there is found soon.
        let mut ask = git();
        ask.args(["ls-remote", "--quiet", "--exit-code", "--", self.url])
            .arg(self.reference);
        let asked = self.run(ask, "ask", ANSWER_LIMIT, is_unwanted)?;
        if asked.status.code() == Some(2) && asked.stderr.is_empty() {
            let said = format!("no tag or branch {}", self.reference);
            let stderr = said.into_bytes();
            return Err(self.failed(FETCH, &Output { stderr, ..asked }));
        }
        if !asked.status.success() {
            return Err(self.failed(REACH, &asked));
        }

        let mut fetch = git();
        fetch
            .args(["fetch", "--quiet", "--depth=1", "--no-tags"])
            .args(["--no-recurse-submodules", "--no-write-fetch-head", "--"])
            .arg(self.url)
            .arg(format!("+{}:{FETCHED}", self.reference));
        let fetched = self.run(fetch, FETCH, FETCH_LIMIT, is_unwanted)?;
        if !fetched.status.success() {
            return Err(self.failed(FETCH, &fetched));
        }

        let mut which = git();
        which.args(["rev-parse", "--verify", &format!("{FETCHED}^{{commit}}")]);
        let found = word(&answer(which, "find the commit of", Path::new(self.url))?);
        if found != self.id {
            return Err(GitError::Moved {
                url: self.url.to_owned(),
                reference: self.reference.to_owned(),
                expected: self.id.to_owned(),
                found,
            });
        }
        self.write(git, target)
    }

    fn write(&self, git: impl Fn() -> Command, target: &Path) -> Result<(), GitError> {
        let target =
            &fs::canonicalize(target).map_err(|error| GitError::io("open", target, error))?;
        let git = || {
            let mut command = git();
            command.env("GIT_WORK_TREE", target);
            // What is written is the commit's own: neither line ends nor filters
            // of this machine's configuration change it.
            command.env("GIT_ATTR_NOSYSTEM", "1");
            for setting in [
                "core.attributesFile=/dev/null",
                "filter.lfs.smudge=",
                "filter.lfs.process=",
                "filter.lfs.required=false",
                "core.bare=false",
                "core.autocrlf=false",
                "core.eol=lf",
                "core.symlinks=true",
                "core.sparseCheckout=false",
            ] {
                command.args(["-c", setting]);
            }
            command
        };
        let mut read = git();
        read.args(["read-tree", self.id]);
        answer(read, "read a commit of", Path::new(self.url))?;
        let mut write = git();
        write.current_dir(target).args(["checkout-index", "--all"]);
        answer(write, "write the files of a commit to", target).map(drop)
    }

    fn failed(&self, action: &'static str, output: &Output) -> GitError {
        GitError::failed(action, Path::new(self.url), output)
    }

    /// Runs git for as long as it may, then ends it with all that it started.
    /// What it writes to stdout is not kept.
    fn run(
        &self,
        mut command: Command,
        action: &'static str,
        limit: Duration,
        is_unwanted: &dyn Fn() -> bool,
    ) -> Result<Output, GitError> {
        let io = |error| GitError::io("run", Path::new("git"), error);
        let mut said = tempfile::tempfile().map_err(io)?;
        let stderr = said.try_clone().map_err(io)?;
        let started = Instant::now();
        let mut child = command
            .stdout(Stdio::null())
            .stderr(stderr)
            .process_group(0)
            .spawn()
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => GitError::NoGit,
                _ => io(error),
            })?;
        let stopped = loop {
            if let Some(status) = child.try_wait().map_err(io)? {
                let stderr = read_said(&mut said).map_err(io)?;
                return Ok(output(status, stderr));
            }
            if is_unwanted() {
                break GitError::Interrupted;
            }
            if started.elapsed() > limit {
                break GitError::TooLong {
                    action,
                    url: self.url.to_owned(),
                    limit,
                };
            }
            std::thread::sleep(PAUSE);
        };
        let group = Pid::from_raw(child.id().cast_signed());
        // It may have ended just now.
        let _ = killpg(group, Signal::SIGKILL);
        let _ = child.wait();
        Err(stopped)
    }
}

fn output(status: ExitStatus, stderr: Vec<u8>) -> Output {
    Output {
        status,
        stdout: Vec::new(),
        stderr,
    }
}

fn read_said(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut said = Vec::new();
    file.rewind()?;
    file.take(MOST_SAID).read_to_end(&mut said)?;
    Ok(said)
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
