//! The builders that there are: the engine's own, a container of buildrace's own,
//! and the instances of buildx, each asked what it is. Nothing is started.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;

use super::choice::{Choice, choose};
use super::node::{self, OpenNode};
use crate::builder::container::{ContainerSettings, ContainerState};
use crate::builder::kubernetes::KubernetesError;
use crate::buildx::{Instance, InstanceNode, Store};
use crate::engine::images::unobtainable;
use crate::engine::{self, Engine};
use crate::escape::one_line;
use crate::model::Platform;
use crate::options::BuilderOptions;

/// How long a node may take to say what it is.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long a registry may take to say that it has an image.
const REGISTRY_LIMIT: Duration = Duration::from_secs(3);

/// A builder as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedBuilder {
    /// What `--builder` calls it.
    pub name: String,
    /// buildx's word for the driver.
    pub driver: String,
    /// Whether it is used where none is named.
    pub current: bool,
    /// Its nodes.
    pub nodes: Vec<ListedNode>,
    /// What it can race, or why it cannot, in a line.
    pub races: String,
}

/// A node of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ListedNode {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub endpoint: String,
    /// `running`, `stopped`, `inactive` or `error`, in buildx's words, or
    /// `waiting`: no pod of it runs.
    pub status: String,
    /// Version of its BuildKit, where it tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buildkit: Option<String>,
    /// Platforms that its CPU runs.
    pub native: Vec<Platform>,
    /// Further platforms that it lists.
    pub emulated: Vec<Platform>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Lists them: the engine's own first, then buildx's by name.
///
/// # Errors
/// buildx's folder cannot be read.
pub async fn list(host: Option<&str>) -> anyhow::Result<Vec<ListedBuilder>> {
    let options = BuilderOptions {
        host: host.map(str::to_owned),
        ..BuilderOptions::default()
    };
    let chosen = choose(&options).await.ok();
    let mut listed = of_engine(host, chosen.as_ref()).await;
    let instances = match Store::of_user() {
        Some(store) => store.instances()?,
        None => Vec::new(),
    };
    let chosen = match &chosen {
        Some(Choice::Instance { instance, .. }) => Some(instance.name.as_str()),
        _ => None,
    };
    let asked = instances
        .iter()
        .map(|instance| of_instance(instance, chosen == Some(&instance.name)));
    listed.extend(join_all(asked).await);
    Ok(listed)
}

/// The BuildKit in the engine, and a container of buildrace's own on it.
async fn of_engine(host: Option<&str>, chosen: Option<&Choice>) -> Vec<ListedBuilder> {
    let endpoint = match engine::locate(host).await {
        Ok(endpoint) => endpoint,
        Err(error) => {
            let races = one_line(&error.to_string());
            return vec![ListedBuilder {
                name: "default".to_owned(),
                driver: "docker".to_owned(),
                current: matches!(chosen, None | Some(Choice::OnEngine(_))),
                nodes: Vec::new(),
                races,
            }];
        }
    };
    let Ok(engine) = Engine::connect_unchecked(&endpoint).await else {
        return Vec::new();
    };
    let image = ContainerSettings::default().image().to_owned();
    let names = BTreeSet::from([image.clone()]);
    let lacks_image = !unobtainable(&engine, &names, REGISTRY_LIMIT)
        .await
        .is_empty();
    let is_used = matches!(chosen, Some(Choice::OnEngine(_)));
    let own_is_used = is_used && !endpoint.is_private() && !lacks_image;
    let races = match engine.facts().check() {
        Err(error) => one_line(&error.to_string()),
        Ok(()) if endpoint.is_private() => "all".to_owned(),
        Ok(()) => "all; what it adds to the engine's cache stays there".to_owned(),
    };
    let opened = answered(node::of_engine(engine.clone())).await;
    let default = ListedBuilder {
        name: "default".to_owned(),
        driver: "docker".to_owned(),
        current: is_used && !own_is_used,
        nodes: vec![listed_node("default", &endpoint.host, opened)],
        races,
    };
    let own = ListedBuilder {
        name: "container".to_owned(),
        driver: "docker-container".to_owned(),
        current: own_is_used,
        nodes: Vec::new(),
        races: match lacks_image {
            true => format!("nothing: {image} is neither on the engine nor offered by a registry"),
            false => format!("all, in a container of {image} that is made for the race"),
        },
    };
    vec![default, own]
}

