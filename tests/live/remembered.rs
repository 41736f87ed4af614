//! A build that nobody recorded, explained from its builder's history, and the
//! same from what buildx wrote meanwhile.

use std::fs;
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

#[tokio::test]
async fn a_build_of_buildx_explains_from_the_history_as_from_its_recording() {
    let Some(engine) = Engine::take().await else {
        return;
    };
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
        platforms: vec![own.clone(), foreign],
        ..Job::new(&root)
    };
    let recording = Buildx::on(&engine.host).record(&job);
    let file = folder.path().join("build.rawjson");
    fs::write(&file, recording).unwrap();

    let on = [
        "--host",
        engine.host.as_str(),
        "--builder",
        "default",
        "--json",
    ];
    let listed = answer(&[&["history", "-n", "1"][..], &on].concat());
    let last = answer(&[&["explain", "--last"][..], &on].concat());
    engine.clean(1, &mark).await;
    let node = own.to_string();
    let recorded = answer(&[
        "explain",
        file.to_str().unwrap(),
        "--node",
        node.as_str(),
        "--json",
    ]);

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
    assert_eq!(last["node"], node);
    let steps = last["steps"].as_array().unwrap();
    let emulated: Vec<&Value> = steps
        .iter()
        .filter(|step| step["kind"] == "emulated-run")
        .collect();
    assert_eq!(emulated.len(), 1, "{emulated:?}");
}
