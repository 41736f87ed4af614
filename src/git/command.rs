//! How is `git` run, so that it writes nothing, asks nothing and answers in
//! words that can be read?

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use super::error::GitError;

/// What git hands down to hooks and aliases. Inside one of them, these would
/// point every command at the repository, index or attributes of that hook.
/// Configuration from the environment stays: people name safe folders there.
const INHERITED: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INDEX_VERSION",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Against what would have git start a daemon, run the user's hooks, write
/// beside a private index, or clean up.
const SETTINGS: &[&str] = &[
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.hooksPath=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
];

/// `git` as run in `folder`.
pub(super) fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    for variable in INHERITED {
        command.env_remove(variable);
    }
    command
        // Not even the refreshed times of an index are worth a write.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        // Messages are recognised by their words.
        .env("LC_ALL", "C")
        .arg("--no-pager")
        // Not as the process's own folder: where that is missing, it could
        // not be distinguished from a missing git.
        .arg("-C")
        .arg(folder)
        .stdin(Stdio::null());
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command
}

/// Runs it, however it ends.
pub(super) fn run(mut command: Command) -> Result<Output, GitError> {
    command.output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => GitError::NoGit,
        _ => GitError::io("run", Path::new("git"), error),
    })
}

/// Runs it and returns what it wrote. `action` and `on` are for the message
/// where it fails.
pub(super) fn answer(
    command: Command,
    action: &'static str,
    on: &Path,
) -> Result<Vec<u8>, GitError> {
    let output = run(command)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(GitError::failed(action, on, &output))
}

/// A path that git wrote on a line of its own. It may hold newlines itself.
pub(super) fn path_line(mut line: Vec<u8>) -> PathBuf {
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    OsString::from_vec(line).into()
}

/// A word that git wrote on a line of its own.
pub(super) fn word(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim().to_owned()
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
