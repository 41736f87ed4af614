//! The private engine from nothing to nothing, by the commands that a person
//! gives: interrupted while it is made, repaired, lost in the middle of a race,
//! started again, stopped, hanging, removed.
//!
//! It is one test, since making the engine takes the most of it and each stage
//! goes on from the one before. The engine lives in a cache folder of its own:
//! the user's is only asked for a base image, which `buildrace images` put
//! there. Making an engine needs root; `BUILDRACE_SKIP_LIVE=1` skips the test.

#[path = "support/project.rs"]
mod project;

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bollard::exec::StartExecResults;
use bollard::models::{ContainerCreateBody, ExecConfig};
use bollard::query_parameters::{
    CreateContainerOptions, ImportImageOptions, RemoveContainerOptions,
};
use buildrace::engine::private::Paths;
use buildrace::engine::{Endpoint, Engine, binfmt, locate};
use buildrace::model::{BuildKind, Outcome, Platform, Release};
use buildrace::store::read_run;
use futures_util::StreamExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use project::Project;
use serde_json::Value;
use tempfile::TempDir;

/// A guard against hanging, not a claim about speed.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the scenario of [`Project`] builds on.
const BASE_IMAGE: &str = "debian:trixie-slim";

/// Both platforms of the scenario, and one for which most machines have no
/// emulator yet, so that there is one to register and to take back.
const EMULATED: &str = "amd64,arm64,s390x";

/// Another such one, for an engine that runs already.
const EMULATED_LATER: &str = "ppc64le";

#[tokio::test(flavor = "multi_thread")]
async fn a_private_engine_from_nothing_to_nothing() {
    let Some(private) = Private::take() else {
        return;
    };
    let source = engine_with_base_image().await;
    assert_eq!(private.status()["state"], "absent");
    private.down_finds_nothing_to_stop();

    private.is_interrupted_while_it_is_made();
    let first = private.comes_up();
    assert!(
        !private.old_root_file().exists(),
        "what was half-made was not made anew"
    );
    assert_eq!(private.comes_up(), first, "a running engine was restarted");

    private.gets_another_emulator(first);
    private.takes_base_image(&source).await;
    private.runs_commands_in_its_containers().await;
    private.is_lost_during_a_build();
    let second = private.comes_up();
    assert_ne!(second, first);
    assert!(
        private.has_base_image().await,
        "the image was lost with the engine"
    );

    private.run(&["down"]).succeeds();
    assert_eq!(private.status()["state"], "stopped");
    private.leaves_nothing_running();
    private.down_finds_nothing_to_stop();

    let third = private.comes_up();
    private.hangs();
    assert_ne!(
        private.comes_up(),
        third,
        "what hangs was not started again"
    );

    // Removing stops what still runs.
    let said = private.run(&["rm"]).succeeds();
    assert!(said.stderr.contains("removed"), "{}", said.stderr);
    private.leaves_nothing_running();
    let left: Vec<_> = walkdir::WalkDir::new(private.cache.path())
        .into_iter()
        .flatten()
        .filter(|entry| !entry.file_type().is_dir())
        .map(|entry| entry.into_path())
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    assert!(!private.paths.folder().exists());
    assert_eq!(private.status()["state"], "absent");
    let said = private.run(&["rm"]).succeeds();
    assert!(said.stderr.contains("there was none"), "{}", said.stderr);
}

/// A private engine in a cache folder of its own, removed when the test ends,
/// however it ends.
struct Private {
    cache: TempDir,
    paths: Paths,
}

