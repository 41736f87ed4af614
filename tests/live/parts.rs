//! The parts that other tests stand on: a BuildKit without an engine answers
//! BuildKit's own client, with and without TLS, in any network, and is gone
//! afterwards.

use tempfile::TempDir;

use crate::buildkitd::Start;
use crate::certificates::Authority;
use crate::network::Network;

fn skipped() -> bool {
    let skip = std::env::var_os("BUILDRACE_SKIP_LIVE").is_some_and(|v| v == "1");
    if skip {
        eprintln!("skipped, as BUILDRACE_SKIP_LIVE=1 asks");
    }
    skip
}

#[test]
fn a_buildkit_answers_on_a_socket_until_it_is_killed() {
    if skipped() {
        return;
    }
    let mut start = Start::unix();
    start.platforms = vec!["linux/s390x".into()];
    let mut buildkit = start.start();
    let workers = buildkit.workers().unwrap();
    assert!(workers.contains("linux/s390x"), "{workers}");
    buildkit.kill();
    buildkit.workers().unwrap_err();
}

#[test]
fn a_buildkit_on_tls_takes_its_own_clients_only() {
    if skipped() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let ours = Authority::new(folder.path(), "ours");
    let server = ours.server(&["127.0.0.1"]);
    let buildkit = Start::tls("127.0.0.1", &server, &ours).start();
    assert!(buildkit.address.starts_with("tcp://127.0.0.1:"));

    let buildkit = buildkit.trusting(&ours, &ours.client());
    let workers = buildkit.workers().unwrap();
    assert!(workers.contains("Platforms:"), "{workers}");

    let buildkit = buildkit.trusting(&ours, &ours.expired_client());
    buildkit.workers().unwrap_err();
    let theirs = Authority::new(folder.path(), "theirs");
    let buildkit = buildkit.trusting(&ours, &theirs.client());
    buildkit.workers().unwrap_err();
    let buildkit = buildkit.trusting(&theirs, &ours.client());
    let error = buildkit.workers().unwrap_err();
    assert!(error.contains("certificate"), "{error}");

    let expired = ours.expired_server(&["127.0.0.1"]);
    let buildkit = Start::tls("127.0.0.1", &expired, &ours).start();
    let buildkit = buildkit.trusting(&ours, &ours.client());
    let error = buildkit.workers().unwrap_err();
    assert!(error.contains("expired"), "{error}");
}

#[test]
fn a_buildkit_in_another_network_is_reached_from_there_alone() {
    if skipped() {
        return;
    }
    let network = Network::new();
    let mut start = Start::tcp("127.0.0.1");
    start.network = Some(network.file());
    let buildkit = start.start();
    buildkit.workers().unwrap_err();
    let inside = network
        .command(&crate::buildkitd::part("buildctl").to_string_lossy())
        .args([&format!("--addr={}", buildkit.address), "debug", "workers"])
        .output()
        .unwrap();
    assert!(inside.status.success(), "{inside:?}");
}
