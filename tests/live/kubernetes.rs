//! Races through a pod of a cluster. The API server is a stand-in
//! (`tests/support/kube`); the exec protocol, `buildctl dial-stdio` and the
//! BuildKit behind it are real.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use buildrace::model::Outcome;
use buildrace::store::{StoredRun, read_run};
use serde_json::json;
use tempfile::TempDir;

use crate::bench::everything;
use crate::buildkitd::{Buildkitd, Start, part};
use crate::kube::{Cluster, TOKEN};
use crate::race::wait_for;

/// What builds are in where a command runs for ever.
const NOBODY: &str = "unix:///nobody/listens/here";

/// A cluster with a BuildKit in a pod, the builder `farm` of buildx, and a folder
/// with two Dockerfiles.
struct Farm {
    cluster: Cluster,
    buildkit: Buildkitd,
    folder: TempDir,
}

impl Farm {
    /// `None` where live tests are to be skipped.
    fn new() -> Option<Self> {
        if std::env::var_os("BUILDRACE_SKIP_LIVE").is_some_and(|v| v == "1") {
            eprintln!("skipped, as BUILDRACE_SKIP_LIVE=1 asks");
            return None;
        }
        let cluster = Cluster::start();
        cluster.deployment("farm0");
        cluster.node("node-1", "amd64");
        let buildkit = Start::unix().start();
        cluster.pod("farm0-7d4b-aaaaa", "farm0", "Running", |_| {});
        cluster.backed_by("farm0-7d4b-aaaaa", &buildkit.buildctl());
        let farm = Self {
            cluster,
            buildkit,
            folder: TempDir::new().unwrap(),
        };
        let folder = farm.path();
        let config = farm.cluster.kubeconfig(folder);
        // As `docker buildx create --driver kubernetes --name farm --node farm0` of
        // buildx 0.13 writes it.
        let kubeconfig = config.display().to_string().replace('/', "%2F");
        let instance = format!(
            r#"{{"Name":"farm","Driver":"kubernetes","Nodes":[{{"Name":"farm0","Endpoint":"kubernetes:///farm?deployment=farm0\u0026kubeconfig={kubeconfig}","Platforms":null,"DriverOpts":{{"namespace":"builds"}},"Flags":["--allow-insecure-entitlement=network.host"],"Files":null}}],"Dynamic":false}}"#
        );
        for made in ["buildx/instances", "context", "tmp"] {
            fs::create_dir_all(folder.join(made)).unwrap();
        }
        fs::write(folder.join("buildx/instances/farm"), instance).unwrap();
        fs::copy(part("runc"), folder.join("context/runc")).unwrap();
        farm.write(
            "old.Dockerfile",
            "FROM scratch\nCOPY runc /\nRUN [\"/runc\", \"--version\"]\n",
        );
        farm.write(
            "new.Dockerfile",
            "FROM scratch\nCOPY runc /\nRUN [\"/runc\", \"--help\"]\n",
        );
        Some(farm)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join("context").join(file), text).unwrap();
    }

    /// A race of the two. Others who use the machine meanwhile are no matter here.
    fn race(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
        command
            .current_dir(self.path().join("context"))
            .args([
                "compare",
                "old.Dockerfile",
                "new.Dockerfile",
                "--rounds",
                "1",
            ])
            .args([
                "--keep-contaminated",
                "--settle=0s",
                "--results",
                "../results",
                "--reports",
                "../reports",
            ])
            .env("BUILDX_CONFIG", self.path().join("buildx"))
            .env("TMPDIR", self.path().join("tmp"))
            .env("HOME", self.path())
            .env_remove("KUBECONFIG")
            .env_remove("BUILDX_BUILDER")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self) -> StoredRun {
        let runs = fs::read_dir(self.path().join("results")).unwrap().flatten();
        let runs: Vec<PathBuf> = runs
            .map(|entry| entry.path())
            .filter(|p| p.is_dir())
            .collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        read_run(&runs[0]).unwrap()
    }

    fn buildctl(&self, arguments: &[&str]) -> String {
        let output = self.buildkit.buildctl().args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The user's token is neither told nor kept, and results do not say where the
    /// API server is.
    fn assert_no_token(&self, output: &Output) {
        let told = [&output.stdout, &output.stderr];
        let told = told.map(|bytes| String::from_utf8_lossy(bytes));
        assert!(told.iter().all(|text| !text.contains(TOKEN)), "{told:?}");
        for kept in ["results", "reports"] {
            for (path, (.., content)) in everything(&self.path().join(kept)) {
                let content = String::from_utf8_lossy(&content);
                assert!(!content.contains(TOKEN), "{}", path.display());
                let is_told = content.contains(&self.cluster.server);
                assert!(!is_told, "{}", path.display());
            }
        }
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_race_through_a_pod_stays_on_that_pod_and_leaves_nothing() {
    let Some(farm) = Farm::new() else {
        return;
    };
    // Another replica, one that is being deleted, one that is not there yet, and
    // one that runs and is not ready, which sorts before all.
    farm.cluster
        .pod("farm0-7d4b-bbbbb", "farm0", "Running", |_| {});
    farm.cluster
        .pod("farm0-7d4b-00000", "farm0", "Running", |pod| {
            pod["metadata"]["deletionTimestamp"] = json!("2026-11-28T10:00:00Z");
        });
    farm.cluster
        .pod("farm0-7d4b-11111", "farm0", "Pending", |_| {});
    farm.cluster
        .pod("farm0-7d4b-22222", "farm0", "Running", |pod| {
            pod["status"]["containerStatuses"][0]["ready"] = json!(false);
        });
    let before = everything(&farm.path().join("buildx"));

    let output = farm.race().env("BUILDX_BUILDER", "farm").output().unwrap();
    let told = stderr(&output);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("farm, kubernetes driver"), "{told}");
    assert!(told.contains("pod farm0-7d4b-aaaaa"), "{told}");
    assert!(told.contains("2 pods beside it are not used"), "{told}");
    farm.assert_no_token(&output);

    let run = farm.run();
    assert_eq!(run.run.samples.len(), 2);
    let outcomes = run.run.samples.iter().map(|sample| sample.outcome);
    assert!(outcomes.eq([Outcome::Ok; 2]));
    let builder = &run.run.record.builder;
    assert_eq!(
        (builder.driver.as_str(), builder.name.as_deref()),
        ("kubernetes", Some("farm"))
    );
    let execs = farm.cluster.execs();
    assert!(execs.len() > 2, "{execs:?}");
    let usual = (
        "farm0-7d4b-aaaaa".to_owned(),
        "v5.channel.k8s.io".to_owned(),
    );
    assert!(execs.iter().all(|exec| *exec == usual), "{execs:?}");

    assert_eq!(everything(&farm.path().join("buildx")), before);
    assert_eq!(farm.buildctl(&["debug", "histories"]).lines().count(), 1);
    let records = farm.buildctl(&["du"]);
    let total = records.lines().find(|line| line.starts_with("Total:"));
    assert!(
        total.is_some_and(|line| line.ends_with("\t0B")),
        "{records}"
    );
}

#[test]
fn a_pod_is_raced_by_its_address_on_an_older_api_server_too() {
    let Some(farm) = Farm::new() else {
        return;
    };
    let cluster = farm.cluster.clone().of_old();
    let address = "kube-pod://farm0-7d4b-aaaaa?context=stand-in&namespace=builds";
    let output = farm
        .race()
        .args(["--builder", address])
        .env("KUBECONFIG", farm.path().join("kubeconfig"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(farm.run().run.samples.len(), 2);
    let execs = cluster.execs();
    assert!(
        execs
            .iter()
            .all(|(_, protocol)| protocol == "v4.channel.k8s.io"),
        "{execs:?}"
    );
}

#[test]
fn a_pod_that_is_evicted_in_mid_build_ends_the_race_with_one_result() {
    let Some(mut farm) = Farm::new() else {
        return;
    };
    fs::copy(part("buildctl"), farm.path().join("context/buildctl")).unwrap();
    // It waits until somebody listens there.
    let waiting = format!(
        "FROM scratch\nCOPY buildctl /\nRUN [\"/buildctl\", \"--addr\", \"{NOBODY}\", \
         \"--timeout\", \"600\", \"--wait\", \"debug\", \"workers\"]\n"
    );
    farm.write("old.Dockerfile", &waiting);
    farm.write("new.Dockerfile", &format!("{waiting}RUN [\"/buildctl\"]\n"));
    let race = farm.race().args(["--builder", "farm"]).spawn().unwrap();
    wait_for("the step that waits", || is_running(NOBODY).then_some(()));
    let message = "The node was low on resource: memory.";
    farm.cluster.evict("farm0-7d4b-aaaaa", message);
    farm.buildkit.kill();
    let output = ended(race);
    let told = stderr(&output);
    assert!(!output.status.success(), "{told}");
    let last = told.trim_end().lines().last().unwrap();
    for word in [
        "lost",
        "pod farm0-7d4b-aaaaa in namespace builds was evicted",
        message,
    ] {
        assert!(last.contains(word), "{word:?} is not in {told}");
    }
    let outcomes: Vec<_> = farm.run().run.samples.iter().map(|s| s.outcome).collect();
    assert_eq!(outcomes, [Outcome::LostBuilder]);
    farm.assert_no_token(&output);
    let left = fs::read_dir(farm.path().join("tmp")).unwrap().count();
    assert_eq!(left, 0, "temporary files were left");
}

fn ended(child: Child) -> Output {
    child.wait_with_output().unwrap()
}

/// Whether a process of this machine was called with this.
fn is_running(argument: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .any(|line| {
            line.split(|byte| *byte == 0)
                .any(|word| word == argument.as_bytes())
        })
}
