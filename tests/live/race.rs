//! Whole races on a real engine, started as a person starts them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use buildrace::builder::{Builder, NodeBuilder};
use buildrace::model::{BuildKind, Outcome};
use buildrace::store::{StoredRun, read_run};

use crate::harness::{self, SomeoneElse};
use crate::project::Project;
use crate::support::Engine;

/// A guard against hanging, not a claim about speed.
const PATIENCE: Duration = Duration::from_secs(120);

fn buildrace(project: &Project, host: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
    command
        .current_dir(project.path())
        .args([
            "run",
            "tiny",
            "--rounds",
            "1",
            "--host",
            host,
            "--builder",
            "default",
        ])
        // Others who use the machine meanwhile are no matter here.
        .args(["--keep-contaminated", "--settle=0s"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run_folder(project: &Project) -> Option<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(project.path().join("results"))
        .ok()?
        .flatten()
        .collect();
    assert!(folders.len() <= 1, "more runs than were started");
    folders.pop().map(|entry| entry.path())
}

fn stored(project: &Project) -> StoredRun {
    read_run(&run_folder(project).expect("the run left no folder")).unwrap()
}

/// Waits until `condition` holds.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "{what} never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}

async fn active_builds_of_runs(host: &str) -> usize {
    let builder = NodeBuilder::docker(host).await.unwrap();
    let builds = builder.history().await.unwrap();
    builds
        .iter()
        .filter(|build| build.completed.is_none() && build.reference.starts_with("buildrace-2"))
        .count()
}

/// Waits until the incremental sample has begun.
fn wait_for_incremental(project: &Project) {
    wait_for("the incremental sample", || {
        let events = fs::read_to_string(run_folder(project)?.join("events.jsonl")).ok()?;
        let last = events.lines().last()?;
        (last.contains("sample-started") && last.contains("incremental")).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_starts_from_the_state_it_should() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let host = engine.host.clone();
    let project = Project::new();
    let output = buildrace(&project, &host).arg("--json").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");

    let run = stored(&project);
    assert_eq!(run.run.samples.len(), 8);
    for sample in &run.run.samples {
        assert_eq!(sample.outcome, Outcome::Ok);
        let (steps, cached) = (sample.steps, sample.cached_steps);
        match sample.slot.kind {
            BuildKind::Cold | BuildKind::MultiArch => {
                assert_eq!(cached, 0, "{} took steps from a cache", sample.slot.id);
            }
            // What the edit touches is built again, and nothing else.
            BuildKind::Incremental | BuildKind::IncrementalOf(_) | BuildKind::Concurrent(_) => {
                assert!(0 < cached && cached < steps, "{}", sample.slot.id);
            }
            BuildKind::Noop => assert_eq!(cached, steps, "{} built again", sample.slot.id),
            kind => panic!("{kind} is not raced here"),
        }
        let platforms = if sample.slot.kind == BuildKind::Cold {
            1
        } else {
            2
        };
        assert_eq!(sample.platforms.len(), platforms);
    }

    // The contract of --json: the last thing on stdout names what was left.
    let stdout = String::from_utf8(output.stdout).unwrap();
    let answer: serde_json::Value =
        serde_json::from_str(stdout.trim_end().lines().last().unwrap()).unwrap();
    assert_eq!(answer["run"], run.run.record.run.as_str());
    let results = project.path().join(answer["results"].as_str().unwrap());
    let csv = fs::read_to_string(results.join("samples.csv")).unwrap();
    assert!(csv.starts_with("run,scenario,variant,kind,round,position,platforms,outcome,wall_seconds,server_seconds,steps,cached_steps"));
    assert_eq!(csv.lines().count(), 9);
    let reports = project.path().join(answer["reports"].as_str().unwrap());
    assert!(
        fs::read_to_string(reports.join("summary.md"))
            .unwrap()
            .contains("naive")
    );
    assert!(
        fs::read_to_string(reports.join("headline.svg"))
            .unwrap()
            .starts_with("<svg")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_keep_on_the_engine_stays_and_nothing_of_ours_does() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let host = engine.host.clone();
    // Somebody else's build, with layers, a cache mount and an image.
    let theirs = SomeoneElse::builds(&host).await;
    let before = (
        harness::cache_ids(&host).await,
        harness::image_ids(&host).await,
    );
    let project = Project::new();
    let output = buildrace(&project, &host).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let after = (
        harness::cache_ids(&host).await,
        harness::image_ids(&host).await,
    );
    theirs.leaves(&host).await;
    // What is removed from somebody else's cache costs them all of it, so there
    // a run leaves what it added.
    let endpoint = buildrace::engine::Endpoint::new(host, "--host");
    match endpoint.is_private() {
        true => assert_eq!(before.0, after.0, "cache records changed"),
        false => assert!(before.0.is_subset(&after.0), "cache records are gone"),
    }
    assert_eq!(before.1, after.1, "images changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_cancels_on_the_server_and_keeps_what_was_measured() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let host = engine.host.clone();
    let project = Project::new();
    // The nonce of the edit makes only incremental builds hang.
    let hang = "FROM debian:trixie-slim\nCOPY . /src\nRUN if ! grep -q 'nonce: none' /src/greeting; then sleep 600; fi\n";
    project.write("dockerfiles/tiny/naive.Dockerfile", hang);
    project.write("dockerfiles/tiny/cross.Dockerfile", hang);
    let mut child = buildrace(&project, &host)
        .arg("--kinds")
        .arg("incremental")
        .spawn()
        .unwrap();
    wait_for_incremental(&project);
    std::thread::sleep(Duration::from_secs(2));
    assert!(active_builds_of_runs(&host).await > 0);
    harness::signal(&child, "INT");
    let started = Instant::now();
    while active_builds_of_runs(&host).await > 0 {
        assert!(
            started.elapsed() < PATIENCE,
            "the solve is still on the server"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eprintln!("gone on the server after {:?}", started.elapsed());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let run = stored(&project);
    let outcomes: Vec<_> = run
        .run
        .samples
        .iter()
        .map(|sample| (sample.slot.kind, sample.outcome))
        .collect();
    assert_eq!(
        outcomes,
        [
            (BuildKind::MultiArch, Outcome::Ok),
            (BuildKind::Incremental, Outcome::Interrupted)
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_is_a_sample_with_its_reason() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let host = engine.host.clone();
    let project = Project::new();
    project.write(
        "dockerfiles/tiny/cross.Dockerfile",
        "FROM debian:trixie-slim\nRUN echo before the end && exit 7\n",
    );
    let output = buildrace(&project, &host).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let run = stored(&project);
    let failed = run
        .run
        .samples
        .iter()
        .find(|s| s.slot.variant == "cross" && s.slot.kind == BuildKind::Cold)
        .unwrap();
    assert_eq!(failed.outcome, Outcome::Failed);
    let failure = failed.failure.as_ref().unwrap();
    assert_eq!(failure.exit_code, Some(7));
    assert!(
        failure.step.as_ref().unwrap().contains("exit 7"),
        "{failure:?}"
    );
    assert!(
        failure
            .log_tail
            .iter()
            .any(|line| line.contains("before the end")),
        "{failure:?}"
    );
    // The other variant was measured all the same, and what builds on a
    // failure is not measured at all.
    assert!(
        run.run
            .samples
            .iter()
            .filter(|s| s.slot.variant == "naive")
            .all(|s| s.outcome == Outcome::Ok)
    );
    let noop = run
        .run
        .samples
        .iter()
        .find(|s| s.slot.variant == "cross" && s.slot.kind == BuildKind::Noop);
    assert_eq!(noop.unwrap().outcome, Outcome::Skipped);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("exit code 7"), "{stdout}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_hangs_is_timed_out() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let host = engine.host.clone();
    let project = Project::new();
    let hang = "FROM debian:trixie-slim\nRUN echo waiting && sleep 600\n";
    project.write("dockerfiles/tiny/naive.Dockerfile", hang);
    let output = buildrace(&project, &host)
        .args(["--variant", "naive", "--kinds", "cold", "--timeout", "5s"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let sample = &stored(&project).run.samples[0];
    assert_eq!(sample.outcome, Outcome::TimedOut);
    assert!(
        sample
            .failure
            .as_ref()
            .unwrap()
            .step
            .as_ref()
            .unwrap()
            .contains("sleep 600")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_a_lost_builder() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let host = engine.host.clone();
    let project = Project::new();
    let hang = "FROM debian:trixie-slim\nCOPY . /src\nRUN if ! grep -q 'nonce: none' /src/greeting; then sleep 600; fi\n";
    project.write("dockerfiles/tiny/naive.Dockerfile", hang);
    let before = harness::cache_ids(&host).await;
    let proxy = harness::Proxy::start(&host, project.path());
    let mut child = buildrace(&project, &proxy.host)
        .args(["--variant", "naive", "--kinds", "incremental"])
        .spawn()
        .unwrap();
    wait_for_incremental(&project);
    std::thread::sleep(Duration::from_secs(2));
    proxy.cut();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    let run = stored(&project);
    let outcomes: Vec<_> = run
        .run
        .samples
        .iter()
        .map(|sample| (sample.slot.kind, sample.outcome))
        .collect();
    assert_eq!(
        outcomes,
        [
            (BuildKind::MultiArch, Outcome::Ok),
            (BuildKind::Incremental, Outcome::LostBuilder)
        ]
    );
    assert!(run_folder(&project).unwrap().join("samples.csv").exists());
    harness::prune_since(&host, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_emulator_for_a_platform() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let handlers = buildrace::engine::binfmt::handlers();
    let foreign = ["s390x", "ppc64le", "riscv64", "mips64le"]
        .into_iter()
        .find(|name| {
            let architecture = buildrace::engine::binfmt::architecture(name);
            architecture.is_some_and(|a| !handlers.iter().any(|handler| handler.serves(a)))
        })
        .expect("this machine emulates everything that the test knows");
    let project = Project::new();
    let output = buildrace(&project, &engine.host)
        .args(["--platform", &format!("linux/amd64,linux/{foreign}")])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains(foreign) && stderr.contains("emulator"),
        "{stderr}"
    );
    let lines = stderr.lines().filter(|line| !line.starts_with("builder: "));
    assert_eq!(lines.count(), 1, "{stderr}");
    assert!(run_folder(&project).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_run_with_one_line_and_keeps_what_was_written() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let host = engine.host.clone();
    let project = Project::new();
    let before = harness::cache_ids(&host).await;
    let small = project.path().join("small");
    fs::create_dir(&small).unwrap();
    // A disk of a few pages that only this process sees.
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs {small} && head -c 40960 /dev/zero > {small}/ballast; \
         {program} run tiny --rounds 1 --keep-contaminated --settle 0s --host {host} --builder default --results {small}/results; code=$?; \
         cp -r {small}/results kept; exit $code",
        small = small.display(),
        program = env!("CARGO_BIN_EXE_buildrace"),
        host = host,
    );
    let output = Command::new("unshare")
        .args(harness::unshare_flags())
        .args(["sh", "-c", &script])
        .current_dir(project.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("No space left on device") || stderr.contains("disk is full"),
        "{stderr}"
    );
    let kept: Vec<_> = fs::read_dir(project.path().join("kept"))
        .unwrap()
        .flatten()
        .collect();
    for folder in kept {
        read_run(&folder.path()).unwrap();
    }
    harness::prune_since(&host, &before).await;
}
