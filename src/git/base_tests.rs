use super::super::fixture_tests::{Fixture, no_env};
use super::super::{Base, BaseReason, GitError};

fn base(fixture: &Fixture) -> Result<Base, GitError> {
    fixture.repository().base(None, &no_env)
}

fn base_in(fixture: &Fixture, name: &'static str, value: &str) -> Result<Base, GitError> {
    fixture
        .repository()
        .base(None, &|asked| (asked == name).then(|| value.to_owned()))
}

fn merge_base(branch: &str) -> BaseReason {
    BaseReason::MergeBase {
        branch: branch.to_owned(),
    }
}

/// A branch `topic` of two commits, and one more commit on `main`.
fn forked() -> (Fixture, String) {
    let fixture = Fixture::new();
    let fork = fixture.commit("Fork");
    fixture.git(["checkout", "--quiet", "-b", "topic"]);
    fixture.commit("Third");
    fixture.commit("Fourth");
    fixture.git(["checkout", "--quiet", "main"]);
    fixture.commit("Main");
    fixture.git(["checkout", "--quiet", "topic"]);
    (fixture, fork)
}

#[test]
fn where_a_topic_left_main() {
    let (fixture, fork) = forked();
    let found = base(&fixture).unwrap();
    assert_eq!(found.commit.id, fork);
    assert_eq!(found.why, merge_base("main"));
    let short = &found.commit.short;
    assert_eq!(
        found.describe(),
        format!("the merge base with main ({short} Fork)")
    );
    // Changed files are part of the topic, and a detached HEAD is none the less.
    fixture.write("new.txt", "");
    fixture.git(["checkout", "--quiet", "--detach"]);
    assert_eq!(base(&fixture).unwrap(), found);
}

#[test]
fn master_where_there_is_no_main() {
    let (fixture, _) = forked();
    fixture.git(["branch", "-m", "main", "master"]);
    assert_eq!(base(&fixture).unwrap().why, merge_base("master"));
}

#[test]
fn origins_head_goes_before_the_usual_names() {
    let (fixture, fork) = forked();
    fixture.git(["branch", "-m", "main", "trunk"]);
    fixture.git(["checkout", "--quiet", "trunk"]);
    let clone = Fixture::clone_of(&fixture, &[]);
    clone.git(["checkout", "--quiet", "-b", "topic", "origin/topic"]);
    clone.git(["branch", "main"]);
    let found = base(&clone).unwrap();
    assert_eq!(found.commit.id, fork);
    assert_eq!(found.why, merge_base("origin/trunk"));

    // One that points nowhere says nothing.
    clone.git([
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/gone",
    ]);
    clone.git(["update-ref", "refs/remotes/origin/master", "origin/trunk"]);
    assert_eq!(base(&clone).unwrap().why, merge_base("origin/master"));
}

#[test]
fn a_tag_called_main_is_no_branch() {
    let (fixture, fork) = forked();
    fixture.git(["tag", "main", "HEAD"]);
    assert_eq!(base(&fixture).unwrap().commit.id, fork);
}

#[test]
fn no_default_branch() {
    let (fixture, _) = forked();
    fixture.git(["branch", "-m", "main", "trunk"]);
    let error = base(&fixture).unwrap_err();
    assert!(matches!(error, GitError::NoDefaultBranch { .. }), "{error}");
    assert!(error.to_string().contains("--base REV"), "{error}");
}

#[test]
fn github_names_the_branch() {
    let (fixture, fork) = forked();
    fixture.git(["branch", "release/1", &fork]);
    let found = base_in(&fixture, "GITHUB_BASE_REF", "release/1").unwrap();
    assert_eq!(found.why, merge_base("release/1"));
    fixture.git(["update-ref", "refs/remotes/origin/release/1", &fork]);
    let found = base_in(&fixture, "GITHUB_BASE_REF", "release/1").unwrap();
    assert_eq!(found.why, merge_base("origin/release/1"));
    // GitHub sets it to nothing where there is no pull request.
    let found = base_in(&fixture, "GITHUB_BASE_REF", "").unwrap();
    assert_eq!(found.why, merge_base("main"));
    let error = base_in(&fixture, "GITHUB_BASE_REF", "gone").unwrap_err();
    assert!(error.to_string().contains("\"gone\""), "{error}");
    let clone = Fixture::clone_of(&fixture, &["--depth=1"]);
    let error = base_in(&clone, "GITHUB_BASE_REF", "gone").unwrap_err();
    assert!(error.to_string().contains("fetch-depth: 0"), "{error}");
}

#[test]
fn gitlab_names_the_commit() {
    let (fixture, fork) = forked();
    let variable = "CI_MERGE_REQUEST_DIFF_BASE_SHA";
    let found = base_in(&fixture, variable, &fork).unwrap();
    assert_eq!(
        (found.commit.id, found.why),
        (fork.clone(), BaseReason::MergeRequest)
    );
    let clone = Fixture::clone_of(&fixture, &["--depth=1"]);
    let error = base_in(&clone, variable, &fork).unwrap_err();
    assert!(matches!(error, GitError::Shallow { .. }), "{error}");
    assert!(error.to_string().contains("GIT_DEPTH: 0"), "{error}");
}

