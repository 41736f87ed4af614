//! What the hook costs a `docker build`: a build that comes from the cache whole, by a Docker CLI
//! in a terminal, without the hook, with it, and with a threshold so low that it reads the history.
//!
//! Each round builds once in each of the three ways, in an order that moves on with each round, and
//! a difference is one within a round. The hook's own process is timed besides, started with the
//! words that docker starts it with. `BUILDRACE_BENCH_ROUNDS` is the number of rounds (15).

#[path = "../tests/live/support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use support::docker::{User, clients};
use support::{Engine, native, unique};
use tempfile::TempDir;

/// What docker hands over after a build.
const REQUEST: &str = r#"{"RootCmd":"build","Flags":{},"CommandError":""}"#;
/// The builds of a round, with the hook's threshold.
const WAYS: [(&str, Option<&str>); 3] = [
    ("hook off", None),
    ("nothing to read", Some("1h")),
    ("history read", Some("1ms")),
];

fn main() {
    // `cargo test` runs this too, and is not to build.
    if !std::env::args().any(|arg| arg == "--bench") {
        println!("a benchmark: run it with cargo bench");
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let Some(engine) = runtime.block_on(Engine::take()) else {
        return;
    };
    let rounds = std::env::var("BUILDRACE_BENCH_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(15_usize);
    let docker = clients().remove(0);
    let version = User::of(docker.clone()).docker(&["--version"]);
    println!("{}, {rounds} rounds, milliseconds", version.trim());
    let users = WAYS.map(|(_, threshold)| {
        let user = User::of(docker.clone());
        if let Some(threshold) = threshold {
            user.buildrace(&["plugin", "hook", "on", "--threshold", threshold]);
        }
        user
    });
    let folder = TempDir::new().expect("a temporary folder");
    let mark = unique("mark");
    let dockerfile = folder.path().join(format!("{mark}.Dockerfile"));
    let text = format!("FROM debian:trixie-slim\nRUN echo {mark}\n");
    fs::write(&dockerfile, text).expect("a Dockerfile");
    let build = |user: &User| user.build(&engine.host, &dockerfile, &native());
    build(&users[0]);

    let mut builds = [const { Vec::new() }; WAYS.len()];
    let mut hooks = [const { Vec::new() }; WAYS.len()];
    for round in 0..rounds {
        for turn in 0..WAYS.len() {
            let way = (round + turn) % WAYS.len();
            let started = Instant::now();
            let shown = build(&users[way]);
            builds[way].push(milliseconds(started));
            assert!(shown.contains("CACHED [2/2]"), "{shown}");
            if WAYS[way].1.is_some() {
                hooks[way].push(hook(&users[way], &engine.host, folder.path()));
            }
        }
    }
    runtime.block_on(engine.clean(1 + rounds * WAYS.len(), &mark));

    println!(
        "{:<17} {:>12} {:>11} {:>15}",
        "", "docker build", "difference", "hook's process"
    );
    for (way, (name, threshold)) in WAYS.iter().enumerate() {
        let whole = median(&builds[way]);
        if threshold.is_none() {
            println!("{name:<17} {whole:>12.1}");
            continue;
        }
        let pairs = builds[way].iter().zip(&builds[0]);
        let more: Vec<f64> = pairs.map(|(with, without)| with - without).collect();
        let (more, own) = (median(&more), median(&hooks[way]));
        println!("{name:<17} {whole:>12.1} {more:>11.1} {own:>15.1}");
    }
}

/// The time of the process that docker asks for a line. Its parent is this one, which is younger
/// than one of the thresholds, and older than the other.
fn hook(user: &User, host: &str, folder: &Path) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
    user.prepare(&mut command);
    command
        .arg0("docker-buildrace")
        .args(["buildrace", "docker-cli-plugin-hooks", REQUEST])
        .env("DOCKER_HOST", host)
        .env("BUILDX_BUILDER", "default")
        .current_dir(folder)
        .stdout(Stdio::piped());
    let started = Instant::now();
    let output = command.output().expect("the hook runs");
    let taken = milliseconds(started);
    assert!(output.status.success());
    taken
}

fn milliseconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1000.0
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    match times.len() % 2 {
        1 => times[middle],
        _ => (times[middle - 1] + times[middle]) / 2.0,
    }
}
