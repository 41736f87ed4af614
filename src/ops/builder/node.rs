//! A node of a builder, opened: its driver comes down to a dial.

use std::sync::Arc;

use anyhow::{Context, bail};

use crate::builder::container::{self, ContainerDial, ContainerState};
use crate::builder::kubernetes::{ChosenPod, Cluster, PodAddress, Pods, Workload, kubeconfig_of};
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
    /// The pod that it runs in, where it does.
    pub pod: Option<String>,
    /// The API server that leads to the pod.
    pub api_server: Option<String>,
    /// What a user should know of it.
    pub note: Option<String>,
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
            pod: None,
            api_server: None,
            note: None,
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
        "kubernetes" => in_cluster(instance, node).await?,
        driver => bail!(
            "its driver is {}: buildrace reaches docker-container, kubernetes and remote",
            bounded(driver)
        ),
    };
    // What the instance says of a node comes before what is noted on its pod.
    if !node.platforms.is_empty() {
        open.given.clone_from(&node.platforms);
    }
    Ok(open)
}

/// Opens the buildkitd in a pod of a kubernetes node's deployment.
async fn in_cluster(instance: &Instance, node: &InstanceNode) -> anyhow::Result<OpenNode> {
    let kubeconfig = kubeconfig_of(&node.endpoint);
    let cluster = Cluster::find(kubeconfig.as_deref(), None).await?;
    let workload = Workload::of(&node.name, &node.driver_opts);
    let pods = Pods::of(&cluster, workload.namespace.as_deref());
    let pod = pods.choose(&workload, &instance.name).await?;
    let note = note_of(&pod, &workload);
    let open = in_pod(pod).await?;
    Ok(OpenNode { note, ..open })
}

/// Which pod is used where there are several, and why only one.
fn note_of(pod: &ChosenPod, workload: &Workload) -> Option<String> {
    let others = match pod.others {
        0 => return None,
        1 => "1 pod".to_owned(),
        others => format!("{others} pods"),
    };
    let buildx = match workload.is_spread {
        true => ", though buildx would spread builds over all",
        false => "",
    };
    Some(format!(
        "all builds of {} go to its pod {}, so that they share one cache{buildx}; {others} beside \
         it are not used",
        bounded(&workload.name),
        bounded(&pod.name)
    ))
}

/// Opens the buildkitd in a pod.
async fn in_pod(pod: ChosenPod) -> anyhow::Result<OpenNode> {
    let builder = NodeBuilder::connect(Arc::new(pod.dial)).await?;
    let builder = builder.with_cleanup(Cleanup::Remove);
    let mut open = OpenNode::of(&pod.name, builder, None).await?;
    open.pod = Some(pod.name);
    open.api_server = Some(pod.server);
    open.given = pod.given;
    if let Some(native) = pod.native {
        // Flags of a buildkitd may have it list another platform first.
        let listed = &mut open.worker.platforms;
        let same = |platform: &Platform| {
            (platform.os(), platform.architecture()) == (native.os(), native.architecture())
        };
        match listed.iter().position(same) {
            Some(at) => listed[..=at].rotate_right(1),
            None => listed.insert(0, native),
        }
    }
    Ok(open)
}

/// Makes sure that the containers of an instance run, so that opening its nodes
/// starts nothing.
///
/// # Errors
/// One does not, and what starts it.
pub async fn check_running(instance: &Instance) -> anyhow::Result<()> {
    if instance.driver != "docker-container" {
        return Ok(());
    }
    for node in &instance.nodes {
        if container_state(node).await? != ContainerState::Running {
            bail!(
                "node {} of the builder {} does not run, and only a running one tells what it \
                 remembers: `docker buildx inspect --bootstrap {}` starts it",
                bounded(&node.name),
                bounded(&instance.name),
                bounded(&instance.name)
            );
        }
    }
    Ok(())
}

/// How the container of a node is.
///
/// # Errors
/// Its engine does not say.
pub async fn container_state(node: &InstanceNode) -> anyhow::Result<ContainerState> {
    let endpoint = engine::locate::named_by(&node.endpoint, "buildx")?;
    let engine = Engine::connect_unchecked(&endpoint).await?;
    let container = container::container_of(&node.name);
    Ok(container::state_of(engine.docker(), &container).await?)
}

async fn in_container(instance: &Instance, node: &InstanceNode) -> anyhow::Result<OpenNode> {
    let endpoint = engine::locate::named_by(&node.endpoint, "buildx")?;
    let engine = Engine::connect_unchecked(&endpoint).await?;
    let container = container::container_of(&node.name);
    let builder = container::boot(engine.docker(), &container, &instance.name).await?;
    let builder = builder.with_cleanup(Cleanup::Remove);
    OpenNode::of(&node.name, builder, Some(engine)).await
}

/// Opens a buildkitd at an address, buildx's `docker-container://NAME` and
/// BuildKit's `kube-pod://NAME` among them.
pub async fn remote(name: &str, address: &str, tls: Option<TlsFiles>) -> anyhow::Result<OpenNode> {
    if PodAddress::is_one(address) {
        let address = PodAddress::parse(address)?;
        let cluster = Cluster::find(None, address.context.as_deref()).await?;
        let pods = Pods::of(&cluster, address.namespace.as_deref());
        return in_pod(pods.named(&address).await?).await;
    }
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
