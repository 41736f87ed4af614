//! `buildrace explain FILE.dockerbuild`: a build of a CI job, explained from the
//! bundle that the job left.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::bundle::Bundle;
use super::project::Project;
use super::{assert_says, buildrace, refused};

fn recording(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces");
    folder.join(name)
}

fn record(native: Option<&str>) -> Value {
    let platform = json!({ "platform": "linux/amd64,linux/arm64" });
    json!({ "Ref": "abc", "FrontendAttrs": platform, "DefaultPlatform": native })
}

/// A bundle of these recordings, written to the project.
fn bundle(project: &Project, names: &[&str], native: Option<&str>) -> String {
    let recordings: Vec<Vec<u8>> = names
        .iter()
        .map(|name| fs::read(recording(name)).unwrap())
        .collect();
    let builds: Vec<(&[u8], Value)> = recordings
        .iter()
        .map(|recording| (recording.as_slice(), record(native)))
        .collect();
    let file = project.path().join("ci.dockerbuild");
    fs::write(&file, Bundle::of(&builds).file()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn explained(project: &Project, args: &[&str]) -> String {
    let output = buildrace(project)
        .arg("explain")
        .args(args)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// An explanation without the name of its file.
fn answer(project: &Project, args: &[&str]) -> Value {
    let text = explained(project, &[args, &["--json"]].concat());
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    answer["build"].take();
    answer
}

#[test]
fn a_bundle_explains_as_the_recording_of_its_build() {
    let project = Project::new();
    let recording = recording("cross-cold.rawjson");
    let recording = recording.to_str().unwrap();
    let file = bundle(&project, &["cross-cold.rawjson"], Some("linux/amd64"));
    let recorded = answer(&project, &[recording, "--node", "linux/amd64"]);
    assert_eq!(answer(&project, &[&file]), recorded);
    assert!(recorded["culprit"].is_object());
    // What is typed goes before what the bundle says.
    let other = answer(&project, &[recording, "--node", "linux/arm64"]);
    assert_eq!(answer(&project, &[&file, "--node", "linux/arm64"]), other);
    // A bundle that does not name the CPU is like a recording without --node.
    let file = bundle(&project, &["cross-cold.rawjson"], None);
    assert_eq!(answer(&project, &[&file]), answer(&project, &[recording]));
}

#[test]
fn a_bundle_is_read_from_standard_input() {
    let project = Project::new();
    let names = ["cross-cold.rawjson", "failing.rawjson"];
    let file = bundle(&project, &names, Some("linux/amd64"));
    let whole = fs::read(&file).unwrap();
    let piped = |name: &str, bytes: &[u8]| {
        let mut command = buildrace(&project);
        command
            .args(["explain", "--json", "--", name])
            .write_stdin(bytes);
        command.output().unwrap()
    };
    for build in ["#1", "#2"] {
        let output = piped(&format!("-{build}"), &whole);
        let mut found: Value = serde_json::from_slice(&output.stdout).unwrap();
        found["build"].take();
        assert_eq!(found, answer(&project, &[&format!("{file}{build}")]));
    }
    for (bytes, says) in [
        (&whole[..whole.len() - 20], "cannot unpack standard input"),
        (b"PK\x03\x04", "standard input is a zip archive"),
    ] {
        let output = piped("-", bytes);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn builds_of_a_bundle_have_numbers() {
    let project = Project::new();
    let names = ["cross-cold.rawjson", "failing.rawjson"];
    let file = bundle(&project, &names, Some("linux/amd64"));
    let text = explained(&project, &[&file]);
    for part in [
        "2 builds",
        "ci.dockerbuild#1",
        "ci.dockerbuild#2",
        "it failed at",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let second = format!("{file}#2");
    assert_eq!(answer(&project, &[&second])["failure"]["by_step"], true);
    let line = refused(&project, &["explain", &format!("{file}#3")]);
    assert_says(&line, &["ci.dockerbuild has no build 3: it holds 2"]);
    // Against one another, as recordings are.
    let first = format!("{file}#1");
    assert!(explained(&project, &[&first, &second]).contains("RUN"));
}

#[test]
fn a_bundle_that_cannot_be_read_says_what_to_do() {
    let project = Project::new();
    let file = bundle(&project, &["syntax.rawjson"], None);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 20]).unwrap();
    assert_says(
        &refused(&project, &["explain", &file]),
        &["cannot unpack", "ci.dockerbuild"],
    );
    fs::write(&file, b"PK\x03\x04").unwrap();
    assert_says(
        &refused(&project, &["explain", &file]),
        &["ci.dockerbuild is a zip archive", "`unzip`"],
    );
    let mut image = Bundle::default();
    let config = image.blob("application/vnd.oci.image.config.v1+json", b"{}");
    image.manifest(&json!({ "schemaVersion": 2, "config": config, "layers": [] }));
    fs::write(&file, image.file()).unwrap();
    assert_says(
        &refused(&project, &["explain", &file]),
        &["holds no build", "`docker buildx history export`"],
    );
    // A build whose log the builder had lost.
    let mut lost = Bundle::default();
    lost.build(&record(None), &[]);
    fs::write(&file, lost.file()).unwrap();
    assert_says(
        &refused(&project, &["explain", &file]),
        &["ci.dockerbuild", "no step of the build began"],
    );
}

#[test]
fn a_builder_is_asked_only_for_its_history() {
    let project = Project::new();
    let recording = recording("syntax.rawjson");
    let recording = recording.to_str().unwrap();
    let line = refused(&project, &["explain", recording, "--builder", "x"]);
    assert_says(&line, &["--last and --history"]);
    let three = [
        "explain",
        "--history",
        "a",
        "--history",
        "b",
        "--history",
        "c",
    ];
    let line = refused(&project, &three);
    assert_says(
        &line,
        &["--history: expected one build, or two", "3 are named"],
    );
    let picture = [
        "explain",
        "--history",
        "a",
        "--history",
        "b",
        "--waterfall",
        "x.svg",
    ];
    let line = refused(&project, &picture);
    assert_says(&line, &["show one build"]);
    let line = refused(&project, &["history"]);
    assert_says(&line, &["unix:///nonexistent/docker.sock"]);
}