async fn of_instance(instance: &Instance, current: bool) -> ListedBuilder {
    let nodes = join_all(instance.nodes.iter().map(|node| of_node(instance, node))).await;
    let failed = nodes.iter().find(|node| node.status == "error");
    let stopped = nodes.iter().any(|node| node.status == "stopped");
    let absent = nodes
        .iter()
        .any(|node| ["inactive", "waiting"].contains(&node.status.as_str()));
    let races = match failed {
        Some(node) => format!("nothing: node {} does not answer", node.name),
        None if absent => format!(
            "nothing before `docker buildx inspect --bootstrap {}`",
            instance.name
        ),
        None if stopped => "all; a race starts what is stopped".to_owned(),
        None => "all".to_owned(),
    };
    ListedBuilder {
        name: instance.name.clone(),
        driver: instance.driver.clone(),
        current,
        nodes,
        races,
    }
}

async fn of_node(instance: &Instance, node: &InstanceNode) -> ListedNode {
    let without = |status: &str| ListedNode {
        name: node.name.clone(),
        endpoint: node.endpoint.clone(),
        status: status.to_owned(),
        ..ListedNode::default()
    };
    if instance.driver == "docker-container" {
        match answered(node::container_state(node)).await {
            Ok(ContainerState::Running) => {}
            Ok(ContainerState::Stopped) => return without("stopped"),
            Ok(ContainerState::Absent) => return without("inactive"),
            Err(error) => return listed_node(&node.name, &node.endpoint, Err(error)),
        }
    }
    let opened = answered(node::of_instance(instance, node)).await;
    if instance.driver == "kubernetes" {
        return in_cluster(node, opened);
    }
    listed_node(&node.name, &node.endpoint, opened)
}

/// A kubernetes node goes by the pod that builds would go to.
fn in_cluster(node: &InstanceNode, opened: anyhow::Result<OpenNode>) -> ListedNode {
    let status = match &opened {
        Err(error) => match error.downcast_ref() {
            Some(KubernetesError::Absent { .. }) => Some("inactive"),
            Some(KubernetesError::NoPod { .. }) => Some("waiting"),
            _ => None,
        },
        Ok(_) => None,
    };
    let (name, endpoint) = match &opened {
        Ok(open) => (open.name.clone(), open.builder.endpoint()),
        Err(_) => (node.name.clone(), node.endpoint.clone()),
    };
    let mut listed = listed_node(&name, &endpoint, opened);
    if let Some(status) = status {
        listed.status = status.to_owned();
    }
    listed
}

async fn answered<T>(call: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::time::timeout(ANSWER_LIMIT, call)
        .await
        .unwrap_or_else(|_| anyhow::bail!("no answer within {} s", ANSWER_LIMIT.as_secs()))
}

fn listed_node(name: &str, endpoint: &str, opened: anyhow::Result<OpenNode>) -> ListedNode {
    let mut listed = ListedNode {
        name: name.to_owned(),
        endpoint: endpoint.to_owned(),
        ..ListedNode::default()
    };
    match opened {
        Err(error) => {
            listed.status = "error".to_owned();
            listed.error = Some(one_line(&format!("{error:#}")));
        }
        Ok(open) => {
            listed.status = "running".to_owned();
            let own = open.native().architecture().to_owned();
            let platforms = open.given.iter().chain(&open.worker.platforms);
            let platforms: Vec<Platform> = platforms.cloned().collect();
            let platforms = Platform::each_once(&platforms).into_iter();
            (listed.native, listed.emulated) =
                platforms.partition(|platform| platform.architecture() == own);
            listed.buildkit = open.worker.buildkit_version;
        }
    }
    listed
}
