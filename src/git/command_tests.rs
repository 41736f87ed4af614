use std::ffi::OsStr;

use super::super::fixture_tests::Fixture;
use super::*;

#[test]
fn what_hooks_hand_down_is_not_passed_on() {
    let git = git(Path::new("."));
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        let set = git.get_envs().find(|(name, _)| *name == variable);
        assert_eq!(set, Some((OsStr::new(variable), None)));
    }
}

#[test]
fn every_variable_of_a_repository_is_known() {
    let mut command = git(Path::new("."));
    command.args(["rev-parse", "--local-env-vars"]);
    let listed = answer(command, "list", Path::new("variables")).unwrap();
    for variable in String::from_utf8(listed).unwrap().lines() {
        assert!(
            INHERITED.contains(&variable) || variable.starts_with("GIT_CONFIG"),
            "{variable}"
        );
    }
}

#[test]
fn a_missing_program_is_told() {
    let error = run(Command::new("no-such-git-here")).unwrap_err();
    assert!(matches!(error, GitError::NoGit), "{error}");
}

#[test]
fn foreign_ownership_is_told_in_the_words_of_git() {
    let fixture = Fixture::new();
    let mut command = git(fixture.path());
    command
        .env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["rev-parse", "--show-toplevel"]);
    let error = answer(command, "find the top of", fixture.path()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("dubious ownership"), "{text}");
    assert!(
        text.contains("git config --global --add safe.directory"),
        "{text}"
    );
    assert!(!text.contains('\n'), "{text}");
}
