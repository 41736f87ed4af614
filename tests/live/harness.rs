//! What the race tests need of an engine beyond racing: being somebody else
//! on it, and making things go wrong.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use bollard::query_parameters::{
    ListContainersOptions, ListImagesOptions, ListVolumesOptions, RemoveImageOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use buildrace::builder::{Builder, NodeBuilder};
use buildrace::buildkit::{BuildRequest, CacheRecord, Export};
use tokio_util::sync::CancellationToken;

/// The engine's API.
pub fn docker(host: &str) -> Docker {
    let path = host
        .strip_prefix("unix://")
        .expect("these tests need a unix socket");
    Docker::connect_with_unix(path, 60, API_DEFAULT_VERSION).unwrap()
}

/// Ids of the images that the engine holds.
pub async fn image_ids(host: &str) -> BTreeSet<String> {
    let all = ListImagesOptions {
        all: true,
        ..Default::default()
    };
    let images = docker(host).list_images(Some(all)).await.unwrap();
    images.into_iter().map(|image| image.id).collect()
}

/// The images of the containers that the engine holds, of those that ended too.
pub async fn containers(host: &str) -> Vec<String> {
    let all = ListContainersOptions {
        all: true,
        ..Default::default()
    };
    let containers = docker(host).list_containers(Some(all)).await.unwrap();
    containers.into_iter().filter_map(|c| c.image).collect()
}

/// Ids of the containers that the engine holds, of those that ended too.
pub async fn container_ids(host: &str) -> BTreeSet<String> {
    let all = ListContainersOptions {
        all: true,
        ..Default::default()
    };
    let containers = docker(host).list_containers(Some(all)).await.unwrap();
    containers.into_iter().filter_map(|c| c.id).collect()
}

/// Names of the engine's volumes.
pub async fn volumes(host: &str) -> BTreeSet<String> {
    let all = ListVolumesOptions::default();
    let listed = docker(host).list_volumes(Some(all)).await.unwrap();
    let volumes = listed.volumes.unwrap_or_default();
    volumes.into_iter().map(|volume| volume.name).collect()
}

/// Ids of the records in the engine's build cache.
pub async fn cache_ids(host: &str) -> BTreeSet<String> {
    let builder = NodeBuilder::docker(host).await.unwrap();
    let records = builder.cache_records().await.unwrap();
    records.into_iter().map(|record| record.id).collect()
}

/// A build of somebody else, kept on the engine until removed.
pub struct SomeoneElse {
    image: String,
    records: Vec<String>,
}

impl SomeoneElse {
    /// Builds an image with layers and a cache mount.
    pub async fn builds(host: &str) -> Self {
        let before = cache_ids(host).await;
        let folder = tempfile::tempdir().unwrap();
        let dockerfile = folder.path().join("Dockerfile");
        let text = "FROM debian:trixie-slim\nCOPY . /theirs\nRUN --mount=type=cache,target=/cache date > /cache/theirs && date > /built\n";
        std::fs::write(&dockerfile, text).unwrap();
        let image = format!("someone-else-{}:latest", std::process::id());
        let request = BuildRequest {
            reference: format!("someone-else-{}", std::process::id()),
            context: folder.path().to_owned(),
            contexts: Default::default(),
            layouts: Vec::new(),
            secrets: Default::default(),
            ssh: Default::default(),
            dockerfile,
            shared_key: "someone-else".into(),
            platforms: vec!["linux/amd64".parse().unwrap()],
            target: None,
            build_args: Default::default(),
            no_cache: false,
            internal: false,
            cache_mount_namespace: None,
            export: Export::Image {
                name: image.clone(),
            },
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            timeout: None,
            context_mark: None,
            attributes: Default::default(),
            entitlements: Default::default(),
        };
        let (sink, _statuses) = tokio::sync::mpsc::unbounded_channel();
        let builder = NodeBuilder::docker(host).await.unwrap();
        let end = builder
            .build(&request, sink, CancellationToken::new())
            .await;
        end.result.unwrap();
        let records: Vec<String> = cache_ids(host).await.difference(&before).cloned().collect();
        assert!(
            !records.is_empty(),
            "somebody else's build left nothing to protect"
        );
        Self { image, records }
    }

