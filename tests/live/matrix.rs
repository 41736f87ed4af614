//! A race over several builders, and one over several versions of QEMU, on real
//! ones.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use buildrace::builder::Builder;
use buildrace::engine::binfmt;
use buildrace::engine::private::Qemu;
use buildrace::model::{Outcome, Sample, split_cell};
use buildrace::store::{StoredRun, read_run, read_trace};

use crate::harness;
use crate::project::Project;
use crate::race::wait_for;
use crate::support::Engine;

/// The image of a builder of buildrace's own.
const BUILDKIT: &str = "moby/buildkit:buildx-stable-1";

struct Race {
    project: Project,
    host: String,
}

impl Race {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
        command
            .current_dir(self.project.path())
            .args(args)
            .args(["--host", &self.host])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it, and returns what it said.
    fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }

    fn folder(&self) -> Option<PathBuf> {
        let runs = fs::read_dir(self.project.path().join("results")).ok()?;
        let mut folders = runs.flatten().map(|entry| entry.path());
        folders.find(|folder| folder.join("run.json").is_file())
    }

    fn stored(&self) -> StoredRun {
        read_run(&self.folder().unwrap()).unwrap()
    }

    /// The variant of the sample that is built now.
    fn building(&self) -> Option<String> {
        let events = fs::read_to_string(self.folder()?.join("events.jsonl")).ok()?;
        let last: serde_json::Value = serde_json::from_str(events.lines().last()?).ok()?;
        let sample = last["sample"].as_str()?;
        let plan = self.stored().run.record.plan;
        let slot = plan.into_iter().find(|slot| slot.id == sample)?;
        (last["event"] == "sample-started").then_some(slot.variant)
    }

    /// Kills a race while it builds at a value.
    fn kill_at(&self, args: &[&str], value: &str) {
        let mut child = self.command(args).spawn().unwrap();
        wait_for("the sample to kill the race in", || {
            assert_eq!(child.try_wait().unwrap(), None, "it ended before");
            let variant = self.building()?;
            (split_cell(&variant).1 == Some(value)).then_some(())
        });
        harness::signal(&child, "KILL");
        child.wait().unwrap();
    }
}

fn docker(host: &str) -> bollard::Docker {
    let socket = host.strip_prefix("unix://").unwrap();
    bollard::Docker::connect_with_unix(socket, 60, bollard::API_DEFAULT_VERSION).unwrap()
}

async fn has_own_builders(host: &str) -> bool {
    let found = docker(host).inspect_image(BUILDKIT).await.is_ok();
    if !found {
        eprintln!("skipped, as the engine has no image {BUILDKIT}");
    }
    found
}

