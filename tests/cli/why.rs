//! `buildrace why` on what is stored: what it answers, and what it refuses. What a
//! builder remembers is in tests/live/why.rs.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::project::Project;
use super::{assert_says, buildrace, refused};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What `buildrace why ARGS --json` prints, with exit code 0.
fn why(args: &[&str]) -> Value {
    let project = Project::new();
    let results = here("results");
    let output = buildrace(&project)
        .args(["why", "--json", "--results", results.to_str().unwrap()])
        .args(args)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_sample_is_told_against_the_one_that_it_starts_from() {
    let run = "20261129T210024Z-a6b090";
    let answer = why(&["r1-05-go-hello-naive-incremental"]);
    assert_eq!(
        answer["earlier"],
        format!("r1-04-go-hello-naive-multi-arch of run {run}")
    );
    let causes = answer["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 1, "{answer}");
    assert_eq!(causes[0]["sentence"], "internal/version/version.go changed");
    let followed = |step: &Value| step["instruction"].as_str().unwrap().contains("go build");
    assert!(
        causes[0]["following"]
            .as_array()
            .unwrap()
            .iter()
            .any(followed)
    );

    let answer = why(&["r1-06-go-hello-naive-noop"]);
    assert_eq!(answer["causes"], serde_json::json!([]), "{answer}");
    assert_eq!(answer["executed"], 0);
}

#[test]
fn two_recordings_are_told_the_later_one_first() {
    let bundle = here("tests/fixtures/bundles/hello.dockerbuild");
    let recording = here("tests/fixtures/bundles/hello.rawjson");
    let answer = why(&[text(&bundle), text(&recording)]);
    assert_eq!(answer["earlier"], "hello.rawjson");
    // Both are of one build: nothing is known to differ.
    for cause in answer["causes"].as_array().unwrap() {
        let kind = cause["cause"]["kind"].as_str().unwrap();
        assert!(["files", "pruned"].contains(&kind), "{cause}");
    }
    // A recording by itself says less.
    let answer = why(&[text(&recording), text(&bundle)]);
    assert_eq!(answer["build"], "hello.rawjson");
}

#[test]
fn what_is_no_build_is_refused_with_what_to_do() {
    let project = Project::new();
    project.write("Dockerfile", "FROM scratch\n");
    let results = here("results");
    let run = results.join("20261129T210024Z-a6b090");
    let recording = here("tests/fixtures/traces/cross-cold.rawjson");
    for (args, says) in [
        (vec![text(&run)], "name a sample of it"),
        (vec!["Dockerfile"], "is no build: build it"),
        (vec![text(&recording)], "holds none before this one"),
        (
            vec![text(&recording), "--builder", "default"],
            "go with a build of a history",
        ),
    ] {
        assert_says(&refused(&project, &[&["why"], &args[..]].concat()), &[says]);
    }
    let results = ["--results", text(&results)];
    let cold = ["why", "r1-07-go-hello-naive-cold", results[0], results[1]];
    assert_says(&refused(&project, &cold), &["starts from an empty cache"]);
}
