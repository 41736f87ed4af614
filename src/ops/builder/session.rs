//! A builder that answers, for the time of a command.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, anyhow, bail};

use super::choice::{Choice, choose};
use super::node::{self, OpenNode};
use crate::builder::container::{ContainerSettings, OwnContainer};
use crate::builder::{Builder, NodesBuilder, nodes};
use crate::buildx::Instance;
use crate::engine::images::{self, StandIns};
use crate::engine::{self, Endpoint, Engine, EngineError};
use crate::escape;
use crate::model::{BuildNodes, BuilderInfo, ImageLayout, NodeInfo, Platform};
use crate::ops::console::progress_lines;
use crate::options::BuilderOptions;

/// The label of a worker that names where it keeps layers (BuildKit,
/// `worker/label/label.go`).
const SNAPSHOTTER: &str = "org.mobyproject.buildkit.worker.snapshotter";

/// A builder that answers, and what it is.
pub struct BuilderSession {
    /// As results have it.
    pub info: BuilderInfo,
    /// Where builds go.
    pub builder: Arc<dyn Builder>,
    /// The engine that it is in or runs in; none where a buildkitd was reached
    /// otherwise, or where it has several nodes.
    pub engine: Option<Engine>,
    /// The engine that its first node is in or runs in.
    pub(super) image_engine: Option<Engine>,
    /// The addresses of its nodes and of their engines.
    pub addresses: Vec<String>,
    /// Names the place to this user's other runs; it may hold what is nobody's
    /// business.
    pub place: String,
    /// The platform of its first node.
    pub native: Platform,
    /// Whether it builds on this machine.
    pub is_local: bool,
    /// Base images that were found on the engine alone, and that its BuildKit gets
    /// from this machine.
    pub(super) layouts: Mutex<Vec<ImageLayout>>,
    /// Its nodes, each of which remembers its builds.
    pub(super) remembering: Vec<nodes::Node>,
    own: Option<OwnContainer>,
    /// The pods that its nodes run in.
    pods: Vec<String>,
    /// What a user should know of its nodes.
    notes: Vec<String>,
}

impl BuilderSession {
    /// Finds the builder that is meant, and says which it is.
    ///
    /// # Errors
    /// It does not answer.
    async fn find(options: &BuilderOptions) -> anyhow::Result<Self> {
        let session = Self::find_quietly(options).await?;
        session.announce();
        Ok(session)
    }

    /// Says which it is.
    fn announce(&self) {
        errln!("builder: {}", escape::terminal(&self.describe(), 400));
        for note in &self.notes {
            errln!("note: {}", escape::terminal(note, 400));
        }
    }

