//! `buildrace explain DOCKERFILE`: one build with the engine's own cache, and what is said of it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::harness::{container_ids, image_ids};
use super::support::buildx::Buildx;
use super::support::{Engine, Job, native, unique};
use buildrace::model::Platform;

fn explain(engine: &Engine, folder: &Path, args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .current_dir(folder)
        .args(["explain", "--host", &engine.host])
        .args(args)
        .env_remove("BUILDX_BUILDER")
        .output();
    output.unwrap()
}

fn json(output: &Output, code: i32) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_dockerfile_is_built_once_as_buildx_builds_it_and_explained() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    let mark = unique("mark");
    let dockerfile = format!(
        "FROM debian:trixie-slim AS build\nCOPY . /{mark}\nRUN uname -m && cat /{mark}/nonce\n\
         FROM debian:trixie-slim\nCOPY --from=build /{mark} /{mark}\n"
    );
    fs::write(root.join("Dockerfile"), dockerfile).unwrap();
    fs::write(root.join("nonce"), unique("nonce")).unwrap();
    fs::write(
        root.join("failing.Dockerfile"),
        format!("FROM debian:trixie-slim\nRUN echo {mark} is told && exit 7\n"),
    )
    .unwrap();
    let own = native();
    let foreign = match own.architecture() {
        "amd64" => Platform::linux("arm64"),
        _ => Platform::linux("amd64"),
    };
    let platforms = format!("{own},{foreign}");
    let (images, containers) = (
        image_ids(&engine.host).await,
        container_ids(&engine.host).await,
    );

    let both = [".", "--platform", &platforms];
    let first = json(
        &explain(&engine, root, &[&both[..], &["--json"]].concat()),
        0,
    );
    let again = explain(&engine, root, &both);
    let job = Job {
        platforms: vec![own.clone(), foreign.clone()],
        ..Job::new(root)
    };
    let buildx = Buildx::on(&engine.host).build(&job);
    let failed = explain(&engine, root, &["failing.Dockerfile", "--json"]);
    engine.clean(4, &mark).await;

    // Nothing of it is anywhere but in the cache.
    assert_eq!(image_ids(&engine.host).await, images);
    assert_eq!(container_ids(&engine.host).await, containers);
    let runs = buildx.iter().filter(|(name, _)| name.contains("] RUN "));
    assert!(
        runs.clone().count() == 2 && runs.clone().all(|(_, cached)| *cached),
        "{buildx:?}"
    );

    let steps = first["steps"].as_array().unwrap();
    let emulated = steps
        .iter()
        .find(|step| step["kind"] == "emulated-run")
        .unwrap();
    assert_eq!(emulated["platform"], foreign.to_string());
    assert_eq!(emulated["line"], 3);
    assert_eq!(first["node"], own.to_string());
    assert_eq!(
        first["compare"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect::<Vec<_>>()
            .join(" "),
        format!("buildrace compare Dockerfile Dockerfile.new --context . --platform {platforms}")
    );

    assert_eq!(again.status.code(), Some(0));
    let text = String::from_utf8_lossy(&again.stdout);
    assert!(
        text.contains("nothing was built") && text.contains("--no-cache"),
        "{text}"
    );

    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(said.contains(&format!("| {mark} is told")), "{said}");
    let failed = json(&failed, 2);
    assert_eq!(failed["failure"]["by_step"], true);
    assert_eq!(
        failed["steps"][failed["failed"].as_u64().unwrap() as usize]["line"],
        2
    );
    assert_eq!(failed["advice"].as_array().unwrap().len(), 0);
}
