//! `buildrace choose` of a Dockerfile that no run has: it races first.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::harness::image_ids;
use super::support::{Engine, native, unique};

#[tokio::test(flavor = "multi_thread")]
async fn a_dockerfile_is_raced_before_ways_to_build_it_are_compared() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    let mark = unique("choose");
    let dockerfile = format!("FROM debian:trixie-slim\nRUN echo {mark}\nCOPY note.sh /{mark}\n");
    fs::write(root.join("Dockerfile"), dockerfile).unwrap();
    fs::write(root.join("note.sh"), "# a note\n").unwrap();
    let choose = |args: &[&str]| -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
            .current_dir(root)
            .args(["choose", "--host", &engine.host])
            .args(args)
            .env_remove("BUILDX_BUILDER")
            .output();
        output.unwrap()
    };
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let images = image_ids(&engine.host).await;
    let platform = native().to_string();
    let raced = choose(&[
        "Dockerfile",
        "--edit",
        "note.sh",
        "--platform",
        &platform,
        "--rounds",
        "1",
        "--output",
        "image",
    ]);
    assert_eq!(image_ids(&engine.host).await, images);
    assert_eq!(raced.status.code(), Some(0), "{}", said(&raced));
    let told = String::from_utf8_lossy(&raced.stdout).into_owned();
    assert!(told.contains("dockerfile/kept"), "{told}");
    // The run is there now, and nothing is built.
    let read = choose(&["--json"]);
    assert_eq!(read.status.code(), Some(0), "{}", said(&read));
    let stored = fs::read_dir(root.join("results")).unwrap().flatten();
    assert_eq!(stored.filter(|entry| entry.path().is_dir()).count(), 1);
    let told: Value = serde_json::from_slice(&read.stdout).unwrap();
    let strategies = told["scenarios"][0]["strategies"].as_array().unwrap();
    let names: Vec<&str> = strategies
        .iter()
        .map(|strategy| strategy["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["dockerfile/lost", "dockerfile/kept"]);
}