    /// One of several builders, which is told by its name among them. The caller
    /// closes it.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn named(name: &str, options: &BuilderOptions) -> anyhow::Result<Self> {
        let session = Self::find_quietly(options).await?;
        let told = escape::terminal(&session.describe(), 400);
        errln!("builder {name}: {told}");
        Ok(session)
    }

    /// Does something with the builder that is meant, and ends the session however
    /// that went.
    ///
    /// # Errors
    /// The builder does not answer, or what `work` says.
    pub async fn with<T>(
        options: &BuilderOptions,
        work: impl AsyncFnOnce(&Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let session = Self::find(options).await?;
        let result = work(&session).await;
        session.close().await;
        result
    }

    /// Does something with the builder that `docker buildx build` would use, and ends the
    /// session however that went. On an engine, whoever's it is, that is the engine's own
    /// BuildKit; a container of buildrace's own is made only if it is asked for by its name.
    ///
    /// # Errors
    /// The builder does not answer, or what `work` says.
    pub async fn with_current<T>(
        options: &BuilderOptions,
        work: impl AsyncFnOnce(&Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let choice = choose(options).await?;
        let session = match choice {
            Choice::Own(_) => Self::open(choice, options).await?,
            choice => Self::look_at(choice, options).await?,
        };
        session.announce();
        let result = work(&session).await;
        session.close().await;
        result
    }

    /// The builder that is meant, for a command that builds nothing: where a race
    /// would have a container of its own, the engine's BuildKit is looked at.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn glance(options: &BuilderOptions) -> anyhow::Result<Self> {
        Self::look_at(choose(options).await?, options).await
    }

    /// As [`Self::glance`], and what is stopped stays so.
    ///
    /// # Errors
    /// It does not answer, or a node of it does not run.
    pub async fn of_running(options: &BuilderOptions) -> anyhow::Result<Self> {
        let choice = choose(options).await?;
        if let Choice::Instance { instance, .. } = &choice {
            node::check_running(instance).await?;
        }
        Self::look_at(choice, options).await
    }

    async fn look_at(choice: Choice, options: &BuilderOptions) -> anyhow::Result<Self> {
        match choice {
            Choice::Engine(endpoint) | Choice::OnEngine(endpoint) | Choice::Own(endpoint) => {
                let engine = Engine::connect_unchecked(&endpoint).await?;
                Self::in_engine_unchecked(engine).await
            }
            choice => Self::open(choice, options).await,
        }
    }

    pub(super) async fn find_quietly(options: &BuilderOptions) -> anyhow::Result<Self> {
        Self::open(choose(options).await?, options).await
    }

    async fn open(choice: Choice, options: &BuilderOptions) -> anyhow::Result<Self> {
        match choice {
            Choice::Engine(endpoint) => Self::in_engine(&endpoint).await,
            Choice::OnEngine(endpoint) => Self::on_engine(&endpoint).await,
            Choice::Own(endpoint) => {
                let engine = Engine::connect_unchecked(&endpoint).await?;
                let settings = ContainerSettings::read(
                    &options.driver_opt,
                    options.buildkitd_config.as_deref(),
                )?;
                obtain_image(&engine, &settings).await?;
                Self::in_own_container(engine, &settings).await
            }
            Choice::Instance { instance, found_by } => {
                Self::of_instance(&instance, &found_by).await
            }
            Choice::Remote { address, found_by } => {
                let tls = node::tls(&tls_options(&options.driver_opt)?)?;
                let node = node::remote("remote", &address, tls).await?;
                let info = BuilderInfo {
                    driver: "remote".to_owned(),
                    found_by,
                    ..BuilderInfo::default()
                };
                Self::with_nodes(info, vec![node], address)
            }
        }
    }

    async fn in_engine(endpoint: &Endpoint) -> anyhow::Result<Self> {
        Self::in_engine_unchecked(Engine::connect(endpoint).await?).await
    }

    pub(super) async fn in_engine_unchecked(engine: Engine) -> anyhow::Result<Self> {
        let info = engine.facts().builder_info();
        let place = engine.facts().endpoint.host.clone();
        let node = node::of_engine(engine).await?;
        Self::with_nodes(info, vec![node], place)
    }

    /// On an engine that is not buildrace's own, builds go to a container of its
    /// own where one can be had: there everything may be cleaned.
    async fn on_engine(endpoint: &Endpoint) -> anyhow::Result<Self> {
        if endpoint.is_private() {
            return Self::in_engine(endpoint).await;
        }
        let engine = Engine::connect_unchecked(endpoint).await?;
        let settings = ContainerSettings::default();
        match obtain_image(&engine, &settings).await {
            Ok(()) => Self::in_own_container(engine, &settings).await,
            Err(error) => {
                engine.facts().check()?;
                let reason = escape::terminal(&format!("{error:#}"), 400);
                errln!(
                    "note: builds go to the engine's own BuildKit, and what they add to its \
                     cache stays there: {reason}"
                );
                Self::in_engine(endpoint).await
            }
        }
    }

    async fn in_own_container(
        engine: Engine,
        settings: &ContainerSettings,
    ) -> anyhow::Result<Self> {
        engine.remove_leftovers().await;
        let own = OwnContainer::create(&engine, settings).await?;
        let info = BuilderInfo {
            driver: "docker-container".to_owned(),
            own: true,
            image: Some(settings.image().to_owned()),
            ..engine.facts().builder_info()
        };
        // What another builder on this engine left is not to be found in this one.
        let place = format!("{} container", engine.facts().endpoint.host);
        let opened = OpenNode::of("buildrace", own.builder.clone(), Some(engine)).await;
        let session = opened.and_then(|node| Self::with_nodes(info, vec![node], place));
        match session {
            Ok(session) => Ok(Self {
                own: Some(own),
                ..session
            }),
            Err(error) => {
                // The first error is the one to tell.
                let _ = own.remove().await;
                Err(error)
            }
        }
    }

    async fn of_instance(instance: &Instance, found_by: &str) -> anyhow::Result<Self> {
        let opened = instance.nodes.iter().map(|node| async move {
            node::of_instance(instance, node).await.with_context(|| {
                format!(
                    "node {} of the builder {} (from {found_by})",
                    escape::bounded(&node.name),
                    escape::bounded(&instance.name)
                )
            })
        });
        let nodes = futures_util::future::try_join_all(opened).await?;
        let engine = nodes.first().and_then(|node| node.engine.as_ref());
        let info = BuilderInfo {
            driver: instance.driver.clone(),
            name: Some(instance.name.clone()),
            found_by: found_by.to_owned(),
            ..engine.map(|e| e.facts().builder_info()).unwrap_or_default()
        };
        let places = nodes.iter().map(|node| node.builder.endpoint());
        let place = places.collect::<Vec<_>>().join(" ");
        Self::with_nodes(info, nodes, place)
    }

    /// A session with the nodes that were opened.
    fn with_nodes(info: BuilderInfo, opened: Vec<OpenNode>, place: String) -> anyhow::Result<Self> {
        let first = opened.first().context("the builder has no node")?;
        let is_one = opened.len() == 1;
        let native = first.native().clone();
        let platforms: Vec<Platform> = opened
            .iter()
            .flat_map(|node| node.worker.platforms.iter().cloned())
            .collect();
        let info = BuilderInfo {
            buildkit_version: first.worker.buildkit_version.clone(),
            // Only the engine's own BuildKit keeps its layers in the engine's store.
            storage: match info.driver.as_str() {
                "docker" => info.storage.clone(),
                _ => first.worker.labels.get(SNAPSHOTTER).cloned(),
            },
            platforms: Platform::each_once(&platforms),
            nodes: match is_one {
                true => Vec::new(),
                false => opened.iter().map(node_info).collect(),
            },
            ..info
        };
        let image_engine = first.engine.clone();
        let engine = image_engine.clone().filter(|_| is_one);
        let is_local = opened.iter().all(is_local);
        let pods = opened.iter().filter_map(|node| node.pod.clone()).collect();
        let notes = opened.iter().filter_map(|node| node.note.clone()).collect();
        let addresses = opened.iter().flat_map(addresses).collect();
        let only = first.builder.clone();
        let nodes = opened.into_iter().map(|node| nodes::Node {
            info: node_info(&node),
            builder: node.builder,
        });
        let remembering: Vec<nodes::Node> = nodes.collect();
        let builder: Arc<dyn Builder> = match is_one {
            true => Arc::new(only),
            false => {
                let nodes = NodesBuilder::new(remembering.clone());
                Arc::new(nodes.ok_or_else(|| anyhow!("the builder has no node"))?)
            }
        };
        Ok(Self {
            info,
            builder,
            engine,
            image_engine,
            addresses,
            place,
            native,
            is_local,
            layouts: Mutex::default(),
            remembering,
            own: None,
            pods,
            notes,
        })
    }

    /// The platforms that its BuildKit lists.
    pub fn platforms(&self) -> &[Platform] {
        &self.info.platforms
    }

    /// Which of its nodes builds what.
    pub fn nodes(&self) -> BuildNodes<'_> {
        BuildNodes {
            native: &self.native,
            several: &self.info.nodes,
        }
    }

    /// The own platform of the node that a platform goes to.
    pub fn native_for(&self, platform: &Platform) -> &Platform {
        let nodes = &self.info.nodes;
        let node = nodes.get(NodeInfo::place_of(nodes, platform));
        node.map_or(&self.native, |node| &node.native)
    }

    /// Whether it is there for buildrace alone: its private engine, or a container of its own.
    pub fn is_for_buildrace(&self) -> bool {
        let engine = self.image_store();
        self.is_own() || engine.is_some_and(|engine| engine.facts().endpoint.is_private())
    }

    /// Whether it is a container of buildrace's own.
    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Base images that its BuildKit gets from this machine, of those that were
    /// asked for so far.
    pub fn layouts(&self) -> Vec<ImageLayout> {
        let layouts = self.layouts.lock();
        layouts.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The engine whose images its BuildKit finds by itself.
    pub fn image_store(&self) -> Option<&Engine> {
        self.engine
            .as_ref()
            .filter(|_| self.info.driver == "docker")
    }

    /// The engine that results are loaded into: the one in use here, as buildx has it, and
    /// for a builder that was made for the run the one that it runs in.
    ///
    /// # Errors
    /// None is in use, or it does not answer.
    pub async fn loading_engine(&self) -> Result<Engine, EngineError> {
        match (&self.own, &self.image_engine) {
            (Some(_), Some(engine)) => Ok(engine.clone()),
            _ => Engine::connect_unchecked(&engine::locate(None).await?).await,
        }
    }

    /// The builder on one line: its name, its driver, its BuildKit.
    pub fn describe(&self) -> String {
        let described = describe(&self.info);
        match self.pods.as_slice() {
            [] => described,
            [pod] => format!("{described}, pod {pod}"),
            pods => format!("{described}, pods {}", pods.join(", ")),
        }
    }

    /// Ends it. A container of its own is removed with its cache.
    pub async fn close(self) {
        if let Some(own) = self.own
            && let Err(error) = own.remove().await
        {
            let error = escape::terminal(&error.to_string(), 400);
            errln!(
                "warning: a builder of buildrace's own is left: {error}; `buildrace clean` removes it"
            );
        }
    }
}