impl Private {
    /// `None` where live tests are to be skipped.
    fn take() -> Option<Self> {
        if std::env::var_os("BUILDRACE_SKIP_LIVE").is_some_and(|v| v == "1") {
            eprintln!("skipped, as BUILDRACE_SKIP_LIVE=1 asks");
            return None;
        }
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test makes a private engine, and that needs root: run \
             `cargo test --test private_engine` as root. \
             BUILDRACE_SKIP_LIVE=1 skips the tests that need an engine."
        );
        // Short, for a socket's path must be.
        let cache = tempfile::Builder::new().prefix("br-").tempdir().unwrap();
        let paths = Paths::under(cache.path(), Release::Trixie).unwrap();
        Some(Self { cache, paths })
    }

    fn endpoint(&self) -> Endpoint {
        self.paths.endpoint()
    }

    /// A file of a root that an `up` put in place and this one must not trust.
    fn old_root_file(&self) -> PathBuf {
        self.paths.root().join("of-another-version")
    }

    /// Starts `buildrace engine` with these arguments.
    fn start(&self, arguments: &[&str]) -> Started {
        Started::new(
            Command::new(env!("CARGO_BIN_EXE_buildrace"))
                .arg("engine")
                .args(arguments)
                .env("XDG_CACHE_HOME", self.cache.path())
                // Else the socket would be given away.
                .env_remove("SUDO_UID"),
        )
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// What `engine status` says; its exit code must agree.
    fn status(&self) -> Value {
        let said = self.run(&["status", "--json"]);
        let status: Value = serde_json::from_str(&said.stdout).unwrap();
        let expected = i32::from(status["state"] != "running");
        assert_eq!(said.code, Some(expected), "{status}");
        status
    }

    /// Brings it up, checks what it says of itself, and returns the process
    /// that keeps it running.
    fn comes_up(&self) -> i64 {
        let up = ["up", "--emulate", EMULATED, "--json"];
        let said = self.run(&up).succeeds();
        let status = self.status();
        assert_eq!(status["state"], "running");
        assert_eq!(
            serde_json::from_str::<Value>(&said.stdout).unwrap(),
            status,
            "up and status disagree"
        );
        assert_eq!(status["host"], self.endpoint().host.as_str());
        for architecture in EMULATED.split(',') {
            let architecture = binfmt::architecture(architecture).unwrap();
            assert!(
                architecture.is_native()
                    || binfmt::handlers().iter().any(|handler| {
                        handler.serves(architecture) && handler.works_in_containers()
                    }),
                "no emulator for {}",
                architecture.oci
            );
        }
        status["pid"].as_i64().unwrap()
    }

    /// The engine that runs goes on, and says what it has now.
    fn gets_another_emulator(&self, engine: i64) {
        let later = binfmt::architecture(EMULATED_LATER).unwrap();
        let had = binfmt::handlers().iter().any(|h| h.serves(later));
        let said = self.run(&["up", "--emulate", EMULATED_LATER]).succeeds();
        let status = self.status();
        assert_eq!(status["pid"], engine, "restarted: {}", said.stderr);
        let name = Value::from(format!("buildrace-{EMULATED_LATER}"));
        let listed = status["handlers"].as_array().unwrap().contains(&name);
        assert_ne!(listed, had, "{status}");
        assert!(binfmt::handlers().iter().any(|h| h.serves(later)));
    }

    fn down_finds_nothing_to_stop(&self) {
        let said = self.run(&["down"]).succeeds();
        assert!(said.stderr.contains("not running"), "{}", said.stderr);
    }

    /// Kills an `up` while dpkg unpacks, when mounts and processes are there
    /// to be forgotten.
    fn is_interrupted_while_it_is_made(&self) {
        let mut up = self.start(&["up"]);
        let unpacked = self
            .paths
            .folder()
            .join("making/root/var/lib/dpkg/info/base-files.list");
        wait_for("unpacking the packages", || {
            up.must_not_have_ended();
            unpacked.exists().then_some(())
        });
        up.child.kill().unwrap();
        assert_eq!(up.end().code, None);
        self.leaves_nothing_running();
        assert_eq!(self.status()["state"], "half-made");
        // A root in place without a marker is not trusted either.
        fs::create_dir(self.paths.root()).unwrap();
        fs::write(self.old_root_file(), "").unwrap();
        assert_eq!(self.status()["state"], "half-made");
    }

    /// Copies the base image from another engine.
    async fn takes_base_image(&self, source: &Engine) {
        let target = Engine::connect(&self.endpoint()).await.unwrap();
        let archive = source.docker().export_image(BASE_IMAGE);
        let mut loading = Box::pin(target.docker().import_image_stream(
            ImportImageOptions::default(),
            archive,
            None,
        ));
        while let Some(answer) = loading.next().await {
            answer.unwrap();
        }
        assert!(
            holds_base_image(&target).await,
            "{BASE_IMAGE} was not copied whole"
        );
    }

    /// A command that is run in a container is in that container: buildx's
    /// docker-container driver reaches its BuildKit that way.
    async fn runs_commands_in_its_containers(&self) {
        let engine = Engine::connect(&self.endpoint()).await.unwrap();
        let docker = engine.docker();
        let body = ContainerCreateBody {
            image: Some(BASE_IMAGE.into()),
            cmd: Some(vec!["sleep".into(), "600".into()]),
            hostname: Some("in-the-container".into()),
            ..ContainerCreateBody::default()
        };
        let created = docker
            .create_container(None::<CreateContainerOptions>, body)
            .await
            .unwrap();
        docker.start_container(&created.id, None).await.unwrap();
        let command = ExecConfig {
            cmd: Some(vec!["cat".into(), "/etc/hostname".into()]),
            attach_stdout: Some(true),
            ..ExecConfig::default()
        };
        let exec = docker.create_exec(&created.id, command).await.unwrap();
        let started = docker.start_exec(&exec.id, None).await.unwrap();
        let StartExecResults::Attached { mut output, .. } = started else {
            panic!("the command is not attached");
        };
        let mut said = String::new();
        while let Some(part) = output.next().await {
            said += &part.unwrap().to_string();
        }
        assert_eq!(said.trim(), "in-the-container");
        let force = RemoveContainerOptions {
            force: true,
            ..RemoveContainerOptions::default()
        };
        docker
            .remove_container(&created.id, Some(force))
            .await
            .unwrap();
    }

    async fn has_base_image(&self) -> bool {
        holds_base_image(&Engine::connect(&self.endpoint()).await.unwrap()).await
    }

    /// Kills dockerd in the middle of a race's build: what was measured before
    /// is kept.
    fn is_lost_during_a_build(&self) {
        let project = Project::new();
        // The nonce of the edit makes only incremental builds hang.
        project.write(
            "dockerfiles/tiny/naive.Dockerfile",
            "FROM debian:trixie-slim\nCOPY . /src\nRUN if ! grep -q 'nonce: none' /src/greeting; then sleep 600; fi\n",
        );
        let mut race = Started::new(
            Command::new(env!("CARGO_BIN_EXE_buildrace"))
                .current_dir(project.path())
                .args(["run", "tiny", "--rounds", "1", "--variant", "naive"])
                .arg("--keep-contaminated")
                .args(["--kinds", "incremental", "--host", &self.endpoint().host]),
        );
        wait_for("the incremental sample", || {
            race.must_not_have_ended();
            let events = fs::read_to_string(run_folder(&project)?.join("events.jsonl")).ok()?;
            let last = events.lines().last()?;
            (last.contains("sample-started") && last.contains("incremental")).then_some(())
        });
        wait_for("the step that hangs", || {
            race.must_not_have_ended();
            self.processes()
                .into_iter()
                .find(|process| process.command.starts_with("sleep"))
        });
        self.signal_dockerd(Signal::SIGKILL);

        let said = race.end();
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        let folder = run_folder(&project).expect("the run left no folder");
        let run = read_run(&folder).unwrap();
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
            ],
            "{}",
            said.stderr
        );
        let rows = fs::read_to_string(folder.join("samples.csv")).unwrap();
        assert_eq!(rows.lines().count(), 3, "{rows}");
        assert!(rows.contains("lost-builder"), "{rows}");

        // The containers of an engine that is gone are gone with it.
        wait_for("the end of the engine's processes", || {
            self.processes().is_empty().then_some(())
        });
        assert_eq!(self.status()["state"], "stopped");
    }

    /// A dockerd that does nothing any more is told from one that is well, and
    /// from none.
    fn hangs(&self) {
        self.signal_dockerd(Signal::SIGSTOP);
        assert_eq!(self.status()["state"], "stuck");
    }

    fn signal_dockerd(&self, signal: Signal) {
        let engine = self
            .processes()
            .into_iter()
            .find(|process| process.command.starts_with("dockerd"))
            .expect("a dockerd of this engine");
        kill(Pid::from_raw(engine.pid), signal).unwrap();
    }

    /// Processes that run in the engine's folder or see a mount of it.
    fn processes(&self) -> Vec<Process> {
        let folder = self.paths.folder().to_str().unwrap();
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok()?;
                let command = fs::read_to_string(entry.path().join("cmdline")).ok()?;
                let mounts = fs::read_to_string(entry.path().join("mountinfo")).ok()?;
                (command.contains(folder) || mounts.contains(folder))
                    .then_some(Process { pid, command })
            })
            .collect()
    }

    /// No process, mount or emulator of it is left, in any mount namespace.
    fn leaves_nothing_running(&self) {
        // A process that was killed takes a moment to be gone.
        let started = Instant::now();
        while !self.processes().is_empty() && started.elapsed() < Duration::from_secs(10) {
            sleep(Duration::from_millis(50));
        }
        let left = self.processes();
        assert!(left.is_empty(), "still there: {left:?}");
        let folder = self.paths.folder();
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        assert!(!mounts.contains(folder.to_str().unwrap()), "{mounts}");
        let handlers = binfmt::handlers();
        let ours = handlers
            .iter()
            .find(|handler| handler.interpreter.starts_with(folder));
        assert!(ours.is_none(), "still registered: {ours:?}");
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if !self.cache.path().join("buildrace/engine").exists() {
            return;
        }
        let removed = Command::new(env!("CARGO_BIN_EXE_buildrace"))
            .args(["engine", "rm"])
            .env("XDG_CACHE_HOME", self.cache.path())
            .status();
        eprintln!("removed the engine of this test: {removed:?}");
    }
}