/// Names of the containers that buildrace made for runs, of the killed one, too.
async fn containers_of_ours(host: &str) -> Vec<String> {
    let all = bollard::query_parameters::ListContainersOptions {
        all: true,
        ..Default::default()
    };
    let containers = docker(host).list_containers(Some(all)).await.unwrap();
    let names = containers
        .into_iter()
        .flat_map(|c| c.names.unwrap_or_default());
    names
        .filter(|name| name.contains("buildrace-builder-"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_matrix_of_builders_is_measured_resumed_and_leaves_nothing() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    if !has_own_builders(&engine.host).await {
        return;
    }
    let (project, host) = (Project::new(), engine.host.clone());
    let race = Race { project, host };
    let args = [
        "run",
        "tiny",
        "--kinds",
        "cold,multi-arch",
        "--matrix",
        "builder=default,container",
        "--rounds",
        "1",
        "--keep-contaminated",
        "--settle=0s",
    ];
    race.kill_at(&args, "container");
    let run = race.stored().run.record.run;
    let said = race.run(&["run", "--resume", &run]);
    assert!(said.contains("builder container: "), "{said}");

    let stored = race.stored().run;
    assert_eq!(stored.samples.len(), 8);
    assert!(stored.samples.iter().all(|s| s.outcome == Outcome::Ok));
    let drivers: Vec<(&str, &str)> = stored.record.scenarios[0]
        .variants
        .iter()
        .map(|v| (v.name.as_str(), v.builder.as_ref().unwrap().driver.as_str()))
        .collect();
    let expected = [
        ("naive@default", "docker"),
        ("cross@default", "docker"),
        ("naive@container", "docker-container"),
        ("cross@container", "docker-container"),
    ];
    assert_eq!(drivers, expected);
    let summary = race.project.path().join("reports").join(&run);
    let summary = fs::read_to_string(summary.join("summary.md")).unwrap();
    assert!(summary.contains("- container: docker-container driver, BuildKit "));
    assert!(summary.contains("naive@container → cross@container"));
    let left = containers_of_ours(&race.host).await;
    assert!(left.is_empty(), "{left:?}");
    let records = engine.builder.cache_records().await.unwrap();
    let ours = |description: &str| description.contains(&run);
    assert!(!records.iter().any(|record| ours(&record.description)));
    let history = engine.builder.history().await.unwrap();
    assert!(!history.iter().any(|build| build.reference.contains(&run)));
}

/// Two versions of QEMU, where the engine is a private one and both are there.
fn two_qemus(host: &str) -> Option<[String; 2]> {
    let skip = |why: &str| {
        eprintln!("skipped: {why}");
        None
    };
    if !nix::unistd::geteuid().is_root() || !host.contains("/buildrace/engine") {
        return skip("only root replaces emulators, and for a private engine alone");
    }
    match ["trixie", "sid"].map(Qemu::find) {
        [Ok(one), Ok(other)] if one.version != other.version => Some([one.version, other.version]),
        _ => skip("it takes the roots of two releases, each with a QEMU of its own"),
    }
}

/// The interpreters of arm64, as the kernel has them.
fn interpreters() -> Vec<PathBuf> {
    let arm64 = binfmt::architecture("arm64").unwrap();
    let handlers = binfmt::handlers().into_iter();
    handlers
        .filter(|handler| handler.serves(arm64))
        .map(|handler| handler.interpreter)
        .collect()
}

/// What the steps of a sample wrote.
fn log_of(stored: &StoredRun, sample: &Sample) -> String {
    let trace = read_trace(&stored.dir, &sample.slot.id).unwrap();
    let statuses = trace.map(|status| status.unwrap());
    let logs = statuses.flat_map(|status| status.logs);
    let bytes: Vec<u8> = logs.flat_map(|log| log.data).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_build_runs_under_its_qemu_and_the_one_of_before_comes_back() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let Some([old, new]) = two_qemus(&engine.host) else {
        return;
    };
    let before = interpreters();
    let (project, host) = (Project::new(), engine.host.clone());
    // With this variable QEMU tells its version and runs no program.
    project.write(
        "Dockerfile",
        "FROM debian:trixie-slim\nRUN env QEMU_VERSION=1 /bin/true\nRUN sleep 1\n",
    );
    let race = Race { project, host };
    let matrix = format!("qemu={new},{old}");
    let args = [
        "compare",
        "Dockerfile",
        "--platform",
        "linux/arm64",
        "--matrix",
        &matrix,
        "--rounds",
        "2",
        "--keep-contaminated",
        "--settle=0s",
    ];
    race.run(&args);
    assert_eq!(interpreters(), before);
    let stored = race.stored();
    assert_eq!(stored.run.samples.len(), 4);
    for sample in &stored.run.samples {
        assert_eq!(sample.outcome, Outcome::Ok);
        let version = split_cell(&sample.slot.variant).1.unwrap();
        let version = version.strip_prefix("qemu-").unwrap();
        let log = log_of(&stored, sample);
        assert!(log.contains(&format!("version {version}")), "{log}");
    }
    let variants = &stored.run.record.scenarios[0].variants;
    let versions: Vec<_> = variants
        .iter()
        .map(|v| v.emulators.as_ref().unwrap()[0].version.clone().unwrap())
        .collect();
    assert_eq!(versions, [new.clone(), old]);

    // One that is killed leaves it to the next.
    fs::remove_dir_all(race.project.path().join("results")).unwrap();
    let value = format!("qemu-{new}");
    race.kill_at(&args, &value);
    assert_ne!(interpreters(), before);
    let mut up = Command::new(env!("CARGO_BIN_EXE_buildrace"));
    let up = up.args(["engine", "up"]).output().unwrap();
    assert!(up.status.success());
    assert_eq!(interpreters(), before);
}