/// The options of an address, by their keys.
fn tls_options(options: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let known = ["cacert", "cert", "key", "servername"];
    let parsed = options.iter().map(|option| {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        if !known.contains(&key) || value.is_empty() {
            bail!("--driver-opt {option:?}: expected KEY=VALUE of cacert, cert, key or servername");
        }
        Ok((key.to_owned(), value.to_owned()))
    });
    parsed.collect()
}

/// A builder on one line.
pub fn describe(info: &BuilderInfo) -> String {
    let buildkit = match &info.buildkit_version {
        Some(version) => format!("BuildKit {version}"),
        None => "a BuildKit that does not tell its version".to_owned(),
    };
    let engine = info.engine_version.as_ref();
    let name = match (&info.name, info.own) {
        (Some(name), _) => name.clone(),
        (None, true) => "buildrace's own".to_owned(),
        (None, false) if info.driver == "docker" => "default".to_owned(),
        (None, false) => "a buildkitd".to_owned(),
    };
    let driver = match engine {
        Some(version) => format!("{} driver on Docker Engine {version}", info.driver),
        None => format!("{} driver", info.driver),
    };
    let nodes = match info.nodes.len() {
        0 => String::new(),
        count => format!(", {count} nodes"),
    };
    format!(
        "{name}, {driver}{nodes}, {buildkit} (from {})",
        info.found_by
    )
}

