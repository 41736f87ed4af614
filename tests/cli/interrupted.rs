//! Ctrl-C before anything is built.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Project;
use super::git::{git, init};

/// A guard against hanging, not a claim about speed.
const PATIENCE: Duration = Duration::from_secs(60);

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn a_copy_of_a_revision_that_is_not_wanted_any_more_is_removed() {
    let project = Project::new();
    project.write("Dockerfile", "FROM debian:trixie-slim\n");
    init(project.path());
    // Writing out the revision takes until the test says so.
    let switch = TempDir::new().unwrap();
    let go_on = switch.path().join("go-on");
    let filter = format!(
        "while ! test -e {}; do sleep 0.1; done; cat",
        go_on.display()
    );
    git(project.path(), &["config", "filter.slow.smudge", &filter]);
    project.write(".gitattributes", "*.slow filter=slow\n");
    project.write("a.slow", "text\n");
    git(project.path(), &["add", "--all"]);
    git(project.path(), &["commit", "--quiet", "-m", "Slow"]);
    for command in [
        &["check", "--base", "HEAD"][..],
        &["compare", "Dockerfile", "--against", "HEAD"],
    ] {
        let temporary = TempDir::new().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_buildrace"))
            .current_dir(project.path())
            .args(command)
            .args(["--host", "unix:///nonexistent/docker.sock"])
            .env("TMPDIR", temporary.path())
            .env_remove("GITHUB_BASE_REF")
            .env_remove("CI_MERGE_REQUEST_DIFF_BASE_SHA")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while is_empty(temporary.path()) {
            assert!(started.elapsed() < PATIENCE, "nothing is copied");
            std::thread::sleep(Duration::from_millis(20));
        }
        let signalled = Command::new("kill")
            .args(["-s", "INT", &child.id().to_string()])
            .status()
            .unwrap();
        assert!(signalled.success());
        std::thread::sleep(Duration::from_millis(300));
        fs::write(&go_on, "").unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(is_empty(temporary.path()), "a copy is left");
        fs::remove_file(&go_on).unwrap();
    }
    assert!(!project.path().join("results").exists());
}