#[test]
fn on_main_it_is_head_or_its_parent() {
    let fixture = Fixture::new();
    let second = fixture.commit("Second");
    let third = fixture.commit("Third");
    let found = base(&fixture).unwrap();
    assert_eq!(
        (found.commit.id.as_str(), &found.why),
        (second.as_str(), &BaseReason::Parent)
    );
    assert!(found.describe().starts_with("the parent of HEAD ("));

    // Behind main is no different.
    let first = fixture.git(["rev-parse", "HEAD~2"]);
    fixture.git(["checkout", "--quiet", "--detach", "HEAD~1"]);
    assert_eq!(base(&fixture).unwrap().commit.id, first);
    fixture.git(["checkout", "--quiet", "main"]);

    fixture.write("new.txt", "");
    fixture.write("First.txt", "changed");
    let found = base(&fixture).unwrap();
    assert_eq!(found.commit.id, third);
    assert_eq!(found.why, BaseReason::Head { changed: 2 });
    assert!(
        found
            .describe()
            .starts_with("HEAD, before the 2 changed files (")
    );
}

#[test]
fn the_first_commit() {
    let fixture = Fixture::new();
    let error = base(&fixture).unwrap_err();
    assert!(matches!(error, GitError::FirstCommit { .. }), "{error}");
    fixture.write("new.txt", "");
    let found = base(&fixture).unwrap();
    assert_eq!(found.why, BaseReason::Head { changed: 1 });
}

#[test]
fn no_commit_at_all() {
    let fixture = Fixture::empty();
    fixture.write("new.txt", "");
    let error = base(&fixture).unwrap_err();
    assert!(matches!(error, GitError::Unborn { .. }), "{error}");
}

#[test]
fn histories_that_never_met() {
    let fixture = Fixture::new();
    fixture.git(["checkout", "--quiet", "--orphan", "island"]);
    fixture.commit("Island");
    let error = base(&fixture).unwrap_err();
    assert!(
        matches!(error, GitError::NoCommonAncestor { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("and main have no"), "{error}");
}

#[test]
fn the_last_commit_of_a_shallow_clone_is_not_the_first() {
    let fixture = Fixture::new();
    fixture.commit("Second");
    let clone = Fixture::clone_of(&fixture, &["--depth=1"]);
    let error = base(&clone).unwrap_err();
    assert!(matches!(error, GitError::Shallow { .. }), "{error}");
    assert!(
        error.to_string().contains("git fetch --unshallow"),
        "{error}"
    );
    // With changed files nothing older is needed.
    clone.write("new.txt", "");
    assert_eq!(base(&clone).unwrap().why, BaseReason::Head { changed: 1 });
    // A whole history of one commit is no less whole for the option.
    let clone = Fixture::clone_of(&Fixture::new(), &["--depth=1"]);
    let error = base(&clone).unwrap_err();
    assert!(matches!(error, GitError::FirstCommit { .. }), "{error}");
}

#[test]
fn a_merge_base_that_a_shallow_clone_lacks() {
    let (fixture, _) = forked();
    fixture.git(["checkout", "--quiet", "main"]);
    let options = ["--depth=1", "--no-single-branch", "--branch=topic"];
    let clone = Fixture::clone_of(&fixture, &options);
    let error = base(&clone).unwrap_err();
    assert!(matches!(error, GitError::Shallow { .. }), "{error}");
    let what = "lacks the merge base of HEAD and origin/main:";
    assert!(error.to_string().contains(what), "{error}");
}

#[test]
fn the_one_that_is_wanted() {
    let (fixture, fork) = forked();
    let repository = fixture.repository();
    let found = repository.base(Some("main~1"), &no_env).unwrap();
    assert_eq!(found.commit.id, fork);
    assert!(
        found.describe().starts_with("main~1 ("),
        "{}",
        found.describe()
    );
    let error = repository.base(Some("--all"), &no_env).unwrap_err();
    assert!(matches!(error, GitError::NotARevision { .. }), "{error}");
    let clone = Fixture::clone_of(&fixture, &["--depth=1"]);
    let error = clone
        .repository()
        .base(Some("HEAD~3"), &no_env)
        .unwrap_err();
    assert!(matches!(error, GitError::Shallow { .. }), "{error}");
}

#[test]
fn subjects_come_from_outside() {
    let fixture = Fixture::new();
    fixture.git([
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "\u{1b}[31mred \u{202e}",
    ]);
    let found = fixture.repository().base(Some("HEAD"), &no_env).unwrap();
    assert!(
        found.describe().ends_with("\\x1b[31mred \\u{202e})"),
        "{}",
        found.describe()
    );
}
