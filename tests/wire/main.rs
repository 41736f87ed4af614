//! The BuildKit client against a server in this process that errs, stalls,
//! goes silent, calls back and hangs up.

#[allow(dead_code, reason = "no bundle is read here")]
#[path = "../support/bundle.rs"]
mod bundle;
mod certificates;
mod contexts;
mod dial;
mod endings;
mod engine;
mod history;
mod layouts;
mod own_session;
mod prune;
mod remembered;
mod secrets;
mod server;
mod session;
mod ssh;
mod tls;
mod together;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use buildrace::buildkit::credentials::CredentialStore;
use buildrace::buildkit::{BuildEnd, BuildRequest, Client, Export};
use buildrace::trace::SolveStatus;
use server::FakeBuildKit;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A folder with a context, a Dockerfile and an empty Docker config, and a
/// request to build it.
struct Subject {
    folder: TempDir,
    request: BuildRequest,
    cancel: CancellationToken,
}

impl Subject {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let context = folder.path().join("context");
        std::fs::create_dir(&context).unwrap();
        std::fs::write(context.join("Dockerfile"), "FROM scratch\n").unwrap();
        let request = BuildRequest {
            reference: "ref1".into(),
            dockerfile: context.join("Dockerfile"),
            context,
            contexts: BTreeMap::new(),
            layouts: Vec::new(),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            shared_key: "key".into(),
            platforms: vec!["linux/amd64".parse().unwrap()],
            target: None,
            build_args: BTreeMap::new(),
            no_cache: false,
            internal: false,
            cache_mount_namespace: None,
            export: Export::CacheOnly,
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            timeout: None,
            context_mark: None,
            attributes: Default::default(),
            entitlements: Default::default(),
        };
        Self {
            folder,
            request,
            cancel: CancellationToken::new(),
        }
    }

    fn client(&self, server: &Arc<FakeBuildKit>) -> Client {
        let config = CredentialStore::in_folder(self.folder.path());
        Client::with_credentials(server.clone(), config)
    }

    /// Builds, and fails the test rather than hang.
    async fn build(&self, server: &Arc<FakeBuildKit>) -> (BuildEnd, Vec<SolveStatus>) {
        let (sink, mut statuses) = mpsc::unbounded_channel();
        let client = self.client(server);
        let building = client.build(&self.request, sink, self.cancel.clone());
        let end = tokio::time::timeout(Duration::from_secs(300), building)
            .await
            .expect("the build hangs");
        let mut kept = Vec::new();
        while let Some(status) = statuses.recv().await {
            kept.push(status);
        }
        (end, kept)
    }
}

/// A status message with one step in it.
fn step(name: &str) -> proto::StatusResponse {
    proto::StatusResponse {
        vertexes: vec![proto::Vertex {
            digest: format!("sha256:{name}"),
            name: name.into(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The steps' names, in order.
fn names(statuses: &[SolveStatus]) -> Vec<&str> {
    statuses
        .iter()
        .flat_map(|status| &status.vertexes)
        .map(|vertex| vertex.name.as_str())
        .collect()
}
