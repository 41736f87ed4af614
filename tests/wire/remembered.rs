//! Builds that are over, as the program finds and explains them on a BuildKit at
//! an address.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::google::rpc;
use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use bollard_buildkit_proto::pb;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixListener;
use tokio::process::Command;
use tonic::Status;

use crate::bundle::responses;
use crate::server::{FakeBuildKit, Script};

/// A guard against hanging, not a claim about speed.
const PATIENCE: Duration = Duration::from_secs(300);

fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traces/cross-cold.rawjson")
}

/// A build that began at a second and took as many more.
fn build(reference: &str, began: i64, took: Option<i64>) -> proto::BuildHistoryRecord {
    let time = |seconds| Some(Timestamp { seconds, nanos: 0 });
    proto::BuildHistoryRecord {
        r#ref: reference.into(),
        frontend: "dockerfile.v0".into(),
        frontend_attrs: HashMap::from([
            ("filename".into(), "api.Dockerfile".into()),
            ("platform".into(), "linux/amd64,linux/arm64".into()),
            ("build-arg:TOKEN".into(), "hunter2".into()),
        ]),
        created_at: time(1_800_000_000 + began),
        completed_at: took.and_then(|took| time(1_800_000_000 + began + took)),
        logs: Some(proto::Descriptor {
            digest: "sha256:1".into(),
            ..Default::default()
        }),
        num_cached_steps: 2,
        num_total_steps: 9,
        ..Default::default()
    }
}

/// A BuildKit with a history, on a socket.
struct Remembering {
    folder: TempDir,
    server: Arc<FakeBuildKit>,
}

impl Remembering {
    async fn start(records: Vec<proto::BuildHistoryRecord>) -> Self {
        let recording = std::fs::read(recording()).unwrap();
        let mut script = Script::solve(|_, _| async { unreachable!() });
        script.version = Some("v0.13.2".into());
        script.platforms = ["amd64", "arm64"]
            .map(|architecture| pb::Platform {
                os: "linux".into(),
                architecture: architecture.into(),
                ..Default::default()
            })
            .into();
        for record in &records {
            let log = match record.r#ref.as_str() {
                "gone" => Err(Status::not_found("content sha256:1: not found")),
                "empty" => Ok(Vec::new()),
                _ => Ok(responses(&recording)),
            };
            script.logs.insert(record.r#ref.clone(), log);
        }
        *script.records.get_mut().unwrap() = records;
        let folder = tempfile::tempdir().unwrap();
        let server = FakeBuildKit::new(script);
        let listener = UnixListener::bind(folder.path().join("sock")).unwrap();
        let behind = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(behind.serve(stream));
            }
        });
        Self { folder, server }
    }

    /// buildrace, on this builder.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
        let address = format!("unix://{}", self.folder.path().join("sock").display());
        command
            .args(args)
            .args(["--builder", &address])
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// What it writes to stdout, and to stderr, and its exit code.
    async fn run(&self, args: &[&str]) -> (String, String, Option<i32>) {
        let output = tokio::time::timeout(PATIENCE, self.command(args).output());
        let output = output.await.expect("it hangs").unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            text(output.stdout),
            text(output.stderr),
            output.status.code(),
        )
    }

    async fn good(&self, args: &[&str]) -> String {
        let (stdout, stderr, code) = self.run(args).await;
        assert_eq!(code, Some(0), "{stderr}");
        stdout
    }

    async fn json(&self, args: &[&str]) -> Value {
        let stdout = self.good(&[args, &["--json"]].concat()).await;
        serde_json::from_str(&stdout).unwrap()
    }

    /// The error, which is the last line.
    async fn refused(&self, args: &[&str]) -> String {
        let (stdout, stderr, code) = self.run(args).await;
        assert_eq!((stdout.as_str(), code), ("", Some(2)), "{stderr}");
        stderr.lines().last().unwrap().to_owned()
    }
}

const OURS: &str = "buildrace-20260101T000000Z-abcdef-r1-01-x";

fn several() -> Vec<proto::BuildHistoryRecord> {
    let mut failed = build("failed0001", 30, Some(5));
    failed.error = Some(rpc::Status {
        code: 2,
        message: "dockerfile parse error on line 2\nmore".into(),
        details: Vec::new(),
    });
    let mut unlogged = build("unlogged01", 25, Some(5));
    unlogged.logs = None;
    vec![
        build("abcdefgh01", 10, Some(5)),
        build("abcdefgh02", 20, Some(50)),
        build(OURS, 80, Some(5)),
        build("running001", 90, None),
        build("gone", 11, Some(1)),
        build("empty", 12, Some(1)),
        failed,
        unlogged,
    ]
}