    /// Takes it all away again.
    pub async fn leaves(self, host: &str) {
        let force = RemoveImageOptions {
            force: true,
            ..Default::default()
        };
        docker(host)
            .remove_image(&self.image, Some(force), None)
            .await
            .unwrap();
        let builder = NodeBuilder::docker(host).await.unwrap();
        builder.prune(&self.records).await.unwrap();
    }
}

/// Removes the records that are meant, of which there must be some. What a step left
/// may come back by another id when the build that made it lets go of it.
pub async fn prune_those(builder: &NodeBuilder, are_meant: impl Fn(&CacheRecord) -> bool) {
    let mut gone = 0;
    for _ in 0..20 {
        let records = builder.cache_records().await.unwrap();
        let meant = records.into_iter().filter(|record| are_meant(record));
        let ids: Vec<String> = meant.map(|record| record.id).collect();
        if ids.is_empty() {
            assert!(gone > 0, "no record to remove");
            return;
        }
        gone += builder.prune(&ids).await.unwrap().len();
    }
    panic!("records stay");
}

/// Removes what a run that was cut off left in the cache: everything that was
/// not there before.
pub async fn prune_since(host: &str, before: &BTreeSet<String>) {
    let builder = NodeBuilder::docker(host).await.unwrap();
    for _ in 0..20 {
        let left: Vec<String> = cache_ids(host).await.difference(before).cloned().collect();
        if left.is_empty() {
            return;
        }
        builder.prune(&left).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// Sends a signal by its name without `SIG`.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Flags that give a process a mount namespace in which it may mount.
pub fn unshare_flags() -> &'static [&'static str] {
    if nix::unistd::geteuid().is_root() {
        &["--mount", "--propagation", "private"]
    } else {
        &[
            "--mount",
            "--propagation",
            "private",
            "--user",
            "--map-root-user",
        ]
    }
}

/// A socket in front of the engine's that can be cut.
pub struct Proxy {
    /// `unix://…`
    pub host: String,
    streams: Arc<Mutex<Vec<UnixStream>>>,
}

impl Proxy {
    /// Listens on a socket in `folder` and passes everything on.
    pub fn start(host: &str, folder: &Path) -> Self {
        Self::renaming(host, folder, ("", ""))
    }

    /// As [`start`](Self::start), but the engine hears another name, as long, in
    /// place of one.
    pub fn renaming(host: &str, folder: &Path, names: (&'static str, &'static str)) -> Self {
        assert_eq!(names.0.len(), names.1.len());
        let engine = host.strip_prefix("unix://").unwrap().to_owned();
        let socket = folder.join("proxy.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let streams: Arc<Mutex<Vec<UnixStream>>> = Arc::default();
        let held = Arc::clone(&streams);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = UnixStream::connect(&engine) else {
                    return;
                };
                held.lock()
                    .unwrap()
                    .extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                let asks = (client.try_clone().unwrap(), server.try_clone().unwrap());
                pass_on(asks.0, asks.1, names);
                pass_on(server, client, ("", ""));
            }
        });
        Self {
            host: format!("unix://{}", socket.display()),
            streams,
        }
    }

    /// Cuts every connection and takes no new one.
    pub fn cut(&self) {
        let path = self.host.strip_prefix("unix://").unwrap();
        std::fs::remove_file(path).unwrap();
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pass_on(mut from: UnixStream, mut to: UnixStream, (name, other): (&'static str, &'static str)) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read) = from.read(&mut buffer) {
            if !name.is_empty()
                && let Some(at) = buffer[..read]
                    .windows(name.len())
                    .position(|bytes| bytes == name.as_bytes())
            {
                buffer[at..at + other.len()].copy_from_slice(other.as_bytes());
            }
            if read == 0 || to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
