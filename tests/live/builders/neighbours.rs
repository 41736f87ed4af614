//! What others' builds find on a builder of theirs is there after a race too:
//! a buildkitd keeps its matches when a run takes its own records away.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use buildrace::builder::container::{ContainerDial, container_of};
use buildrace::builder::{Builder, NodeBuilder};
use buildrace::engine::{self, layout};
use serde_json::json;

use super::{Instance, Kept, Place, bytes_of, connect};
use crate::buildkitd::Start;
use crate::harness::{docker, signal};
use crate::support::{Engine, native, unique};

const BASE: &str = "debian:trixie-slim";

/// Somebody who builds on a base image by buildx, on a builder of theirs.
struct Somebody<'a> {
    place: &'a Place,
    builder: &'a str,
    /// The argument that names the base image, which no registry need have.
    base: String,
}

impl<'a> Somebody<'a> {
    async fn on(builder: &'a str, place: &'a Place, engine: &Engine) -> Self {
        let endpoint = engine::locate(Some(&engine.host)).await.unwrap();
        let holder = engine::Engine::connect(&endpoint).await.unwrap();
        let quiet: engine::Progress = Arc::new(|_: &str| {});
        let saved = layout::save(&holder, BASE, &[native()], &quiet).await;
        let saved = saved.unwrap();
        let folder = place.path().join("base");
        write_index(&folder, &saved.folder, &saved.digest);
        let mark = unique("theirs");
        let dockerfile =
            format!("FROM {BASE}\nWORKDIR /{mark}\nCOPY . .\nRUN echo {mark} > /built\n");
        place.write("theirs.Dockerfile", &dockerfile);
        let other = dockerfile.replace("echo", "echo it is");
        place.write("other.Dockerfile", other);
        place.write("theirs/note", "nonce: none\n");
        Self {
            place,
            builder,
            base: format!("{BASE}=oci-layout://{}@{}", folder.display(), saved.digest),
        }
    }

    /// How many of their three steps come from the cache.
    fn finds(&self) -> usize {
        let args = [
            "build",
            "--builder",
            self.builder,
            "--progress",
            "plain",
            "--build-context",
            &self.base,
            "--file",
            "theirs.Dockerfile",
            "--provenance=false",
            "--output",
            "type=cacheonly",
            "theirs",
        ];
        let told = self.place.buildx(&args);
        told.lines()
            .filter(|line| line.ends_with(" CACHED"))
            .count()
    }

    /// Races their own Dockerfile with another one, on their builder.
    fn races(&self) {
        let race = [
            "compare",
            "theirs.Dockerfile",
            "other.Dockerfile",
            "--context",
            "theirs",
            "--edit",
            "note",
            "--edit-with",
            "s/none/{nonce}/",
            "--kinds",
            "cold,incremental",
            "--rounds",
            "1",
            "--keep-contaminated",
            "--settle=0s",
            "--builder",
            self.builder,
        ];
        self.place.has_raced(&mut self.place.buildrace(&race));
    }

    /// They build, race, have a race killed, race again, and find what they
    /// found at first each time.
    async fn goes_on_as_before(&self, node: &dyn Builder) {
        assert_eq!(self.finds(), 0);
        assert_eq!(self.finds(), 3);
        let kept = async || {
            (
                Kept::by(node).await.records,
                bytes_of(&self.place.path().join("buildx/instances")),
            )
        };
        let before = kept().await;
        self.races();
        assert_eq!(kept().await, before);
        assert_eq!(self.finds(), 3, "a race took what they had");

        let hanging = self.place.hangs_on(&["amd64", "arm64"]);
        let mut child = self
            .place
            .is_in_mid_build(&["--builder", self.builder], &hanging);
        signal(&child, "KILL");
        child.wait().unwrap();
        self.races();
        assert_eq!(kept().await, before);
        assert_eq!(
            self.finds(),
            3,
            "a race took what they had after one was killed"
        );
        let history = node.history().await.unwrap();
        let mut builds = history.iter();
        assert!(builds.all(|build| !build.reference.starts_with("buildrace-")));
    }
}

/// A layout that buildx reads: what was saved, with the index that it looks for.
fn write_index(folder: &Path, saved: &Path, digest: &str) {
    fs::create_dir(folder).unwrap();
    symlink(saved.join("blobs"), folder.join("blobs")).unwrap();
    fs::copy(saved.join("oci-layout"), folder.join("oci-layout")).unwrap();
    let blob = buildrace::model::ImageLayout::blob(saved, digest).unwrap();
    let content = fs::read(blob).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&content).unwrap();
    let descriptor = json!({
        "mediaType": index["mediaType"], "digest": digest, "size": content.len(),
    });
    let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_in_a_container_of_buildxs_find_what_they_found() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let theirs = Instance::create(&place, &["--driver", "docker-container", "--bootstrap"]);
    let container = container_of(&format!("{}0", theirs.name));
    let dial = ContainerDial::new(docker(&engine.host), container);
    let node = NodeBuilder::connect(Arc::new(dial)).await.unwrap();
    let somebody = Somebody::on(&theirs.name, &place, &engine).await;
    somebody.goes_on_as_before(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_on_a_remote_buildkitd_find_what_they_found() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let remote = Start::unix().start();
    let theirs = Instance::create(&place, &["--driver", "remote", &remote.address]);
    let node = connect(&remote.address, None).await;
    let somebody = Somebody::on(&theirs.name, &place, &engine).await;
    somebody.goes_on_as_before(&node).await;
}
