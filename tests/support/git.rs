//! The git program, away from anybody's configuration.

use std::path::Path;
use std::process::Command;

/// Runs git in a folder, and returns what it says.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_WORK_TREE")
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
        .args(["-c", "advice.detachedHead=false"])
        .args(arguments)
        .output()
        .expect("these tests need the git program on PATH");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Makes a repository of a folder, on `main`, and commits all that is in it.
pub fn init(folder: &Path) {
    git(folder, &["init", "--quiet", "-b", "main"]);
    commit(folder, "First");
}

/// Commits all that there is.
pub fn commit(folder: &Path, message: &str) {
    git(folder, &["add", "--all"]);
    git(
        folder,
        &["commit", "--quiet", "--allow-empty", "-m", message],
    );
}