#[tokio::test]
async fn the_last_build_explains_as_its_recording_does() {
    let builder = Remembering::start(several()).await;
    let last = builder.json(&["explain", "--last"]).await;
    assert_eq!(last["build"]["title"], "build abcdefgh02 of api.Dockerfile");
    let recording = recording();
    let args = [
        "explain",
        recording.to_str().unwrap(),
        "--node",
        "linux/amd64",
        "--json",
    ];
    let recorded = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .args(args)
        .output();
    let mut recorded: Value = serde_json::from_slice(&recorded.await.unwrap().stdout).unwrap();
    recorded["build"] = last["build"].clone();
    assert_eq!(last, recorded);
    let kinds = last["steps"].as_array().unwrap().iter();
    assert!(kinds.filter(|step| step["kind"] == "emulated-run").count() > 0);

    // Asking leaves the history as it is, and nothing is solved.
    assert_eq!(builder.server.remembered().len(), several().len());
    assert!(builder.server.seen.solves.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_build_is_found_by_the_beginning_of_its_reference() {
    let builder = Remembering::start(several()).await;
    for name in ["abcdefgh01", "remote/remote/abcdefgh01"] {
        let found = builder.json(&["explain", "--history", name]).await;
        assert_eq!(
            found["build"]["title"],
            "build abcdefgh01 of api.Dockerfile"
        );
    }
    builder.good(&["explain", "--history", OURS]).await;
    let picture = builder.folder.path().join("x.svg");
    let events = builder.folder.path().join("x.json");
    let [picture, events] = [&picture, &events].map(|path| path.to_str().unwrap());
    let args = [
        "explain",
        "--last",
        "--waterfall",
        picture,
        "--trace-events",
        events,
    ];
    builder.good(&args).await;
    assert!(
        std::fs::read_to_string(picture)
            .unwrap()
            .starts_with("<svg")
    );
    assert!(
        std::fs::read_to_string(events)
            .unwrap()
            .contains("traceEvents")
    );

    for (args, said) in [
        (
            &["--history", "abcdefgh"][..],
            "2 builds are called abcdefgh: abcdefgh0",
        ),
        (
            &["--history", "nothing"],
            "remembers no build nothing: `buildrace history`",
        ),
        (&["--history", "running"], "the build running001 still runs"),
        (
            &["--history", "gone"],
            "the log of the build gone is gone from the builder (content",
        ),
        (
            &["--history", "empty"],
            "the log of the build empty is empty",
        ),
        (
            &["--history", "unlogged"],
            "keeps no log of the build unlogged01",
        ),
        (&["--last", "--cores", "4"], "--cores is for runs"),
    ] {
        let error = builder.refused(&[&["explain"][..], args].concat()).await;
        assert!(error.contains(said), "{args:?}: {error}");
    }
}

#[tokio::test]
async fn builds_are_listed_newest_first_without_their_arguments() {
    let builder = Remembering::start(several()).await;
    let list = builder.good(&["history"]).await;
    let rows: Vec<&str> = list
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let ours = "buildrace-20260101T000000Z-abcdef-r1-01-x";
    assert_eq!(
        rows,
        [
            "BUILD",
            "running0",
            &ours[..8],
            "failed00",
            "unlogged",
            "abcdefgh02",
            "empty",
            "gone",
            "abcdefgh01"
        ]
    );
    assert!(
        list.contains("failed: dockerfile parse error on line 2\n"),
        "{list}"
    );
    assert!(!list.contains("hunter2"), "{list}");
    let listed = builder.json(&["history", "-n", "2"]).await;
    assert_eq!(listed["schema"], 1);
    let builds = listed["builds"].as_array().unwrap();
    assert_eq!(builds.len(), 2);
    assert_eq!(builds[0]["status"], "running");
    assert_eq!(builds[0]["platforms"][1], "linux/arm64");
    assert!(!listed.to_string().contains("hunter2"));
    let list = builder.good(&["history", "-n", "2"]).await;
    assert!(
        list.ends_with("6 older builds hidden: --limit 8 shows all\n"),
        "{list}"
    );

    let empty = Remembering::start(Vec::new()).await;
    assert_eq!(
        empty.good(&["history"]).await,
        "The builder remembers no build.\n"
    );
    let error = empty.refused(&["explain", "--last"]).await;
    assert!(error.contains("the builder remembers no build"), "{error}");
}

#[tokio::test]
async fn builds_are_told_as_they_end() {
    let builder = Remembering::start(several()).await;
    let mut child = builder
        .command(&["history", "--follow", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    let waiting = async {
        while let Some(line) = told.next_line().await.unwrap() {
            if line.contains("waiting for builds to end") {
                return;
            }
        }
        panic!("it does not wait");
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("it hangs");

    // One that ran before ends, and nothing is known of another.
    for record in builder.server.remembered().iter_mut() {
        if record.r#ref == "running001" {
            *record = build("running001", 90, Some(7));
        }
    }
    builder
        .server
        .remembered()
        .push(build("unknown001", 95, Some(7)));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line.expect("it hangs").unwrap().unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    let first = next().await;
    assert_eq!(first["ref"], "running001");
    assert_eq!(first["seconds"], 7.0);
    assert!(first["emulated_share"].as_f64().unwrap() > 0.0, "{first}");
    assert!(
        first["culprit"].as_str().unwrap().contains("RUN"),
        "{first}"
    );
    let second = next().await;
    assert_eq!(second["ref"], "unknown001");
    assert!(
        second["not_explained"]
            .as_str()
            .unwrap()
            .contains("is empty"),
        "{second}"
    );

    let process = child.id().unwrap().to_string();
    let signalled = Command::new("kill").args(["-s", "INT", &process]).status();
    assert!(signalled.await.unwrap().success());
    let end = tokio::time::timeout(PATIENCE, child.wait()).await;
    assert_eq!(end.expect("it hangs").unwrap().code(), Some(130));
}
