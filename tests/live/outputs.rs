//! Dockerfiles that build the wrong thing, fast, are caught: the controls by
//! what their images hold, others by what their programs print. Those that
//! build the right one are not.

use std::path::Path;
use std::process::Command;

use buildrace::model::Outcome;
use buildrace::store::{read_run, runs};

use crate::harness::{containers, image_ids};
use crate::project::Project;
use crate::support::Engine;

#[tokio::test]
async fn each_control_is_caught_with_the_right_reason() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (results, reports) = (folder.path().join("results"), folder.path().join("reports"));
    let controls = [
        (
            "wrong-arch",
            "/usr/local/bin/hello, an ELF program for x86-64",
        ),
        ("wrong-rootfs", "a root file system for x86-64"),
        (
            "ignored-platform",
            "/usr/local/bin/hello, an ELF program for x86-64",
        ),
    ];
    let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .arg("run")
        .args(controls.map(|(name, _)| name))
        .args([
            "--variant",
            "broken",
            "--kinds",
            "multi-arch",
            "--rounds",
            "1",
        ])
        .args([
            "--keep-contaminated",
            "--settle=0s",
            "--host",
            &engine.host,
            "--builder",
            "default",
        ])
        .arg("--results")
        .arg(&results)
        .arg("--reports")
        .arg(&reports)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let run = read_run(&runs(&results)[0]).unwrap();
    for (name, reason) in controls {
        let sample = run
            .run
            .samples
            .iter()
            .find(|s| s.slot.scenario == name)
            .unwrap();
        assert_eq!(sample.outcome, Outcome::WrongOutput, "{sample:?}");
        let message = &sample.failure.as_ref().unwrap().message;
        let expected = format!("linux/arm64: found {reason}");
        assert!(message.contains(&expected), "{name}: {message}");
    }
}

/// The other healthy scenarios are looked at by `make verify-scenarios`, which
/// takes longer.
#[tokio::test]
async fn an_image_for_four_architectures_is_right_on_each() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (results, reports) = (folder.path().join("results"), folder.path().join("reports"));
    let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .args(["run", "platforms", "--variant", "cross"])
        .args(["--kinds", "incremental", "--rounds", "1"])
        .args([
            "--keep-contaminated",
            "--settle=0s",
            "--host",
            &engine.host,
            "--builder",
            "default",
        ])
        .arg("--results")
        .arg(&results)
        .arg("--reports")
        .arg(&reports)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let run = read_run(&runs(&results)[0]).unwrap();
    let scenario = &run.run.record.scenarios[0];
    let platforms: Vec<String> = scenario.platforms.iter().map(ToString::to_string).collect();
    assert_eq!(
        platforms,
        [
            "linux/amd64",
            "linux/arm64",
            "linux/arm/v7",
            "linux/riscv64"
        ]
    );
    // The multi-arch build that the incremental one starts from is there too.
    assert_eq!(run.run.samples.len(), 2);
    for sample in &run.run.samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
    }
}

/// Prints the nonce of its edit and the architecture, unless `/etc/hello` has
/// other ideas.
const HELLO: &str = r#"#!/bin/sh
build=dev
. /etc/hello
echo "hello $build $(dpkg --print-architecture)"
exit ${code:-0}
"#;

const SCENARIO: &str = r#"title = "A script that is run"
sources = "src"
platforms = ["linux/amd64", "linux/arm64"]
kinds = ["multi-arch", "incremental"]

[edit]
file = "hello"
find = "build=dev"
replace = "build={nonce}"

[output.smoke]
command = ["hello", "--version"]
prints = '^hello {nonce} {arch}\n$'
"#;

#[tokio::test]
async fn what_a_program_prints_is_read_on_each_platform() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let before = image_ids(&engine.host).await;
    let project = Project::new();
    // Variant, kind that is found wrong, and what is told. What is wrong is so
    // on arm64 alone.
    let wrong = [
        ("prints", "multi-arch", "printed \"hello some one arm64\""),
        ("exits", "multi-arch", "exited with code 3"),
        ("missing", "multi-arch", "could not be started: "),
        ("stale", "incremental", "printed \"hello dev arm64\""),
    ];
    let mut scenario = SCENARIO.to_owned();
    let names = wrong.map(|(name, ..)| name);
    for name in ["right"].iter().chain(&names) {
        let reference = *name == "right";
        scenario += &format!("\n[[variant]]\nname = \"{name}\"\nreference = {reference}\n");
        let conf = match *name {
            "prints" => "build='some one'\n",
            "exits" => "code=3\n",
            "stale" => "build=dev\n",
            _ => "# as it is\n",
        };
        let folder = match *name {
            "missing" => "/opt/$TARGETARCH",
            _ => "/opt/amd64",
        };
        let text = format!(
            "FROM debian:trixie-slim\nARG TARGETARCH\nENV PATH=/opt/amd64:/usr/bin:/bin\n\
             COPY {name}-$TARGETARCH/hello /etc/hello\nCOPY --chmod=755 hello {folder}/hello\n"
        );
        project.write(&format!("dockerfiles/outputs/{name}.Dockerfile"), &text);
        project.write(
            &format!("scenarios/outputs/src/{name}-amd64/hello"),
            "# as it is\n",
        );
        project.write(&format!("scenarios/outputs/src/{name}-arm64/hello"), conf);
    }
    project.write("scenarios/outputs/scenario.toml", &scenario);
    project.write("scenarios/outputs/src/hello", HELLO);
    let results = project.path().join("results");
    let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .current_dir(project.path())
        .args([
            "run",
            "outputs",
            "--rounds",
            "1",
            "--keep-contaminated",
            "--settle=0s",
        ])
        .args(["--host", &engine.host, "--builder", "default"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let run = read_run(&runs(&results)[0]).unwrap();
    // Each was looked at, whatever else is to be told.
    let unknown = run
        .run
        .warnings
        .iter()
        .find(|told| told.contains("not known"));
    assert_eq!(unknown, None);
    for sample in &run.run.samples {
        let expected = wrong.iter().find(|(name, kind, _)| {
            *name == sample.slot.variant && *kind == sample.slot.kind.to_string()
        });
        let Some((_, _, told)) = expected else {
            let right = [Outcome::Ok, Outcome::Skipped].contains(&sample.outcome);
            assert!(right, "{sample:?}");
            continue;
        };
        assert_eq!(sample.outcome, Outcome::WrongOutput, "{sample:?}");
        let message = &sample.failure.as_ref().unwrap().message;
        let place = "hello --version on linux/arm64 ";
        assert!(
            message.contains(place) && message.contains(told),
            "{message}"
        );
    }
    let right = run.run.samples.iter().filter(|s| s.slot.variant == "right");
    assert!(right.clone().all(|s| s.outcome == Outcome::Ok));
    assert_eq!(right.count(), 2);
    assert_eq!(image_ids(&engine.host).await, before, "an image is left");
    let left = containers(&engine.host).await;
    assert!(
        !left
            .iter()
            .any(|image| image.starts_with("buildrace-smoke")),
        "a container is left of {left:?}"
    );
}
