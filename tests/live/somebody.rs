//! On an engine that counts as somebody else's, what their builds find in the
//! cache is the same before and after, however a run ends, and so is the
//! history. It is the engine of the other tests, reached through a socket that
//! is not the private engine's.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use buildrace::builder::{Builder, NodeBuilder};
use buildrace::buildkit::BuildRequest;
use buildrace::model::{BuildKind, Outcome};
use buildrace::store::{StoredRun, read_run};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::git::init;
use crate::harness::{Proxy, cache_ids, prune_since, signal};
use crate::project::Project;
use crate::race::wait_for;
use crate::support::{Engine, Job, fold, native, unique};

/// Somebody whose builds stand on a base image.
struct Somebody {
    folder: TempDir,
    builder: NodeBuilder,
}

impl Somebody {
    async fn on(host: &str) -> Self {
        let somebody = Self {
            folder: TempDir::new().unwrap(),
            builder: NodeBuilder::docker(host).await.unwrap(),
        };
        let mark = unique("theirs");
        let dockerfile = format!(
            "FROM debian:trixie-slim\nWORKDIR /{mark}\nCOPY . .\nRUN echo {mark} > /built\n"
        );
        fs::write(somebody.folder.path().join("Dockerfile"), dockerfile).unwrap();
        somebody.build().await;
        somebody
    }

    /// How many of their steps come from the cache, and the build's reference.
    async fn build(&self) -> (usize, String) {
        let request = BuildRequest {
            reference: unique("somebody-else"),
            ..Job::new(self.folder.path()).request()
        };
        let (sink, mut messages) = mpsc::unbounded_channel();
        let end = self
            .builder
            .build(&request, sink, CancellationToken::new())
            .await;
        end.result.unwrap();
        let mut steps = crate::support::Steps::new();
        while let Ok(status) = messages.try_recv() {
            fold(&mut steps, &status);
        }
        let is_theirs = |name: &str| !name.contains("FROM") && !name.contains("internal");
        let cached = steps
            .iter()
            .filter(|(name, cached)| **cached && is_theirs(name));
        (cached.count(), request.reference)
    }
}

/// buildrace on somebody's engine.
struct Guest {
    project: Project,
    host: String,
}