#[derive(Debug)]
struct Process {
    pid: i32,
    command: String,
}

/// A command that goes on; killed where the test does not wait for its end.
struct Started {
    child: Child,
    stdout: File,
    stderr: File,
}

/// What became of a command.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Started {
    /// Its output goes to files: nothing that it leaves running can hold the
    /// test up by holding a pipe.
    fn new(command: &mut Command) -> Self {
        let (stdout, stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout.try_clone().unwrap())
            .stderr(stderr.try_clone().unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            stdout,
            stderr,
        }
    }

    fn must_not_have_ended(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("ended too early ({status}): {}", read(&mut self.stderr));
        }
    }

    fn end(mut self) -> Ended {
        let status = wait_for("the command's end", || self.child.try_wait().unwrap());
        Ended {
            code: status.code(),
            stdout: read(&mut self.stdout),
            stderr: read(&mut self.stderr),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }
}

fn read(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

/// Waits until `condition` holds.
fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "{what} never came");
        sleep(Duration::from_millis(50));
    }
}

/// The engine that the other tests use. It is asked first of all, so that its
/// absence is not found out minutes later.
async fn engine_with_base_image() -> Engine {
    let advice = "`buildrace engine up` and `buildrace images` make an engine with base images; \
                  BUILDRACE_SKIP_LIVE=1 skips the tests that need one";
    let named = std::env::var("BUILDRACE_TEST_HOST")
        .ok()
        .filter(|v| !v.is_empty());
    let endpoint = locate(named.as_deref())
        .await
        .unwrap_or_else(|error| panic!("{error}\n{advice}"));
    let engine = Engine::connect(&endpoint).await.unwrap();
    assert!(
        holds_base_image(&engine).await,
        "the engine at {} lacks {BASE_IMAGE} for linux/amd64 and linux/arm64: {advice}",
        endpoint.host
    );
    engine
}

async fn holds_base_image(engine: &Engine) -> bool {
    let platforms = ["amd64", "arm64"].map(Platform::linux);
    let image = engine.image(BASE_IMAGE, &platforms).await.unwrap();
    image.is_some_and(|image| image.platforms == platforms)
}

fn run_folder(project: &Project) -> Option<PathBuf> {
    let results: &Path = &project.path().join("results");
    let mut folders: Vec<_> = fs::read_dir(results).ok()?.flatten().collect();
    assert!(folders.len() <= 1, "more runs than were started");
    folders.pop().map(|entry| entry.path())
}
