use tempfile::TempDir;

use super::super::fixture_tests::Fixture;
use super::*;

/// A repository whose `v1` is HEAD, its URL and HEAD's id.
fn remote() -> (Fixture, String, String) {
    let fixture = Fixture::empty();
    fixture.write("cmd/main.go", "package main\n");
    fixture.git(["add", "."]);
    fixture.commit("First");
    fixture.git(["tag", "-a", "-m", "One", "v1"]);
    let id = fixture.repository().resolve("HEAD").unwrap().id;
    let url = format!("file://{}", fixture.path().display());
    (fixture, url, id)
}

fn fetch(url: &str, reference: &str, id: &str) -> (TempDir, Result<(), GitError>) {
    let target = TempDir::new().unwrap();
    let commit = RemoteCommit { url, reference, id };
    let result = commit.fetch(target.path(), &|| false);
    (target, result)
}

#[test]
fn a_tag_is_written_without_git_beside_it() {
    let (_remote, url, id) = remote();
    let (target, result) = fetch(&url, "v1", &id);
    result.unwrap();
    let main = fs::read_to_string(target.path().join("cmd/main.go")).unwrap();
    assert_eq!(main, "package main\n");
    assert!(!target.path().join(".git").exists());
}

#[test]
fn another_commit_than_expected_is_refused() {
    let (remote, url, id) = remote();
    remote.commit("Second");
    remote.git(["tag", "-f", "-a", "-m", "One", "v1"]);
    let (target, result) = fetch(&url, "v1", &id);
    let error = result.unwrap_err();
    assert!(matches!(error, GitError::Moved { .. }), "{error}");
    assert!(error.to_string().contains(&id), "{error}");
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
}

#[test]
fn what_is_not_there_is_told() {
    let (_remote, url, id) = remote();
    let error = fetch(&url, "v2", &id).1.unwrap_err().to_string();
    assert!(error.contains("no tag or branch v2"), "{error}");
    let error = fetch("file:///nowhere/project.git", "v1", &id).1;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("git cannot reach file:///nowhere/project.git: "),
        "{error}"
    );
}

#[test]
fn a_fetch_nobody_wants_ends() {
    let (_remote, url, id) = remote();
    let target = TempDir::new().unwrap();
    let commit = RemoteCommit {
        url: &url,
        reference: "v1",
        id: &id,
    };
    let error = commit.fetch(target.path(), &|| true).unwrap_err();
    assert!(matches!(error, GitError::Interrupted), "{error}");
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let commit = RemoteCommit {
        url: "https://example.com/project.git",
        reference: "v1",
        id: "0",
    };
    let mut sleep = Command::new("sh");
    // The child of a child, which would hold the pipe of its parent open.
    sleep.args(["-c", "sleep 1000 & wait"]);
    let error = commit
        .run(sleep, "reach", Duration::from_millis(50), &|| false)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "git cannot reach https://example.com/project.git: no answer within 50ms"
    );
}
