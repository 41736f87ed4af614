//! A build that nobody recorded, explained from its builder's history, and the
//! same from what buildx wrote meanwhile or exports later.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::support::buildx::Buildx;
use super::support::{Engine, Job, native, unique};
use buildrace::model::Platform;

/// What buildrace prints, with exit code 0, as JSON.
fn answer(args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The steps without how much they moved: BuildKit samples that for each who
/// listens.
fn without_bytes(answer: &Value) -> Vec<Value> {
    let mut steps = answer["steps"].as_array().unwrap().clone();
    for step in &mut steps {
        step["bytes_moved"].take();
    }
    steps
}

/// A build for two platforms by buildx that nobody recorded but by its rawjson.
struct ByBuildx {
    folder: TempDir,
    buildx: Buildx,
    mark: String,
    recording: PathBuf,
}

fn by_buildx(engine: &Engine) -> ByBuildx {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join(unique("context"));
    let mark = unique("mark");
    let dockerfile = format!(
        "FROM debian:trixie-slim AS build\nCOPY nonce /{mark}\nRUN uname -m && cat /{mark}\n"
    );
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("Dockerfile"), dockerfile).unwrap();
    fs::write(root.join("nonce"), unique("nonce")).unwrap();
    let own = native();
    let foreign = match own.architecture() {
        "amd64" => Platform::linux("arm64"),
        _ => Platform::linux("amd64"),
    };
    let job = Job {
        platforms: vec![own, foreign],
        ..Job::new(&root)
    };
    let buildx = Buildx::on(&engine.host);
    let recording = folder.path().join("build.rawjson");
    fs::write(&recording, buildx.record(&job)).unwrap();
    ByBuildx {
        folder,
        buildx,
        mark,
        recording,
    }
}

/// What the builder answers to a verb.
fn of_builder(engine: &Engine, verb: &[&str]) -> Value {
    let on = [
        "--host",
        engine.host.as_str(),
        "--builder",
        "default",
        "--json",
    ];
    answer(&[verb, &on].concat())
}

/// A file explained, built on the engine's own platform.
fn of_file(file: &Path) -> Value {
    let node = native().to_string();
    let file = file.to_str().unwrap();
    answer(&["explain", file, "--node", &node, "--json"])
}

#[tokio::test]
async fn a_build_of_buildx_explains_from_the_history_as_from_its_recording() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let build = by_buildx(&engine);
    let listed = of_builder(&engine, &["history", "-n", "1"]);
    let last = of_builder(&engine, &["explain", "--last"]);
    engine.clean(1, &build.mark).await;
    let recorded = of_file(&build.recording);

    let newest = &listed["builds"][0];
    assert_eq!(newest["status"], "completed");
    assert_eq!(newest["platforms"].as_array().unwrap().len(), 2);
    let title = last["build"]["title"].as_str().unwrap();
    assert!(
        title.contains(newest["short_ref"].as_str().unwrap()),
        "{title}"
    );
    assert_eq!(without_bytes(&last), without_bytes(&recorded));
    assert_eq!(last["culprit"], recorded["culprit"]);
    assert_eq!(last["node"], native().to_string());
    let steps = last["steps"].as_array().unwrap();
    let emulated: Vec<&Value> = steps
        .iter()
        .filter(|step| step["kind"] == "emulated-run")
        .collect();
    assert_eq!(emulated.len(), 1, "{emulated:?}");
}

#[tokio::test]
#[ignore = "needs a buildx that exports a history (0.23 or newer): scripts/test-sid runs it"]
async fn a_bundle_of_buildx_explains_as_the_recording_of_its_build() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let build = by_buildx(&engine);
    let listed = of_builder(&engine, &["history", "-n", "1"]);
    let last = of_builder(&engine, &["explain", "--last"]);
    let bundle = build.folder.path().join("build.dockerbuild");
    let reference = listed["builds"][0]["ref"].as_str().unwrap();
    let exported = build
        .buildx
        .verb("history")
        .args(["export", "--builder", "default", "--output"])
        .arg(&bundle)
        .arg(reference)
        .output()
        .unwrap();
    engine.clean(1, &build.mark).await;
    let said = String::from_utf8_lossy(&exported.stderr);
    assert!(exported.status.success(), "{said}");

    // A bundle names the node itself.
    let bundled = answer(&["explain", bundle.to_str().unwrap(), "--json"]);
    let recorded = of_file(&build.recording);
    assert_eq!(without_bytes(&bundled), without_bytes(&recorded));
    assert_eq!(without_bytes(&bundled), without_bytes(&last));
    assert_eq!(bundled["culprit"], recorded["culprit"]);
    assert_eq!(bundled["node"], native().to_string());
}

#[tokio::test]
async fn two_builds_of_a_history_are_compared_as_their_recordings() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let (first, second) = (by_buildx(&engine), by_buildx(&engine));
    let listed = of_builder(&engine, &["history", "-n", "2"]);
    let reference = |at: usize| listed["builds"][at]["ref"].as_str().unwrap();
    let asked = ["--history", reference(1), "--history", reference(0)];
    let compared = of_builder(&engine, &[&["explain"][..], &asked].concat());
    engine.clean(2, "mark").await;
    let node = native().to_string();
    let [first, second] = [&first, &second].map(|build| build.recording.to_str().unwrap());
    let recorded = answer(&["explain", first, second, "--node", &node, "--json"]);

    for side in ["first", "second"] {
        assert_eq!(
            without_bytes(&compared[side]),
            without_bytes(&recorded[side])
        );
    }
    let changed = |answer: &Value| answer["diff"]["steps"].as_array().unwrap().len();
    assert_eq!(changed(&compared), changed(&recorded));
    // The history has the definitions, which tell the cause.
    let kind = |answer: &Value| answer["why"]["causes"][0]["cause"]["kind"].clone();
    assert_eq!(kind(&compared), "instruction");
}
