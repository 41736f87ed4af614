//! What a person is told whose builder is in a cluster that does not give it.
//! The API server is a stand-in (`tests/support/kube`).

use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::kube::{Cluster, TOKEN};
use crate::project::Project;
use crate::{assert_says, buildrace};

const FROM_SCRATCH: &str = "FROM scratch\nCOPY . /\n";

/// A project whose user has the builder `farm` of buildx, and nothing in its
/// cluster yet.
fn farm(kubeconfig: &Path) -> Project {
    let project = Project::new();
    let kubeconfig = kubeconfig.display().to_string().replace('/', "%2F");
    let instance = json!({
        "Name": "farm", "Driver": "kubernetes", "Dynamic": false,
        "Nodes": [{
            "Name": "farm_0", "Platforms": null, "Flags": null, "Files": null,
            "Endpoint": format!("kubernetes:///farm?deployment=farm_0&kubeconfig={kubeconfig}"),
            "DriverOpts": {"replicas": "2"},
        }],
    });
    project.write("home/.docker/buildx/instances/farm", &instance.to_string());
    project.write("Dockerfile", FROM_SCRATCH);
    project.write("new.Dockerfile", &format!("{FROM_SCRATCH}COPY . /again\n"));
    project
}

fn compare(project: &Project) -> Command {
    let mut command = buildrace(project);
    command.args([
        "compare",
        "Dockerfile",
        "new.Dockerfile",
        "--builder",
        "farm",
    ]);
    command
}

/// The one line that a race ends with.
fn refused(project: &Project) -> String {
    let output = compare(project).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(!stderr.contains(TOKEN), "{stderr}");
    stderr
}

fn listed(project: &Project) -> Value {
    let output = buildrace(project)
        .args(["builders", "--json"])
        .output()
        .unwrap();
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut builders = listed.as_array().unwrap().iter();
    builders
        .find(|builder| builder["name"] == "farm")
        .unwrap()
        .clone()
}

#[test]
fn a_cluster_that_cannot_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let line = refused(&farm(&missing));
    assert_says(
        &line,
        &["farm", "no cluster is known", "missing", "KUBECONFIG"],
    );

    let broken = folder.path().join("broken");
    std::fs::write(&broken, "current-context: gone\n").unwrap();
    let line = refused(&farm(&broken));
    assert_says(
        &line,
        &["cannot use kubeconfig", "gone", "kubectl config view"],
    );

    let cluster = Cluster::start();
    let line = refused(&farm(
        &cluster.kubeconfig_with(folder.path(), "wrong-token"),
    ));
    assert_says(&line, &[&cluster.server, "does not accept the credentials"]);
    assert!(!line.contains("wrong-token"), "{line}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", taken.local_addr().unwrap());
    drop(taken);
    let config = std::fs::read_to_string(cluster.kubeconfig(folder.path())).unwrap();
    let unreachable = folder.path().join("unreachable");
    std::fs::write(&unreachable, config.replace(&cluster.server, &server)).unwrap();
    let line = refused(&farm(&unreachable));
    assert_says(
        &line,
        &["cannot reach the Kubernetes API server", &server, "refused"],
    );
}

#[test]
fn a_builder_whose_pods_do_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start();
    let project = farm(&cluster.kubeconfig(folder.path()));
    let line = refused(&project);
    assert_says(
        &line,
        &[
            "no deployment farm-0 in namespace builds",
            "docker buildx inspect --bootstrap farm",
        ],
    );
    assert_eq!(listed(&project)["nodes"][0]["status"], "inactive");

    cluster.deployment("farm-0");
    cluster.pod("farm-0-a", "farm-0", "Pending", |pod| {
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] =
            json!("ImagePullBackOff");
    });
    cluster.pod("other-a", "other", "Running", |_| {});
    let line = refused(&project);
    assert_says(
        &line,
        &[
            "no pod of deployment farm-0",
            "farm-0-a is pending: ImagePullBackOff",
            "docker buildx inspect --bootstrap farm",
        ],
    );
    assert_eq!(listed(&project)["nodes"][0]["status"], "waiting");
}

#[test]
fn what_is_forbidden_is_told_with_the_rights_that_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start();
    cluster.deployment("farm-0");
    cluster.pod("farm-0-a", "farm-0", "Running", |_| {});
    let project = farm(&cluster.kubeconfig(folder.path()));
    // What is behind the pod's exec is missing: a container that has just ended.
    let line = refused(&project);
    assert_says(
        &line,
        &["pod farm-0-a in namespace builds", "container not found"],
    );

    for (path, action, rights) in [
        (
            "/exec",
            "exec in pod farm-0-a",
            "`get` and `create` on pods/exec",
        ),
        ("/pods", "listing pods", "`list` on pods"),
        (
            "/deployments",
            "reading deployment farm-0",
            "`get` on deployments.apps",
        ),
    ] {
        cluster.forbid(path);
        let line = refused(&project);
        assert_says(
            &line,
            &["forbids", action, rights, "namespace builds", "no RBAC"],
        );
    }
    let listed = listed(&project);
    assert_eq!(listed["nodes"][0]["status"], "error");
    let races = listed["races"].as_str().unwrap();
    assert!(races.contains("nothing"), "{races}");
}
