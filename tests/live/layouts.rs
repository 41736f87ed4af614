//! Base images that a builder gets from this machine, through the session. The
//! engine's BuildKit takes them as any does; `BUILDRACE_TEST_BUILDKITD`
//! (`unix:///…`) is a buildkitd that has no other way to them.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use buildrace::builder::{Builder, BuilderError, Cleanup, StatusSink};
use buildrace::buildkit::dial::Duplex;
use buildrace::buildkit::{
    BuildEnd, BuildRequest, BuildWindow, CacheRecord, Client, Daemon, Dial, DialError, DockerDial,
    Worker,
};
use buildrace::engine::{self, layout};
use buildrace::explain::{Conditions, StepKind, explain};
use buildrace::model::{BaseImage, ImageLayout, Platform};
use buildrace::race::warm_up;
use buildrace::trace::{SolveStatus, Trace};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::support::{Engine, Job, unique};

/// A name that no store and no registry has.
const NOWHERE: &str = "buildrace-nowhere:1";
/// The image of the engine that gets this name.
const BASE: &str = "debian:trixie-slim";
/// More than the index, manifests and configurations of an image.
const DOCUMENTS: u64 = 100_000;

/// A buildkitd on a socket of this machine.
#[derive(Debug)]
struct Socket(String);

#[async_trait]
impl Dial for Socket {
    async fn dial(&self) -> Result<Box<dyn Duplex>, DialError> {
        let stream = tokio::net::UnixStream::connect(&self.0).await;
        let stream = stream.map_err(|error| DialError::Unreachable {
            endpoint: self.endpoint(),
            problem: error.to_string(),
        })?;
        Ok(Box::new(stream))
    }

    fn endpoint(&self) -> String {
        format!("unix://{}", self.0)
    }

    fn daemon(&self) -> Daemon {
        Daemon::Buildkitd
    }
}

/// A client that counts what it sends of layouts.
struct Counting {
    client: Client,
    sent: Mutex<u64>,
}

impl Counting {
    fn new(dial: Arc<dyn Dial>) -> Self {
        Self {
            client: Client::new(dial),
            sent: Mutex::new(0),
        }
    }

    /// Bytes of layouts since this was asked before.
    fn sent(&self) -> u64 {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }

    /// Builds, and returns what BuildKit told.
    async fn told(&self, request: &BuildRequest) -> Vec<SolveStatus> {
        let (sink, mut messages) = mpsc::unbounded_channel();
        let end = self.build(request, sink, CancellationToken::new()).await;
        end.result.unwrap();
        let mut told = Vec::new();
        while let Ok(status) = messages.try_recv() {
            told.push(status);
        }
        told
    }
}

