//! Our client's time over that of `docker buildx build`, on one engine and in
//! one run, by the docker driver and by a docker-container builder on it: the
//! first sync of a context of 10,000 files and 200 MB, an unchanged build, and a
//! sync after one edit. The ratio is the median of the rounds' ratios.
//!
//! Ours is everything from connecting to the last of the status stream, in
//! this process; buildx's is its whole process. What a process of ours takes
//! to start and end is shown, and counted in the last column. Both build in
//! each round, in alternating order, each a context under a name that the
//! engine has not seen. Its content the engine has built before, so that the
//! step that copies it is cached and it is the sync that is timed.
//! `BUILDRACE_BENCH_ROUNDS` is the number of rounds (5).

#[path = "../tests/live/support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use buildrace::builder::container::{ContainerDial, container_of};
use buildrace::builder::{Builder, NodeBuilder};
use buildrace::buildkit::{BuildEnd, Dial, DockerDial};
use buildrace::engine::{self, Endpoint};
use support::buildx::Buildx;
use support::{Engine, Job, unique};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const FILES: usize = 10_000;
const FILE_BYTES: usize = 20 * 1024;
const KINDS: [&str; 3] = ["first sync", "unchanged", "one edit"];

/// A context in a folder of a new name in each round, as buildx's shared key
/// holds no more of its path than that.
struct Context {
    folder: TempDir,
    root: PathBuf,
    stage: String,
}

impl Context {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let root = folder.path().join("context");
        for i in 0..FILES {
            let at = root.join(format!("d{}/e{}/f{i}", i % 20, i % 50));
            fs::create_dir_all(at.parent().expect("it has one")).expect("a folder");
            let mut content = format!("{i} ").repeat(FILE_BYTES / 4).into_bytes();
            content.truncate(FILE_BYTES);
            fs::write(at, content).expect("a file");
        }
        let stage = unique("stage");
        // Steps carry their stage's name only where there are several.
        let dockerfile = format!("FROM scratch AS {stage}\nCOPY . /\nFROM {stage}\n");
        fs::write(root.join("Dockerfile"), dockerfile).expect("a Dockerfile");
        Self {
            folder,
            root,
            stage,
        }
    }

    fn renew(&mut self) {
        let root = self.folder.path().join(unique("context"));
        fs::rename(&self.root, &root).expect("a new name");
        self.root = root;
    }

    /// Before the edit or after it. The file is written either way, so that it
    /// is new to a sync.
    fn set(&self, state: &str) {
        fs::write(self.root.join("d7/e7/f7"), state).expect("a file");
    }
}

/// A builder that both sides build on.
struct Place {
    driver: &'static str,
    /// What buildx calls it.
    name: String,
    dial: Arc<dyn Dial>,
}

impl Place {
    fn engine(host: &str) -> Self {
        Self {
            driver: "docker",
            name: "default".to_owned(),
            dial: Arc::new(DockerDial::new(host).expect("an address")),
        }
    }