impl Guest {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
        command
            .current_dir(self.project.path())
            .args(args)
            .args([
                "--host",
                &self.host,
                "--builder",
                "default",
                "--keep-contaminated",
                "--settle=0s",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn runs(&self, args: &[&str]) -> StoredRun {
        let output = self.command(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let folder = self.folders().pop();
        read_run(&folder.unwrap_or_else(|| panic!("{args:?}: {said}"))).unwrap()
    }

    fn folders(&self) -> Vec<PathBuf> {
        let results = fs::read_dir(self.project.path().join("results"));
        let mut folders: Vec<PathBuf> = results
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.join("run.json").is_file())
            .collect();
        folders.sort();
        folders
    }

    /// Starts a run and waits until its incremental build has gone on for a
    /// while.
    fn is_in_mid_build(&self, args: &[&str]) -> Child {
        let before = self.folders().len();
        let child = self.command(args).spawn().unwrap();
        wait_for("the incremental sample", || {
            let folders = self.folders();
            let newest = folders.get(before)?;
            let events = fs::read_to_string(newest.join("events.jsonl")).ok()?;
            let last = events.lines().last()?;
            (last.contains("sample-started") && last.contains("incremental")).then_some(())
        });
        std::thread::sleep(std::time::Duration::from_millis(1500));
        child
    }
}

/// The builds of runs of this guest that the history holds.
async fn remembered(guest: &Guest, builder: &NodeBuilder) -> Vec<String> {
    let runs: Vec<String> = guest
        .folders()
        .iter()
        .map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let history = builder.history().await.unwrap();
    let references = history.into_iter().map(|build| build.reference);
    references
        .filter(|reference| runs.iter().any(|run| reference.contains(run.as_str())))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_builds_find_what_they_found_before() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let before = cache_ids(&engine.host).await;
    let project = Project::new();
    let proxy = Proxy::start(&engine.host, project.path());
    let guest = Guest {
        host: proxy.host.clone(),
        project,
    };
    let somebody = Somebody::on(&engine.host).await;
    let (found, reference) = somebody.build().await;
    assert_eq!(
        found, 3,
        "their own second build does not come from the cache"
    );
    let mut references = vec![reference];
    let mut check = async |after: &str| {
        let (now, reference) = somebody.build().await;
        assert_eq!(now, found, "their builds find less after {after}");
        references.push(reference);
    };

    // Without anything removed between rounds, a chain finds its own alone.
    let own = native().to_string();
    let run = ["run", "tiny", "--platform", &own, "--rounds", "2"];
    let run = guest.runs(&[&run[..], &["--kinds", "cold,incremental,noop"]].concat());
    check("run").await;
    assert_eq!(run.run.samples.len(), 12);
    for sample in &run.run.samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
        let mut like = run.run.samples.iter();
        let first =
            like.find(|s| s.slot.kind == sample.slot.kind && s.slot.variant == sample.slot.variant);
        assert_eq!(
            sample.cached_steps,
            first.unwrap().cached_steps,
            "{}",
            sample.slot.id
        );
        let is_cold = sample.slot.kind == BuildKind::Cold;
        assert_eq!(is_cold, sample.cached_steps == 0, "{}", sample.slot.id);
    }
    let stays = run.run.warnings.iter().any(|w| w.contains("stay"));
    assert!(stays, "{:?}", run.run.warnings);
    assert_eq!(remembered(&guest, &engine.builder).await, [""; 0]);

    let cold = "FROM debian:trixie-slim\nCOPY scenarios /src\nRUN echo built > /built\n";
    guest.project.write("Dockerfile", cold);
    guest
        .project
        .write("Other.Dockerfile", &cold.replace("echo", "echo it is"));
    init(guest.project.path());
    guest.runs(&["compare", "Dockerfile", "Other.Dockerfile", "--rounds", "1"]);
    check("compare").await;
    let runs = guest.folders().len();
    guest
        .project
        .write("Dockerfile", &cold.replace("echo", "echo now"));
    guest.runs(&["check", "--rounds", "1"]);
    assert_eq!(guest.folders().len(), runs + 1, "check has built nothing");
    check("check").await;

    // The nonce of the edit makes only incremental builds hang. Of a build that
    // is cancelled BuildKit may keep no record, of the one before it does.
    let hang = "FROM debian:trixie-slim\nCOPY . /src\nRUN if ! grep -q 'nonce: none' /src/greeting; then sleep 600; fi\n";
    guest
        .project
        .write("dockerfiles/tiny/naive.Dockerfile", hang);
    let hangs = [
        "run",
        "tiny",
        "--variant",
        "naive",
        "--kinds",
        "incremental",
    ];
    let hangs = [&hangs[..], &["--platform", &own]].concat();
    let mut child = guest.is_in_mid_build(&hangs);
    signal(&child, "INT");
    child.wait().unwrap();
    check("Ctrl-C").await;
    assert_eq!(remembered(&guest, &engine.builder).await, [""; 0]);

    let mut child = guest.is_in_mid_build(&hangs);
    signal(&child, "KILL");
    child.wait().unwrap();
    check("SIGKILL").await;
    let left = remembered(&guest, &engine.builder).await;
    assert!(!left.is_empty(), "a killed run cannot have cleaned up");
    // The next run does, by the dead one's name.
    guest.runs(&["compare", "Dockerfile", "Other.Dockerfile", "--rounds", "1"]);
    check("the run after it").await;
    assert_eq!(remembered(&guest, &engine.builder).await, [""; 0]);

    // Theirs are all in the history.
    let history = engine.builder.history().await.unwrap();
    for reference in &references {
        let mut builds = history.iter();
        assert!(
            builds.any(|build| build.reference == *reference),
            "{reference}"
        );
    }
    somebody.builder.forget(&references).await.unwrap();
    prune_since(&engine.host, &before).await;
}
