use std::path::Path;

use tempfile::TempDir;

use super::super::fixture_tests::Fixture;
use super::super::{GitError, Repository};

#[test]
fn found_from_a_folder_within() {
    let fixture = Fixture::new();
    fixture.write("a/b/c.txt", "");
    let repository = Repository::find(&fixture.path().join("a/b")).unwrap();
    assert_eq!(repository.top(), fixture.path().canonicalize().unwrap());
}

#[test]
fn found_where_names_end_in_a_newline() {
    let folder = TempDir::new().unwrap();
    let odd = folder.path().join("odd \n");
    std::fs::create_dir(&odd).unwrap();
    super::super::fixture_tests::git(&odd, ["init", "--quiet"]);
    let repository = Repository::find(&odd).unwrap();
    assert_eq!(repository.top(), odd.canonicalize().unwrap());
}

#[test]
fn outside_of_git() {
    let folder = TempDir::new().unwrap();
    let error = Repository::find(folder.path()).unwrap_err();
    assert!(matches!(error, GitError::Outside { .. }), "{error}");
    assert!(error.to_string().contains("`buildrace compare "), "{error}");
}

#[test]
fn a_missing_folder_is_not_a_missing_git() {
    let error = Repository::find(Path::new("/no/such/folder")).unwrap_err();
    assert!(matches!(error, GitError::Failed { .. }), "{error}");
}

#[test]
fn without_a_working_tree() {
    let fixture = Fixture::new();
    let error = Repository::find(&fixture.path().join(".git")).unwrap_err();
    assert!(error.to_string().contains("the .git folder"), "{error}");
    let bare = Fixture::clone_of(&fixture, &["--bare"]);
    let error = Repository::find(bare.path()).unwrap_err();
    assert!(error.to_string().contains("a bare repository"), "{error}");
}

#[test]
fn revisions_of_all_kinds() {
    let fixture = Fixture::new();
    let first = fixture.git(["rev-parse", "HEAD"]);
    fixture.git(["tag", "-a", "-m", "tagged", "v1"]);
    fixture.commit("Second \u{1b}[31mred");
    let repository = fixture.repository();
    for rev in [
        "HEAD~1",
        "v1",
        "main^",
        ":/First",
        first.as_str(),
        &first[..12],
    ] {
        let commit = repository.resolve(rev).unwrap();
        assert_eq!(commit.id, first, "{rev}");
        assert_eq!(commit.subject, "First");
        assert!(first.starts_with(&commit.short) && commit.short.len() < 40);
    }
}

#[test]
fn what_is_no_revision() {
    let fixture = Fixture::new();
    let repository = fixture.repository();
    for rev in ["", "--all", "-n1", "HEAD\n", "a\0b", "\u{1b}[31m"] {
        let error = repository.resolve(rev).unwrap_err();
        assert!(matches!(error, GitError::NotARevision { .. }), "{error}");
        assert!(!error.to_string().contains(char::is_control));
    }
    let absent = "1".repeat(40);
    for rev in [
        "nope",
        "HEAD~5",
        "HEAD:First.txt",
        "HEAD..HEAD",
        "^HEAD",
        &absent,
    ] {
        let error = repository.resolve(rev).unwrap_err();
        assert!(
            matches!(error, GitError::UnknownRevision { .. }),
            "{rev}: {error}"
        );
    }
}

#[test]
fn changes_are_counted_whatever_is_configured() {
    let fixture = Fixture::new();
    fixture.write(".gitignore", "*.log\n");
    fixture.commit("Second");
    fixture.git(["config", "status.showUntrackedFiles", "no"]);
    fixture.git(["config", "status.branch", "true"]);
    let repository = fixture.repository();
    assert_eq!(repository.changed_files().unwrap(), 0);
    fixture.write("ignored.log", "");
    assert_eq!(repository.changed_files().unwrap(), 0);
    fixture.write("new/one.txt", "");
    fixture.write("new/two\n.txt", "");
    fixture.git(["mv", "First.txt", "moved.txt"]);
    assert_eq!(repository.changed_files().unwrap(), 4);
}

#[test]
fn shallow_or_not() {
    let fixture = Fixture::new();
    fixture.commit("Second");
    assert!(!fixture.repository().is_shallow().unwrap());
    let clone = Fixture::clone_of(&fixture, &["--depth=1"]);
    assert!(clone.repository().is_shallow().unwrap());
}

#[test]
fn its_state_is_heads_commit_and_whether_files_differ() {
    let fixture = Fixture::empty();
    assert!(fixture.repository().state().is_err(), "there is no commit");
    fixture.write("a", "1");
    let commit = fixture.commit("A");
    assert_eq!(fixture.repository().state().unwrap(), commit);
    // What the program itself writes is no change.
    fixture.write("history.csv", "time");
    let ours = [fixture.path().join("history.csv")];
    let without = fixture.repository().without(&ours);
    assert_eq!(without.state().unwrap(), commit);
    fixture.write("a", "2");
    assert_eq!(without.state().unwrap(), format!("{commit}-dirty"));
}
