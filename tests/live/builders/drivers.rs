//! The same race on each driver: it ends well, says where it ran, builds the
//! same images, and leaves the builder as it was.

use std::sync::Arc;

use buildrace::builder::container::{ContainerDial, ContainerSettings, OwnContainer, container_of};
use buildrace::builder::{NodeBuilder, NodesBuilder, nodes};
use buildrace::buildkit::TlsFiles;
use buildrace::model::NodeInfo;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    Instance, Kept, OnEngine, Place, builds_the_same_images, bytes_of, connect, options, text,
};
use crate::buildkitd::Start;
use crate::certificates::Authority;
use crate::harness::docker;
use crate::support::Engine;

#[tokio::test(flavor = "multi_thread")]
async fn the_docker_driver() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let before = (
        Kept::by(&engine.builder).await,
        OnEngine::at(&engine.host).await,
    );
    place.races(&["--builder", "default"]).is_right().names(
        "default, docker driver on Docker Engine ",
        "docker",
        None,
    );
    let after = (
        Kept::by(&engine.builder).await,
        OnEngine::at(&engine.host).await,
    );
    assert_eq!(before, after);
    builds_the_same_images(&engine.builder, &place).await;
    engine.clean(0, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_buildx_made_and_chose() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let theirs = Instance::create(
        &place,
        &["--driver", "docker-container", "--use", "--bootstrap"],
    );
    let container = container_of(&format!("{}0", theirs.name));
    let dial = ContainerDial::new(docker(&engine.host), container.as_str());
    let builder = NodeBuilder::connect(Arc::new(dial)).await.unwrap();
    let kept = async || {
        let store = bytes_of(&place.path().join("buildx"));
        let engine_keeps = (
            Kept::by(&engine.builder).await,
            OnEngine::at(&engine.host).await,
        );
        (store, Kept::by(&builder).await, engine_keeps)
    };
    let before = kept().await;

    let line = format!("{}, docker-container driver on Docker Engine ", theirs.name);
    place
        .races(&["--kinds", "multi-arch,incremental"])
        .is_right()
        .names(&line, "docker-container", Some(&theirs.name));
    let doctor = place.buildrace(&["doctor"]).output().unwrap();
    let doctor = text(&doctor.stdout);
    assert!(doctor.contains(&format!("builder: {line}")), "{doctor}");
    let listed = place.buildrace(&["builders"]).output().unwrap();
    let listed = text(&listed.stdout);
    let current = format!("{}*  docker-container", theirs.name);
    assert!(listed.contains(&current), "{listed}");

    // By its name, as a container, and past it to the engine's own.
    let cold = ["--kinds", "cold", "--variant", "naive", "--builder"];
    let race = |builder: &str| place.races(&[&cold[..], &[builder]].concat());
    race(&theirs.name).names(&line, "docker-container", Some(&theirs.name));
    let address = format!("docker-container://{container}");
    race(&address).names("a buildkitd, remote driver", "remote", None);
    race("default").names("default, docker driver on ", "docker", None);
    let doctor = place.buildrace(&["doctor", "--builder", "default"]);
    let doctor = text(&{ doctor }.output().unwrap().stdout);
    assert!(
        doctor.contains("builder: default, docker driver"),
        "{doctor}"
    );

    assert_eq!(kept().await, before);
    builds_the_same_images(&builder, &place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_of_its_own() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let before = (
        Kept::by(&engine.builder).await,
        OnEngine::at(&engine.host).await,
    );
    let race = [
        "--kinds",
        "multi-arch,incremental",
        "--builder",
        "container",
    ];
    place.races(&race).is_right().names(
        "buildrace's own, docker-container driver on ",
        "docker-container",
        None,
    );
    let after = (
        Kept::by(&engine.builder).await,
        OnEngine::at(&engine.host).await,
    );
    assert_eq!(before, after);

    let endpoint = buildrace::engine::locate(Some(&engine.host)).await.unwrap();
    let host = buildrace::engine::Engine::connect(&endpoint).await.unwrap();
    let settings = ContainerSettings::default();
    let own = OwnContainer::create(&host, &settings).await.unwrap();
    builds_the_same_images(&own.builder, &place).await;
    own.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_with_certificates_of_both_sides() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let folder = TempDir::new().unwrap();
    let authority = Authority::new(folder.path(), "ours");
    let (server, client) = (authority.server(&["127.0.0.1"]), authority.client());
    let remote = Start::tls("127.0.0.1", &server, &authority).start();
    let files = TlsFiles {
        ca: Some(authority.certificate()),
        certificate: Some(client.certificate.clone()),
        key: Some(client.key.clone()),
        ..TlsFiles::default()
    };
    let builder = connect(&remote.address, Some(files)).await;
    let before = Kept::by(&builder).await;

    let options = options(&authority, &client);
    let args = ["--builder", &remote.address, "--driver-opt", &options];
    place
        .races(&[&["--kinds", "multi-arch,noop"][..], &args].concat())
        .is_right()
        .names("a buildkitd, remote driver, ", "remote", None);

    let create = ["--driver", "remote", "--driver-opt", &options, "--use"];
    let theirs = Instance::create(&place, &[&create[..], &[&remote.address]].concat());
    let store = bytes_of(&place.path().join("buildx"));
    let line = format!("{}, remote driver, ", theirs.name);
    place
        .races(&["--kinds", "cold", "--variant", "naive"])
        .names(&line, "remote", Some(&theirs.name));
    assert_eq!(bytes_of(&place.path().join("buildx")), store);

    assert_eq!(Kept::by(&builder).await, before);
    builds_the_same_images(&builder, &place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let remote = Start::unix().start();
    let builder = connect(&remote.address, None).await;
    let before = Kept::by(&builder).await;
    place
        .races(&["--kinds", "multi-arch,noop", "--builder", &remote.address])
        .is_right()
        .names("a buildkitd, remote driver, ", "remote", None);
    assert_eq!(Kept::by(&builder).await, before);
    builds_the_same_images(&builder, &place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_of_one_builder() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    let remotes = [Start::unix().start(), Start::unix().start()];
    let platforms = ["linux/amd64", "linux/arm64"];
    let farm = Instance::farm(&place, [&remotes[0].address, &remotes[1].address]);
    let mut opened = Vec::new();
    for (number, remote) in remotes.iter().enumerate() {
        let platform = platforms[number].parse().unwrap();
        opened.push(nodes::Node {
            info: NodeInfo {
                name: format!("farm{number}"),
                native: platform,
                given: vec![platforms[number].parse().unwrap()],
                platforms: Vec::new(),
                buildkit_version: None,
            },
            builder: connect(&remote.address, None).await,
        });
    }
    let builder = NodesBuilder::new(opened).unwrap();
    let before = (
        bytes_of(&place.path().join("buildx")),
        Kept::by(&builder).await,
    );

    let line = format!("{}, remote driver, 2 nodes, ", farm.name);
    let race = ["--kinds", "multi-arch,incremental", "--builder"];
    let raced = place.races(&[&race[..], &[&farm.name]].concat());
    raced.is_right().names(&line, "remote", Some(&farm.name));
    let nodes = &raced.run.run.record.builder.nodes;
    let named: Vec<(&str, &str)> = nodes
        .iter()
        .map(|node| (node.name.as_str(), node.given[0].architecture()))
        .collect();
    assert_eq!(named, [("farm0", "amd64"), ("farm1", "arm64")]);

    let after = (
        bytes_of(&place.path().join("buildx")),
        Kept::by(&builder).await,
    );
    assert_eq!(before, after);
    builds_the_same_images(&builder, &place).await;
    let json = place.buildrace(&["builders", "--json"]).output().unwrap();
    let listed: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(listed.to_string().contains("farm1"), "{listed}");
}

/// Of a builder of several nodes each has to get the image for its platform alone,
/// and no builder here has a registry to get it from.
#[tokio::test(flavor = "multi_thread")]
async fn a_base_image_is_run_on_every_platform_of_each_builder() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    place.prints_its_architecture_on("debian:trixie-slim");
    let remotes = [Start::unix().start(), Start::unix().start()];
    let farm = Instance::farm(&place, [&remotes[0].address, &remotes[1].address]);
    for builder in ["container", farm.name.as_str()] {
        let race = ["--variant", "naive", "--kinds", "multi-arch"];
        let raced = place.races(&[&race[..], &["--builder", builder]].concat());
        raced.is_right();
        let images = &raced.run.run.record.base_images;
        assert_eq!(images.len(), 2, "{images:?}");
    }
}
