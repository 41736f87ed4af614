//! `docker buildrace`, called by each Docker CLI that is here, and its hook after `docker build`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::builders::is_running;
use super::harness::{prune_those, signal};
use super::race::wait_for;
use super::support::docker::{User, clients, name_of};
use super::support::{Engine, native, unique};
use buildrace::model::{BuildState, Outcome, Platform, RememberedBuild};
use buildrace::store::read_run;

/// A Dockerfile in a folder of its own. Its name is nobody else's, so that its builds are known
/// among those of others.
fn dockerfile(folder: &TempDir, mark: &str, run: &str) -> PathBuf {
    let path = folder.path().join(format!("{mark}.Dockerfile"));
    fs::write(&path, format!("FROM debian:trixie-slim\nRUN {run}\n")).unwrap();
    path
}

#[tokio::test]
async fn each_docker_cli_runs_lists_and_completes_the_plugin() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    for user in clients().into_iter().map(User::of) {
        let version = user.docker(&["buildrace", "--version"]);
        assert!(version.starts_with("buildrace 0"), "{version}");
        let completed = user.docker(&["__complete", "buildrace", "expl"]);
        assert!(completed.starts_with("explain\t"), "{completed}");
        let help = user.docker(&["buildrace", "run", "--help"]);
        assert!(help.contains("Usage: docker buildrace run"), "{help}");

        let address = format!("host={}", engine.host);
        user.docker(&["context", "create", "live", "--docker", &address]);
        let plugins = user.docker(&[
            "--context",
            "live",
            "info",
            "--format",
            "{{json .ClientInfo.Plugins}}",
        ]);
        let plugins: Value = serde_json::from_str(&plugins).unwrap();
        let plugins = plugins.as_array().unwrap();
        let own = plugins.iter().find(|plugin| plugin["Name"] == "buildrace");
        let own = own.unwrap_or_else(|| panic!("{plugins:?}"));
        assert_eq!(own["Vendor"], "buildrace");
        assert_eq!(own["Err"], Value::Null);

        for flags in [["--context", "live"], ["--host", &engine.host]] {
            let args = [&flags[..], &["buildrace", "builders", "--json"]].concat();
            let builders = user.docker(&args);
            assert!(builders.contains(&engine.host), "{builders}");
        }
    }
}

#[tokio::test]
async fn a_docker_cli_runs_a_scenario_of_the_repository() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let user = clients().into_iter().map(User::of).next().unwrap();
    let folder = TempDir::new().unwrap();
    let [results, reports] = ["results", "reports"].map(|name| folder.path().join(name));
    let mut command = Command::new(&user.docker);
    user.prepare(&mut command);
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["--host", &engine.host, "buildrace", "run", "go-hello"])
        .args(["--builder", "default", "--variant", "cross"])
        .args(["--kinds", "cold", "--rounds", "1"])
        // Others who use the machine meanwhile are no matter here.
        .args(["--keep-contaminated", "--settle=0s"])
        .arg("--results")
        .arg(&results)
        .arg("--reports")
        .arg(&reports)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let runs: Vec<PathBuf> = fs::read_dir(&results)
        .unwrap()
        .map(|run| run.unwrap().path())
        .collect();
    let [run] = runs.as_slice() else {
        panic!("{runs:?}");
    };
    let samples = read_run(run).unwrap().run.samples;
    let told: Vec<(&str, Outcome)> = samples
        .iter()
        .map(|sample| (sample.slot.id.as_str(), sample.outcome))
        .collect();
    assert_eq!(told, [("r1-01-go-hello-cross-cold", Outcome::Ok)]);
    let report = reports.join(run.file_name().unwrap());
    assert!(report.join("index.html").is_file(), "{said}");
}

