//! A store that a fleet shares, on a real S3 server: moto's, which
//! `scripts/readers` installs from PyPI.

mod server;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use buildrace::bucket::{Bucket, BucketUrl, Cache, Part};
use server::{Proxy, Server, refusing};
use tempfile::TempDir;

const BUCKET: &str = "fleet";
const KEY: &str = "AKIAOFTHEFLEET";
const SECRET: &str = "jw8Zx/what+nobody+may=see";
/// Jobs that write at once.
const JOBS: usize = 200;

/// What it takes to get in.
fn environment(server: SocketAddr) -> Vec<(String, String)> {
    let set = [
        ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://{server}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
    ];
    set.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// A machine with a cache of its own.
struct Machine {
    home: TempDir,
}

impl Machine {
    fn new() -> Self {
        Self {
            home: TempDir::new().unwrap(),
        }
    }

    /// Its own process of the program.
    fn buildrace(&self, server: SocketAddr, arguments: &[&str]) -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .envs(environment(server))
            .output()
            .unwrap();
        let shown = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        for secret in [KEY, SECRET] {
            assert!(!shown.concat().contains(secret), "{shown:?}");
        }
        output
    }

    fn cache(&self, server: SocketAddr, url: &str) -> Cache {
        let url = BucketUrl::parse(url).unwrap();
        let bucket = Bucket::open_with(&url, &environment(server)).unwrap();
        Cache::new(bucket, &self.home.path().join("results"))
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A published run under other names, with so many of its traces.
fn runs(folder: &Path, ids: &[String], traces: usize) -> Vec<PathBuf> {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let published = "20261124T192353Z-36d018";
    let from = results.join(published);
    let made = ids.iter().map(|id| {
        let dir = folder.join(id);
        fs::create_dir_all(dir.join("traces")).unwrap();
        for name in ["run.json", "events.jsonl", "samples.csv"] {
            let text = fs::read_to_string(from.join(name)).unwrap();
            fs::write(dir.join(name), text.replace(published, id)).unwrap();
        }
        let mut all: Vec<_> = fs::read_dir(from.join("traces"))
            .unwrap()
            .flatten()
            .collect();
        all.sort_by_key(|entry| entry.file_name());
        for trace in all.into_iter().take(traces) {
            fs::copy(trace.path(), dir.join("traces").join(trace.file_name())).unwrap();
        }
        dir
    });
    made.collect()
}

fn id(number: usize) -> String {
    let (day, second) = (1 + number / 100, number % 100);
    format!("202611{day:02}T1000{second:02}Z-{number:06x}")
}

/// Files of a folder by name, with what they hold.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for name in ["", "traces"] {
        for entry in fs::read_dir(dir.join(name)).unwrap().flatten() {
            if entry.path().is_file() {
                let name = format!("{name}/{}", entry.file_name().to_string_lossy());
                found.push((name, fs::read(entry.path()).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_write_at_once_lose_nothing_and_are_read_back_equal() {
    let server = Server::start(BUCKET);
    let url = "s3://fleet/ci/it's (50%) ünder+way & ~ours";
    let sources = TempDir::new().unwrap();
    let ids: Vec<String> = (0..JOBS + 4).map(id).collect();
    let mut of_jobs = runs(sources.path(), &ids, 1);
    let of_processes = of_jobs.split_off(JOBS);
    // One that goes in parts.
    let large: Vec<u8> = (0..20_u32 << 20).map(|at| (at ^ (at >> 9)) as u8).collect();
    fs::write(of_jobs[0].join("traces/large.rawjson.gz"), large).unwrap();
    let mut jobs = tokio::task::JoinSet::new();
    for dir in of_jobs {
        let machine = Machine::new();
        let cache = machine.cache(server.address, url);
        jobs.spawn(async move {
            cache.push(&dir).await.unwrap();
            drop(machine);
        });
    }
    // And a few whole processes among them.
    for dir in of_processes {
        let address = server.address;
        jobs.spawn_blocking(move || {
            let dir = dir.display().to_string();
            let push = ["push", &dir, "--results", url];
            let output = Machine::new().buildrace(address, &push);
            assert!(output.status.success(), "{}", stderr(&output));
        });
    }
    while let Some(done) = jobs.join_next().await {
        done.unwrap();
    }
    let reader = Machine::new();
    let cache = reader.cache(server.address, url);
    let mut expected = ids.clone();
    expected.sort();
    assert_eq!(cache.runs().await.unwrap(), expected);
    for (run, fetched) in cache.fetch_all(Part::Whole).await.unwrap() {
        let fetched = fetched.unwrap_or_else(|error| panic!("{run}: {error}"));
        assert_eq!(contents(&fetched), contents(&sources.path().join(&run)));
    }
}

#[test]
fn a_store_that_fails_half_way_is_told_and_mended() {
    let server = Server::start(BUCKET);
    let url = "s3://fleet/half";
    let sources = TempDir::new().unwrap();
    let run = id(0);
    let dirs = runs(sources.path(), std::slice::from_ref(&run), 4);
    let dir = dirs[0].display().to_string();
    let (writer, reader) = (Machine::new(), Machine::new());

    let proxy = Proxy::start(server.address, 4);
    let output = writer.buildrace(proxy.address, &["push", &dir, "--results", url]);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains(&format!("cannot send {run}: {url} cannot be reached:"))
            && told.contains("AWS_ENDPOINT_URL"),
        "{told}"
    );

    // Some of it is there, and nobody sees it.
    let output = reader.buildrace(server.address, &["report", "--results", url]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(&format!("no run in {url} yet")));
    let output = reader.buildrace(server.address, &["explain", &run, "--results", url]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no build"), "{}", stderr(&output));

    let dry = ["push", &dir, "--results", url, "--dry-run"];
    let output = writer.buildrace(server.address, &dry);
    assert!(stdout(&output).contains(&format!("would send {run} (7 files")));
    for answer in ["sent", "is there already"] {
        let output = writer.buildrace(server.address, &["push", &dir, "--results", url]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).contains(answer), "{}", stdout(&output));
    }
    let output = reader.buildrace(server.address, &["report", "--results", url]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        reader
            .home
            .path()
            .join("reports")
            .join(&run)
            .join("summary.md")
            .is_file()
    );

    // What was fetched is read where nobody answers.
    let gone = server.address;
    drop(server);
    let output = reader.buildrace(gone, &["explain", &run, "--results", url]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("what is on this machine is shown"));
}

#[test]
fn what_is_wrong_with_a_store_is_said_with_what_to_do() {
    let server = Server::start(BUCKET);
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refusing = refusing();
    let machine = Machine::new();
    for (address, url, told) in [
        (
            server.address,
            "s3://nobodys/ci",
            "buildrace: s3://nobodys/ci: no such bucket: create it, or name another one with \
             --results",
        ),
        (
            refusing,
            "s3://fleet",
            "buildrace: s3://fleet refuses the credentials (SignatureDoesNotMatch: The signature \
             of [AWS_SECRET_ACCESS_KEY] is wrong): check AWS_ACCESS_KEY_ID",
        ),
        (
            closed,
            "s3://fleet",
            "buildrace: s3://fleet cannot be reached: Connection refused",
        ),
        (
            server.address,
            "s3://AKIAOFTHEFLEET:jw8Zx@fleet/ci",
            "credentials come from the environment",
        ),
    ] {
        let output = machine.buildrace(address, &["report", "--results", url]);
        let shown = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{shown}");
        assert!(shown.contains(told), "{shown}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .args(["report", "--results", "s3://fleet"])
        .envs(environment(closed))
        .env("AWS_ALLOW_HTTP", "false")
        .output()
        .unwrap();
    assert!(stderr(&output).contains("AWS_ALLOW_HTTP=true is not set"));
    let output = machine.buildrace(server.address, &["push", "--results", "results"]);
    assert!(stderr(&output).contains("results is a folder: name the store"));
    let output = machine.buildrace(server.address, &["push", "--results", "s3://fleet"]);
    assert!(
        stdout(&output).contains("nothing to send"),
        "{}",
        stderr(&output)
    );
}
