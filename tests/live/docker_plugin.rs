//! `docker buildrace`, called by each Docker CLI that is here, and its hook after `docker build`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use buildrace::builder::Builder;
use serde_json::Value;
use tempfile::TempDir;

use super::harness::signal;
use super::support::{Engine, buildx, native, unique};
use buildrace::model::{BuildState, Platform, RememberedBuild};

/// Docker CLIs: that of the PATH, and the private engine's.
fn clients() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut clients: Vec<PathBuf> = std::env::split_paths(&path)
        .map(|folder| folder.join("docker"))
        .filter(|client| client.is_file())
        .take(1)
        .collect();
    let status = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .args(["engine", "status", "--json"])
        .output()
        .unwrap();
    let status: Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
    clients.extend(status["docker_cli"].as_str().map(PathBuf::from));
    clients.retain(|client| client.is_file());
    assert!(!clients.is_empty(), "no docker is here: install docker-cli");
    clients
}

/// Somebody who uses a Docker CLI with the plugin.
struct User {
    docker: PathBuf,
    config: TempDir,
}

impl User {
    fn of(docker: PathBuf) -> Self {
        let config = TempDir::new().unwrap();
        let plugins = config.path().join("cli-plugins");
        fs::create_dir(&plugins).unwrap();
        symlink(buildx::program(), plugins.join("docker-buildx")).unwrap();
        let user = Self { docker, config };
        user.buildrace(&["plugin", "install"]);
        user
    }

    fn prepare(&self, command: &mut Command) {
        command
            .env("DOCKER_CONFIG", self.config.path())
            .env("TERM", "xterm")
            .env_remove("DOCKER_HOST")
            .env_remove("DOCKER_CONTEXT")
            .env_remove("BUILDX_BUILDER")
            .env_remove("DOCKER_CLI_HINTS")
            .env_remove("DOCKER_CLI_HOOKS");
    }

    fn buildrace(&self, args: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
        self.prepare(&mut command);
        let output = command.args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
    }

    /// What docker prints to stdout.
    fn docker(&self, args: &[&str]) -> String {
        let mut command = Command::new(&self.docker);
        self.prepare(&mut command);
        let output = command.args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a terminal shows of a `docker build`.
    fn build(&self, host: &str, dockerfile: &Path, platform: &Platform) -> String {
        let docker = self.docker.display();
        let line = format!(
            "{docker} -H {host} build --output type=cacheonly --platform {platform} -f {} .",
            name_of(dockerfile)
        );
        let mut command = Command::new("script");
        self.prepare(&mut command);
        let output = command
            .current_dir(dockerfile.parent().unwrap())
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .output()
            .expect("script, of bsdutils, runs a program in a terminal");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{shown}");
        shown
    }
}

fn name_of(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

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
        let dockerfile = dockerfile(&folder, &unique(&mark), &format!("echo {mark}; sleep 300"));
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
        signal(&docker, "INT");
        assert!(next("interrupted: cancelling the build"));
        assert_eq!(docker.wait().unwrap().code(), Some(130));
        let builds = engine.builder.remembered_builds().await.unwrap();
        assert_eq!(state(&builds), Some(BuildState::Cancelled));
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
        let records = engine.builder.cache_records().await.unwrap();
        let lost = records
            .into_iter()
            .filter(|it| it.description.contains(&nonce));
        let lost: Vec<String> = lost.map(|record| record.id).collect();
        engine.builder.prune(&lost).await.unwrap();
        let shown = build(&own);
        assert!(
            shown.contains("its record is gone from the builder's cache"),
            "{shown}"
        );

        user.buildrace(&["plugin", "hook", "off"]);
        engine.builder.prune(&lost).await.unwrap();
        assert!(!user.config.path().join("config.json").exists());
    }
    engine.clean(4 * count, &mark).await;
}