#[async_trait]
impl Builder for Counting {
    async fn build(
        &self,
        request: &BuildRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd {
        let end = self.client.build(request, sink, cancel).await;
        *self.sent.lock().unwrap() += end.layout_bytes;
        end
    }

    fn cleanup(&self) -> Cleanup {
        Cleanup::Leave
    }

    async fn cache_records(&self) -> Result<Vec<CacheRecord>, BuilderError> {
        Ok(Vec::new())
    }

    async fn prune(&self, _: &[String]) -> Result<Vec<String>, BuilderError> {
        Ok(Vec::new())
    }

    async fn workers(&self) -> Result<Vec<Worker>, BuilderError> {
        Ok(Vec::new())
    }

    async fn history(&self) -> Result<Vec<BuildWindow>, BuilderError> {
        Ok(Vec::new())
    }

    async fn forget(&self, _: &[String]) -> Result<(), BuilderError> {
        Ok(())
    }
}

fn platforms() -> Vec<Platform> {
    let platforms = ["linux/amd64", "linux/arm64"];
    platforms.map(|name| name.parse().unwrap()).into()
}

/// The engine's base image as a layout under the name that nobody else has.
async fn nowhere(host: &str, cache: &Path) -> ImageLayout {
    let endpoint = engine::locate(Some(host)).await.unwrap();
    let engine = engine::Engine::connect(&endpoint).await.unwrap();
    let said = Arc::new(Mutex::new(0));
    let progress: engine::Progress = {
        let said = said.clone();
        Arc::new(move |_: &str| *said.lock().unwrap() += 1)
    };
    let platforms = platforms();
    let save = || layout::save_under(cache, &engine, BASE, &platforms, &progress);
    let saved = save().await.unwrap();
    assert_eq!(*said.lock().unwrap(), 1);
    // It is copied once.
    assert_eq!(save().await.unwrap(), saved);
    assert_eq!(*said.lock().unwrap(), 1);
    let held = engine.image(BASE, &[]).await.unwrap().unwrap();
    assert_eq!(Some(&saved.digest), held.digest.as_ref());
    ImageLayout {
        name: NOWHERE.into(),
        ..saved
    }
}

/// A Dockerfile on that image, on the node's platform and on each built.
fn job(folder: &Path, mark: &str) -> Job {
    let context = folder.join("context");
    fs::create_dir(&context).unwrap();
    let dockerfile = format!(
        "FROM --platform=$BUILDPLATFORM {NOWHERE} AS build\n\
         ARG TARGETARCH\n\
         WORKDIR /{mark}\n\
         RUN echo for $TARGETARCH > /{mark}/made\n\
         FROM docker.io/library/{NOWHERE}\n\
         COPY --from=build /{mark} /{mark}\n\
         RUN . /etc/os-release && echo $ID $(dpkg --print-architecture) $(cat /{mark}/made)\n"
    );
    fs::write(context.join("Dockerfile"), dockerfile).unwrap();
    Job {
        platforms: platforms(),
        ..Job::new(&context)
    }
}

/// Unpacks the image, then builds twice from nothing.
async fn race_on(builder: &Counting, layout: &ImageLayout, folder: &Path, mark: &str) {
    let job = job(folder, mark);
    let images = platforms().into_iter().map(|platform| BaseImage {
        name: NOWHERE.into(),
        platform,
        digest: None,
        stand_in: false,
        node: None,
    });
    let images: Vec<_> = images.collect();
    let layouts = [layout.clone()];
    let stop = CancellationToken::new();
    warm_up::unpack(builder, &images, &layouts, &format!("{mark}-"), &stop)
        .await
        .unwrap();
    builder.sent();
    let request = BuildRequest {
        layouts: layouts.to_vec(),
        no_cache: true,
        ..job.request()
    };
    for _ in 0..2 {
        let told = builder
            .told(&BuildRequest {
                reference: unique("cold"),
                ..request.clone()
            })
            .await;
        assert!(builder.sent() < DOCUMENTS, "it was there already");
        let parts = told.iter().flat_map(|status| &status.statuses);
        let unpacked = parts.filter(|part| part.id.starts_with("extracting"));
        assert_eq!(unpacked.count(), 0, "it was unpacked already");
        let mut trace = Trace::new();
        told.iter().for_each(|status| trace.push(status));
        for platform in ["amd64", "arm64"] {
            let printed = format!("debian {platform} for {platform}");
            let mut logs = trace.steps().iter().map(|step| step.log.lines());
            assert!(
                logs.any(|lines| lines.concat().contains(&printed)),
                "{printed}"
            );
        }
        // WORKDIR is the same for both; FROM does not count.
        assert_eq!(trace.count(), 7);
        let explained = explain(&trace, &Conditions::default()).unwrap();
        let images = explained.steps.iter();
        let images = images.filter(|step| step.kind == StepKind::BaseImage);
        let mut images: Vec<_> = images
            .map(|step| (step.instruction.as_str(), step.target.clone()))
            .collect();
        images.sort();
        let from = format!("FROM {NOWHERE}");
        let on = |platform: &Platform| (from.as_str(), Some(platform.clone()));
        assert_eq!(images, platforms().iter().map(on).collect::<Vec<_>>());
    }
    let again = BuildRequest {
        reference: unique("again"),
        no_cache: false,
        ..request
    };
    let told = builder.told(&again).await;
    let mut trace = Trace::new();
    told.iter().for_each(|status| trace.push(status));
    assert_eq!(trace.cached_count(), trace.count());
}

#[tokio::test]
async fn an_engine_builds_on_an_image_that_it_does_not_hold() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let layout = nowhere(&engine.host, folder.path()).await;
    let builder = Counting::new(Arc::new(DockerDial::new(&engine.host).unwrap()));
    let mark = unique("layouts");
    race_on(&builder, &layout, folder.path(), &mark).await;
    engine.clean(4, &mark).await;
}

#[tokio::test]
async fn an_image_is_found_by_each_form_of_its_name() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let layout = nowhere(&engine.host, folder.path()).await;
    let pinned = format!("{NOWHERE}@{}", layout.digest);
    let mark = unique("layouts");
    fs::write(
        folder.path().join("Dockerfile"),
        format!(
            "ARG TAG=latest\n\
             FROM {pinned} AS pinned\n\
             FROM docker.io/library/buildrace-nowhere:$TAG\n\
             COPY --from=buildrace-nowhere /etc/os-release /{mark}/a\n\
             COPY --from=pinned /etc/os-release /{mark}/b\n"
        ),
    )
    .unwrap();
    let request = BuildRequest {
        layouts: [pinned.as_str(), "library/buildrace-nowhere"]
            .map(|name| ImageLayout {
                name: name.into(),
                ..layout.clone()
            })
            .into(),
        ..Job::new(folder.path()).request()
    };
    let builder = Counting::new(Arc::new(DockerDial::new(&engine.host).unwrap()));
    builder.told(&request).await;
    engine.clean(1, &mark).await;
}

#[tokio::test]
async fn a_buildkitd_gets_an_image_once() {
    let Ok(address) = std::env::var("BUILDRACE_TEST_BUILDKITD") else {
        eprintln!("skipped: BUILDRACE_TEST_BUILDKITD names no buildkitd");
        return;
    };
    let Some(engine) = Engine::take().await else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let layout = nowhere(&engine.host, folder.path()).await;
    let socket = address.trim_start_matches("unix://").to_owned();
    let builder = Counting::new(Arc::new(Socket(socket)));
    race_on(&builder, &layout, folder.path(), &unique("layouts")).await;
}