/// Without a terminal docker tells a plugin of a signal by its socket alone.
#[tokio::test]
async fn a_signal_to_docker_cancels_the_build() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let clients = clients();
    let count = clients.len();
    let mark = unique("mark");
    for user in clients.into_iter().map(User::of) {
        let folder = TempDir::new().unwrap();
        let hanging = format!("echo {}; sleep 300", unique(&mark));
        let dockerfile = dockerfile(&folder, &unique(&mark), &hanging);
        let name = name_of(&dockerfile);
        let mut command = Command::new(&user.docker);
        user.prepare(&mut command);
        let mut docker = command
            .args(["--host", &engine.host, "buildrace", "explain", name])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(docker.stderr.take().unwrap()).lines();
        let mut next = |begin: &str| {
            let mut lines = lines.by_ref().map(Result::unwrap);
            lines.any(|line| line.starts_with(begin))
        };
        assert!(next("building "));
        let state = |builds: &[RememberedBuild]| {
            let is_own =
                |build: &&RememberedBuild| build.inputs.dockerfile.as_deref() == Some(name);
            builds.iter().find(is_own).map(RememberedBuild::state)
        };
        while state(&engine.builder.remembered_builds().await.unwrap()) != Some(BuildState::Running)
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // A container that is only about to start outlives its build: BuildKit does not kill it.
        wait_for("the step", || is_running(&hanging).then_some(()));
        signal(&docker, "INT");
        assert!(next("interrupted: cancelling the build"));
        assert_eq!(docker.wait().unwrap().code(), Some(130));
        // BuildKit writes the record of a build for a while after its client has gone.
        let mut ended = state(&engine.builder.remembered_builds().await.unwrap());
        for _ in 0..200 {
            if ended != Some(BuildState::Running) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
            ended = state(&engine.builder.remembered_builds().await.unwrap());
        }
        assert_eq!(ended, Some(BuildState::Cancelled));
    }
    engine.clean(count, &mark).await;
}

#[tokio::test]
async fn after_a_build_the_hook_names_emulation_and_a_lost_cache_alone() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let own = native();
    let foreign = match own.architecture() {
        "amd64" => Platform::linux("arm64"),
        _ => Platform::linux("amd64"),
    };
    let clients = clients();
    let count = clients.len();
    let mark = unique("mark");
    for user in clients.into_iter().map(User::of) {
        user.buildrace(&["plugin", "hook", "on", "--threshold", "500ms"]);
        let folder = TempDir::new().unwrap();
        let nonce = unique(&mark);
        let dockerfile = dockerfile(&folder, &nonce, &format!("sleep 1; echo {nonce}"));
        let build = |platform: &Platform| user.build(&engine.host, &dockerfile, platform);
        let is_quiet = |shown: &str| !shown.contains("docker buildrace");
        // Whoever else prunes the engine takes everybody's cache.
        let cached = |platform: &Platform| {
            let mut builds = (0..5).map(|_| build(platform));
            builds
                .find(|shown| shown.contains("CACHED [2/2]"))
                .expect("a cached build")
        };

        let shown = build(&foreign);
        let expected = format!("RUN sleep 1; echo {mark}");
        assert!(shown.contains("What's next:"), "{shown}");
        assert!(shown.contains(&expected), "{shown}");
        assert!(
            shown.contains(&format!("is emulated on {foreign}")),
            "{shown}"
        );
        assert!(
            shown.contains(&format!("explain --last --file {}`", name_of(&dockerfile))),
            "{shown}"
        );
        let shown = cached(&foreign);
        assert!(is_quiet(&shown), "{shown}");

        let shown = build(&own);
        assert!(is_quiet(&shown), "{shown}");
        prune_those(&engine.builder, |it| it.description.contains(&nonce)).await;
        let shown = build(&own);
        assert!(
            shown.contains("its record is gone from the builder's cache"),
            "{shown}"
        );

        user.buildrace(&["plugin", "hook", "off"]);
        assert!(!user.config.path().join("config.json").exists());
    }
    engine.clean(4 * count, &mark).await;
}
