//! A stock engine: its image store is overlay2's, so a race cannot use its own
//! BuildKit. It is a second daemon of the private engine's programs, in
//! namespaces of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bollard::query_parameters::CreateImageOptionsBuilder;
use bollard::{Docker, body_full};
use buildrace::model::{Outcome, PartKind};
use futures_util::{StreamExt, TryStreamExt};
use tempfile::TempDir;

use super::{OnEngine, Place, text};
use crate::harness::docker;
use crate::race::wait_for;
use crate::support::Engine;

const BUILDKIT: &str = "moby/buildkit:buildx-stable-1";
const BASE: &str = "buildrace-test-base:1";

/// A dockerd of its own, which ends with it.
struct Stock {
    host: String,
    child: Child,
    folder: TempDir,
}

impl Stock {
    /// From the programs in this root, which stays as it is.
    fn start(root: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("br-").tempdir().unwrap();
        let at = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let [state, changes, work, merged] = ["state", "changes", "work", "root"].map(at);
        fs::create_dir(state.join("data")).unwrap();
        let socket = state.join("docker.sock");
        let host = format!("unix://{}", socket.display());
        let configuration = serde_json::json!({
            "features": {"containerd-snapshotter": false},
            "data-root": state.join("data"),
            "hosts": [host],
            "group": "root",
        });
        fs::write(state.join("daemon.json"), configuration.to_string()).unwrap();
        let script = format!(
            "mount -t overlay overlay -o lowerdir={},upperdir={},workdir={} {root}\n\
             set -- {root} {}\n{}",
            root.display(),
            changes.display(),
            work.display(),
            state.display(),
            include_str!("../../../src/engine/private/engine.sh"),
            root = merged.display(),
        );
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "unshare", "--mount"])
            .args(["--propagation=private", "--pid", "--fork"])
            .args([
                "--kill-child=SIGKILL",
                "--mount-proc",
                "--",
                "sh",
                "-c",
                &script,
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stock = Self {
            host,
            child,
            folder,
        };
        wait_for("a socket of dockerd", || {
            if stock.child.try_wait().unwrap().is_some() {
                panic!(
                    "{}",
                    fs::read_to_string(stock.folder.path().join("log")).unwrap()
                );
            }
            std::os::unix::net::UnixStream::connect(&socket).ok()
        });
        stock
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The root of a private engine, of the newest release that there is.
fn root() -> Option<PathBuf> {
    let root = |release: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
            .args(["engine", "status", "--json", "--release", release])
            .output()
            .unwrap();
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        let root = Path::new(status["folder"].as_str()?).join("root");
        root.join("usr/sbin/dockerd").exists().then_some(root)
    };
    ["sid", "trixie"].into_iter().find_map(root)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_engine_races_in_a_builder_of_its_own() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let Some(root) = root() else {
        eprintln!("skipped: there is no private engine whose programs could be started");
        return;
    };
    let stock = Stock::start(&root);
    let docker = docker(&stock.host);
    let version = docker.version().await.unwrap().version.unwrap();
    eprintln!("Docker Engine {version} with the overlay2 store");
    let place = Place::new(&stock.host);

    // Without the image of a builder it says in one sentence what to do.
    let output = place.buildrace(&["run", "greet"]).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let ways = [
        "overlay2 graph driver",
        "docker pull moby/buildkit",
        "hides its images",
    ];
    assert!(ways.iter().all(|way| said.contains(way)), "{said}");

    copy_image(&engine.host, &docker).await;
    base_image(&docker).await;
    let before = OnEngine::at(&stock.host).await;
    let line = "buildrace's own, docker-container driver on Docker Engine ";
    let doctor = place.buildrace(&["doctor"]).output().unwrap();
    let told = text(&doctor.stdout);
    assert_eq!(doctor.status.code(), Some(0), "{told}");
    assert!(told.contains(&format!("builder: {line}")), "{told}");
    assert!(told.contains("ok    linux/arm64: "), "{told}");
    place
        .races(&["--kinds", "multi-arch,noop"])
        .is_right()
        .names(line, "docker-container", None);
    assert_eq!(OnEngine::at(&stock.host).await, before);

    // On a base image that the engine alone holds.
    for (file, word) in [("a", "one"), ("b", "other")] {
        let dockerfile = format!("FROM {BASE}\nCOPY note /{word}\nRUN [\"/hello\"]\n");
        place.write(&format!("{file}.Dockerfile"), dockerfile);
    }
    place.write("context/note", "a note");
    let compare = [
        "compare",
        "a.Dockerfile",
        "b.Dockerfile",
        "--context",
        "context",
    ];
    let rounds = ["--rounds", "1", "--keep-contaminated", "--settle=0s"];
    // Such an engine loads an image of one platform, and in docker's own format.
    let load = ["--output", "type=docker"];
    let several = ["--platform", "linux/amd64,linux/arm64"];
    let args = [&compare[..], &rounds, &load, &several].concat();
    let refused = place.buildrace(&args).output().unwrap();
    let said = text(&refused.stderr);
    assert!(said.contains("loads images of one platform"), "{said}");
    let mut compare = place.buildrace(&[&compare[..], &rounds, &load].concat());
    let raced = place.has_raced(&mut compare);
    for sample in &raced.run.run.samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
        let parts: Vec<PartKind> = sample.parts.iter().map(|it| it.part).collect();
        assert!(parts.contains(&PartKind::Load), "{parts:?}");
    }
    raced.names(line, "docker-container", None);
    assert_eq!(OnEngine::at(&stock.host).await, before);
}

/// Copies the image of a builder from one engine to another.
async fn copy_image(from: &str, to: &Docker) {
    let from = docker(from);
    let saved = from.export_image(BUILDKIT).map_err(std::io::Error::other);
    let options = bollard::query_parameters::ImportImageOptions::default();
    let body = bollard::body_try_stream(saved);
    let loaded: Vec<_> = to.import_image(options, body, None).collect().await;
    assert!(loaded.iter().all(Result::is_ok), "{loaded:?}");
}

/// An image that only this engine holds.
async fn base_image(docker: &Docker) {
    let program = crate::program::hello(crate::support::native().architecture());
    let mut files = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    files
        .append_data(&mut header, "hello", program.as_slice())
        .unwrap();
    let (repository, tag) = BASE.split_once(':').unwrap();
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(repository)
        .tag(tag)
        .build();
    let body = body_full(files.into_inner().unwrap().into());
    let made: Vec<_> = docker
        .create_image(Some(options), Some(body), None)
        .collect()
        .await;
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}
