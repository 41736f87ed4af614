//! A node of a builder, opened: its driver comes down to a dial.

use std::sync::Arc;

use anyhow::{Context, bail};

use crate::builder::container::{self, ContainerDial};
use crate::builder::{Builder, Cleanup, NodeBuilder};
use crate::buildkit::{RemoteDial, TlsFiles, Worker};
use crate::buildx::{Instance, InstanceNode};
use crate::engine::{self, Endpoint, Engine};
use crate::escape::bounded;
use crate::model::Platform;

/// A BuildKit that answers.
#[derive(Debug)]
pub struct OpenNode {
    pub name: String,
    /// The engine that it is in or runs in, where there is one.
    pub engine: Option<Engine>,
    pub builder: NodeBuilder,
    pub worker: Worker,
    /// Platforms that it was given by name.
    pub given: Vec<Platform>,
}

impl OpenNode {
    /// Asks a BuildKit what it is.
    pub async fn of(
        name: &str,
        builder: NodeBuilder,
        engine: Option<Engine>,
    ) -> anyhow::Result<Self> {
        let workers = builder.workers().await?;
        let mut worker = workers.into_iter().next().with_context(|| {
            format!("the BuildKit of {name} lists no worker; is it still starting?")
        })?;
        worker.buildkit_version = builder
            .buildkit_version()
            .await?
            .or(worker.buildkit_version);
        if worker.platforms.is_empty() {
            bail!("the worker of {name} lists no platform");
        }
        Ok(Self {
            name: name.to_owned(),
            engine,
            builder,
            worker,
            given: Vec::new(),
        })
    }

    /// Its own platform.
    pub fn native(&self) -> &Platform {
        &self.worker.platforms[0]
    }
}

/// Opens the BuildKit inside an engine.
pub async fn of_engine(engine: Engine) -> anyhow::Result<OpenNode> {
    let endpoint = &engine.facts().endpoint;
    let cleanup = match endpoint.is_private() {
        true => Cleanup::Remove,
        false => Cleanup::Leave,
    };
    let builder = NodeBuilder::docker_with(&endpoint.host, endpoint.tls.as_ref()).await?;
    let version = engine::bundled::buildkit_of(&engine.facts().version);
    let builder = builder.with_cleanup(cleanup);
    let mut node = OpenNode::of("default", builder, Some(engine)).await?;
    // What BuildKit says itself, then what the engine was made with.
    node.worker.buildkit_version = node.worker.buildkit_version.or(version);
    Ok(node)
}

/// Opens a node of an instance, and starts it where it is stopped.
pub async fn of_instance(instance: &Instance, node: &InstanceNode) -> anyhow::Result<OpenNode> {
    let mut open = match instance.driver.as_str() {
        "docker-container" => in_container(instance, node).await?,
        "remote" => {
            let tls = tls(&node.driver_opts)?;
            remote(&node.name, &node.endpoint, tls).await?
        }
        driver => bail!(
            "its driver is {}: buildrace reaches docker-container and remote",
            bounded(driver)
        ),
    };
    open.given.clone_from(&node.platforms);
    Ok(open)
}

async fn in_container(instance: &Instance, node: &InstanceNode) -> anyhow::Result<OpenNode> {
    let endpoint = engine::locate::named_by(&node.endpoint, "buildx")?;
    let engine = Engine::connect_unchecked(&endpoint).await?;
    let container = container::container_of(&node.name);
    let builder = container::boot(engine.docker(), &container, &instance.name).await?;
    let builder = builder.with_cleanup(Cleanup::Remove);
    OpenNode::of(&node.name, builder, Some(engine)).await
}

/// Opens a buildkitd at an address, buildx's `docker-container://NAME` among
/// them.
pub async fn remote(name: &str, address: &str, tls: Option<TlsFiles>) -> anyhow::Result<OpenNode> {
    let builder = if let Some(container) = address.strip_prefix("docker-container://") {
        let endpoint: Endpoint = engine::locate(None).await?;
        let engine = Engine::connect_unchecked(&endpoint).await?;
        let dial = ContainerDial::new(engine.docker().clone(), container);
        let builder = NodeBuilder::connect(Arc::new(dial)).await?;
        let builder = builder.with_cleanup(Cleanup::Remove);
        return OpenNode::of(name, builder, Some(engine)).await;
    } else {
        let dial = RemoteDial::new(address, tls)?;
        NodeBuilder::connect(Arc::new(dial)).await?
    };
    let builder = builder.with_cleanup(Cleanup::Remove);
    OpenNode::of(name, builder, None).await
}

/// The certificates that the remote driver's options name.
///
/// # Errors
/// They name half of what TLS needs, as buildx has it too.
pub fn tls(
    options: &std::collections::BTreeMap<String, String>,
) -> anyhow::Result<Option<TlsFiles>> {
    let path = |key: &str| options.get(key).map(std::path::PathBuf::from);
    let files = TlsFiles {
        ca: path("cacert"),
        certificate: path("cert"),
        key: path("key"),
        server_name: options.get("servername").cloned(),
        ..TlsFiles::default()
    };
    if files == TlsFiles::default() {
        return Ok(None);
    }
    let missing: Vec<&str> = [
        ("cacert", files.ca.is_none()),
        ("key", files.certificate.is_some() && files.key.is_none()),
        ("cert", files.key.is_some() && files.certificate.is_none()),
    ]
    .into_iter()
    .filter_map(|(key, is_missing)| is_missing.then_some(key))
    .collect();
    if !missing.is_empty() {
        bail!("TLS is asked for, and {} not given", missing.join(" and "));
    }
    Ok(Some(files))
}