    /// A builder that buildx makes; `None` where its image is not to be had.
    async fn container(engine: &Engine, buildx: &Buildx) -> Option<Self> {
        let name = unique("bench").replace('-', "_");
        let mut create = buildx.verb("create");
        create.args([
            "--driver",
            "docker-container",
            "--bootstrap",
            "--name",
            &name,
        ]);
        if !create.output().expect("buildx runs").status.success() {
            return None;
        }
        let endpoint = Endpoint::new(engine.host.clone(), "bench");
        let engine = engine::Engine::connect_unchecked(&endpoint).await;
        let docker = engine.expect("an engine").docker().clone();
        let container = container_of(&format!("{name}0"));
        Some(Self {
            driver: "docker-container",
            name,
            dial: Arc::new(ContainerDial::new(docker, container)),
        })
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let Some(engine) = runtime.block_on(Engine::take()) else {
        return;
    };
    let buildx = Buildx::on(&engine.host);
    let rounds = std::env::var("BUILDRACE_BENCH_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(5_usize);
    println!(
        "{FILES} files of {FILE_BYTES} bytes, medians of {rounds} rounds in seconds, and the median of the rounds' ratios"
    );
    let mut context = Context::new();
    compare(&Place::engine(&engine.host), &buildx, &mut context, rounds);
    // Not between builds: the engine deletes on for seconds after it answers,
    // and the next build would be timed with that.
    runtime.block_on(engine.clean(2 + 6 * rounds, &context.stage));
    match runtime.block_on(Place::container(&engine, &buildx)) {
        Some(place) => {
            compare(&place, &buildx, &mut context, rounds);
            let removed = buildx.verb("rm").arg(&place.name).output();
            assert!(removed.expect("buildx runs").status.success());
        }
        None => {
            println!("docker-container: not measured, as buildx cannot make such a builder here");
        }
    }
}

/// Builds on both sides, round by round, and prints the ratios.
fn compare(place: &Place, buildx: &Buildx, context: &mut Context, rounds: usize) {
    let mut ours = [const { Vec::new() }; 3];
    let mut theirs = [const { Vec::new() }; 3];
    let mut spawns = Vec::new();
    for state in ["before", "after"] {
        context.set(state);
        build_ours(place, &Job::new(&context.root));
    }
    for round in 0..rounds {
        for side in 0..2 {
            context.renew();
            context.set("before");
            let job = Job::new(&context.root);
            let is_ours = (round + side) % 2 == 0;
            for (kind, name) in KINDS.iter().enumerate() {
                if *name == "one edit" {
                    context.set("after");
                }
                let taken = if is_ours {
                    ours[kind].push(build_ours(place, &job));
                    ours[kind].last()
                } else {
                    theirs[kind].push(build_theirs(buildx, place, &job));
                    theirs[kind].last()
                };
                let who = if is_ours { "buildrace" } else { "buildx" };
                let (driver, round) = (place.driver, round + 1);
                eprintln!(
                    "{driver} round {round} {who}: {name} {:.3} s",
                    seconds(taken)
                );
            }
            spawns.push(spawn());
        }
    }
    let spawn = median(&mut spawns);
    println!(
        "{:<17} {:>10} {:>10} {:>7} {:>17}",
        place.driver, "buildrace", "buildx", "ratio", "with our process"
    );
    for (kind, name) in KINDS.iter().enumerate() {
        let pairs = ours[kind].iter().zip(&theirs[kind]);
        let mut ratios: Vec<f64> = pairs
            .map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        let ratio = ratios[ratios.len() / 2];
        let (ours, theirs) = (median(&mut ours[kind]), median(&mut theirs[kind]));
        println!(
            "  {name:<15} {ours:>10.3} {theirs:>10.3} {ratio:>7.2} {:>17.2}",
            ratio + spawn / theirs
        );
    }
    println!("a process of ours that does nothing: {spawn:.3}");
}

fn build_ours(place: &Place, job: &Job) -> Duration {
    let started = Instant::now();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let end = runtime.block_on(connect_and_build(place, job));
    let taken = started.elapsed();
    if let Err(e) = end.result {
        panic!("our build failed: {e}");
    }
    taken
}

async fn connect_and_build(place: &Place, job: &Job) -> BuildEnd {
    let builder = NodeBuilder::connect(place.dial.clone()).await;
    let builder = builder.expect("a builder");
    let (sink, mut messages) = mpsc::unbounded_channel();
    let request = job.request();
    let building = builder.build(&request, sink, CancellationToken::new());
    let reading = async { while messages.recv().await.is_some() {} };
    tokio::join!(building, reading).0
}

fn build_theirs(buildx: &Buildx, place: &Place, job: &Job) -> Duration {
    let mut command = buildx.command(job);
    command.env("BUILDX_BUILDER", &place.name);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let started = Instant::now();
    let output = command.output().expect("buildx runs");
    let taken = started.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "buildx failed: {said}");
    taken
}

fn spawn() -> Duration {
    let started = Instant::now();
    Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("our program runs");
    started.elapsed()
}

fn seconds(taken: Option<&Duration>) -> f64 {
    taken.map_or(0.0, Duration::as_secs_f64)
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    let middle = times.len() / 2;
    match times.len() % 2 {
        1 => times[middle].as_secs_f64(),
        _ => (times[middle - 1] + times[middle]).as_secs_f64() / 2.0,
    }
}
