//! Dockerfiles that build the wrong thing, fast, are caught (the controls), and
//! those that build the right one are not.

use std::path::Path;
use std::process::Command;

use buildrace::model::Outcome;
use buildrace::store::{read_run, runs};

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
        .args(["--keep-contaminated", "--host", &engine.host])
        .arg("--results")
        .arg(&results)
        .arg("--reports")
        .arg(&reports)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let run = read_run(&runs(&results)[0]).unwrap();
    for (name, reason) in controls {
        let sample = run.samples.iter().find(|s| s.scenario == name).unwrap();
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
        .args(["--keep-contaminated", "--host", &engine.host])
        .arg("--results")
        .arg(&results)
        .arg("--reports")
        .arg(&reports)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let run = read_run(&runs(&results)[0]).unwrap();
    let scenario = &run.record.scenarios[0];
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
    assert_eq!(run.samples.len(), 2);
    for sample in &run.samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
    }
}