fn node_info(node: &OpenNode) -> NodeInfo {
    NodeInfo {
        name: node.name.clone(),
        native: node.native().clone(),
        given: node.given.clone(),
        platforms: node.worker.platforms.clone(),
        buildkit_version: node.worker.buildkit_version.clone(),
    }
}

fn addresses(node: &OpenNode) -> Vec<String> {
    let engine = node.engine.as_ref();
    let engine = engine.map(|engine| engine.facts().endpoint.host.clone());
    let own = node.builder.endpoint();
    let own = own.contains("://").then_some(own);
    let api_server = node.api_server.clone();
    engine.into_iter().chain(own).chain(api_server).collect()
}

/// Whether a node builds on this machine, whose load and disk can be watched.
fn is_local(node: &OpenNode) -> bool {
    match &node.engine {
        Some(engine) => engine.is_local(),
        None => node.builder.endpoint().starts_with("unix://"),
    }
}

/// Gets the image of a buildkitd into an engine, where it is not there.
async fn obtain_image(engine: &Engine, settings: &ContainerSettings) -> anyhow::Result<()> {
    if engine.facts().native.os() != "linux" {
        bail!("the engine runs no Linux containers");
    }
    let needed = [(settings.image().to_owned(), engine.facts().native.clone())];
    images::ensure(engine, &needed, StandIns::Refused, &progress_lines())
        .await
        .with_context(|| {
            format!(
                "no image {} for a builder of buildrace's own",
                settings.image()
            )
        })?;
    Ok(())
}
