//! What `buildrace compare` and `calibrate` say to bad input, before any
//! engine is asked.

use std::fs;

use super::git::init;
use super::{Project, assert_says, buildrace, refused};

fn project() -> Project {
    let project = Project::new();
    project.write("A", "FROM debian:trixie-slim\nRUN true\n");
    project.write("B", "FROM debian:trixie-slim\nRUN false\n");
    project.write("data.json", "{}\n");
    project.write("main.go", "package main\n");
    project
}

#[test]
fn one_dockerfile_is_compared_with_nothing() {
    let project = project();
    for args in [
        &["compare", "A"][..],
        &["compare", "A", "B", "--against", "HEAD"],
    ] {
        let output = buildrace(&project).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_says(&stderr, &["CANDIDATE", "--against"]);
    }
}

#[test]
fn a_matrix_is_two_values_of_one_axis() {
    let project = project();
    for (matrix, says) in [
        ("builder=default", "two or more values"),
        ("builder=default,default", "default is given twice"),
        ("cpu=1,2", "expected builder=A,B"),
    ] {
        let mut compare = buildrace(&project);
        let output = compare.args(["compare", "A", "--matrix", matrix]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_says(&String::from_utf8_lossy(&output.stderr), &[says]);
    }
    let matrix = ["compare", "A", "--matrix", "builder=default,container"];
    let refused_with = |more: &[&str]| refused(&project, &[&matrix, more].concat());
    assert_says(&refused_with(&["--builder", "x"]), &["leave out --builder"]);
    let line = refused_with(&["--driver-opt", "cacert=/ca.pem"]);
    assert_says(&line, &["cacert=/ca.pem", "none of the builders"]);
    // Nothing else is wrong with it: one Dockerfile is enough.
    assert_says(&refused_with(&[]), &["builder=default", "/nonexistent"]);
}

#[test]
fn a_dockerfile_that_is_missing_or_brings_an_engine_down() {
    let project = project();
    assert_says(&refused(&project, &["compare", "A", "C"]), &["read C"]);
    for text in ["ARG X=1\n", "ARG X\rFROM a\rRUN b\r"] {
        project.write("C", text);
        let line = refused(&project, &["compare", "A", "C"]);
        assert_says(&line, &["C:1", "Docker Engine 26.1"]);
    }
    // What BuildKit would refuse is for BuildKit to refuse: the engine is asked.
    project.write("C", "FROM debian:trixie-slim\nRUN true\nFORM scratch\n");
    let line = refused(&project, &["compare", "A", "C"]);
    assert_says(&line, &["/nonexistent/docker.sock"]);
    let line = refused(&project, &["compare", "A", "B", "--target", "final"]);
    assert_says(&line, &["A", "final"]);
    let line = refused(&project, &["compare", "A", "B", "--context", "nowhere"]);
    assert_says(&line, &["--context", "nowhere"]);
}

#[test]
fn standard_input_is_one_dockerfile_without_a_past() {
    let project = project();
    init(project.path());
    let compare = |args: &[&str]| refused(&project, &[&["compare"], args].concat());
    assert_says(&compare(&["-", "-"]), &["only one", "standard input"]);
    assert_says(&compare(&["-", "--against", "HEAD"]), &["standard input"]);
    assert_says(
        &compare(&["A", "-"]),
        &["standard input holds no Dockerfile"],
    );
    assert_says(
        &refused(&project, &["check", "-f", "-"]),
        &["standard input"],
    );
    let output = buildrace(&project)
        .args(["compare", "-", "B"])
        .write_stdin("FROM debian:trixie-slim\n")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_says(&stderr, &["/nonexistent/docker.sock"]);
}

#[test]
fn an_agent_that_is_not_there_is_told_before_any_build() {
    let project = project();
    let compare = |args: &[&str]| refused(&project, &[&["compare", "A", "B"], args].concat());
    assert_says(
        &compare(&["--ssh", "default"]),
        &["SSH_AUTH_SOCK", "ssh-agent"],
    );
    assert_says(
        &compare(&["--ssh", "default=main.go"]),
        &["main.go", "ssh-add"],
    );
}

#[test]
fn edits_that_cannot_be_made() {
    let project = project();
    for (options, words) in [
        (&["--edit", "none.go"][..], &["--edit", "none.go"][..]),
        (&["--edit", "data.json"], &["data.json", "--edit-with"]),
        (&["--edit", "../x.go"], &["x.go", "not in the context"]),
        (&["--edit-with", "s/a/{nonce}/"], &["needs --edit FILE"]),
        (
            &["--edit", "main.go", "--edit-with", "s/absent/{nonce}/"],
            &["absent", "matches nothing", "main.go"],
        ),
        (
            &["--edit", "main.go", "--edit-with", "s/main/other/"],
            &["{nonce}"],
        ),
        (
            &["--kinds", "incremental"],
            &["--kinds incremental", "--edit FILE"],
        ),
    ] {
        let line = refused(&project, &[&["compare", "A", "B"], options].concat());
        assert_says(&line, words);
    }
}

#[test]
fn what_a_build_gets_is_checked_first() {
    let project = project();
    for (options, words) in [
        (["--secret", "tok"], ["--secret", "expected id=ID,src=FILE"]),
        (["--secret", "id=tok,src=none"], ["id=tok", "none"]),
        (["--secret", "id=tok,env=NOT_SET"], ["id=tok", "NOT_SET"]),
        (["--build-arg", "=x"], ["--build-arg", "NAME=VALUE"]),
        (["--build-arg", "a b=x"], ["--build-arg", "a b"]),
        (["--build-context", "x"], ["--build-context", "NAME=PATH"]),
        (["--build-context", "x=none"], ["--build-context x", "none"]),
    ] {
        let line = refused(&project, &[&["compare", "A", "B"][..], &options].concat());
        assert_says(&line, &words);
    }
    // Not even a name that is wrong gives away what it was to hold.
    let line = refused(
        &project,
        &["compare", "A", "B", "--build-arg", "a b=hunter2"],
    );
    assert!(!line.contains("hunter2"), "{line}");
}

#[test]
fn a_revision_that_is_none() {
    let project = project();
    let line = refused(&project, &["compare", "A", "--against", "HEAD"]);
    assert_says(&line, &["no git repository"]);
    init(project.path());
    let line = refused(&project, &["compare", "A", "--against", "nonsense"]);
    assert_says(&line, &["\"nonsense\""]);
    project.write("C", "FROM debian:trixie-slim\n");
    let line = refused(&project, &["compare", "C", "--against", "HEAD"]);
    assert_says(&line, &["C is not in HEAD"]);
}

#[test]
fn the_same_is_not_compared_with_itself() {
    let project = project();
    let calibrate = "`buildrace calibrate --file A`";
    let line = refused(&project, &["compare", "A", "A"]);
    assert_says(&line, &["A and A are the same file", calibrate]);
    std::os::unix::fs::symlink("A", project.path().join("link")).unwrap();
    let line = refused(&project, &["compare", "A", "./link"]);
    assert_says(&line, &["are the same file", calibrate]);
    fs::copy(project.path().join("A"), project.path().join("C")).unwrap();
    let line = refused(&project, &["compare", "A", "C"]);
    assert_says(&line, &["A and C have the same content", calibrate]);
    // It has another build context then.
    project.write("C.dockerignore", "data.json\n");
    let line = refused(&project, &["compare", "A", "C"]);
    assert_says(&line, &["DOCKER_HOST"]);

    init(project.path());
    let line = refused(&project, &["compare", "A", "--against", "HEAD"]);
    assert_says(&line, &["A and its context are the same in", calibrate]);
    project.write("main.go", "package other\n");
    let line = refused(&project, &["compare", "A", "--against", "HEAD"]);
    assert_says(&line, &["DOCKER_HOST"]);
}

#[test]
fn names_of_the_two_are_checked_as_other_names_are() {
    let project = project();
    for (names, words) in [
        ("before", "two names"),
        ("a,b,c", "two names"),
        ("a,a", "two different names"),
        ("a,", "is no name of a variant"),
        ("Before,after", "is no name of a variant"),
        ("a/../b,c", "is no name of a variant"),
    ] {
        let line = refused(&project, &["compare", "A", "B", "--names", names]);
        assert_says(&line, &["--names", words]);
    }
    let line = refused(&project, &["compare", "A", "B", "--names", "before,after"]);
    assert_says(&line, &["DOCKER_HOST"]);
}

#[test]
fn nothing_to_calibrate() {
    let project = project();
    let line = refused(&project, &["calibrate"]);
    assert_says(&line, &["read Dockerfile"]);
    let line = refused(&project, &["calibrate", "tinny"]);
    assert_says(&line, &["tinny", "tiny"]);
    let line = refused(&project, &["calibrate", "tiny", "--variant", "naiv"]);
    assert_says(&line, &["naiv", "naive, cross"]);
    fs::remove_file(project.path().join("A")).unwrap();
    let line = refused(&project, &["calibrate", "--file", "A"]);
    assert_says(&line, &["read A"]);
}
