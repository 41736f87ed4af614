//! An engine whose BuildKit answers.

use anyhow::Context;

use crate::builder::{Builder, Cleanup, DockerBuilder};
use crate::buildkit::Worker;
use crate::engine::{self, Engine};
use crate::model::{ImageLayout, Platform};
use crate::options::RaceOptions;

/// A builder that answers, and the platforms it lists.
pub struct EngineSession {
    pub engine: Engine,
    pub builder: DockerBuilder,
    pub worker: Worker,
    /// The engine's address.
    pub host: String,
    /// The node's own platform.
    pub native: Platform,
    /// Base images that the builder gets from this machine; none where it has
    /// the engine's own store.
    pub layouts: Vec<ImageLayout>,
}

impl EngineSession {
    /// Finds the engine and asks it for its worker.
    ///
    /// # Errors
    /// None answers.
    pub async fn find(args: &RaceOptions) -> anyhow::Result<Self> {
        Self::find_at(args.host.as_deref()).await
    }

    /// The platforms that its BuildKit lists.
    pub fn platforms(&self) -> &[Platform] {
        &self.worker.platforms
    }

    /// As [`Self::find`], for a command that builds nothing.
    ///
    /// # Errors
    /// None answers.
    pub async fn find_at(host: Option<&str>) -> anyhow::Result<Self> {
        let endpoint = engine::locate(host).await?;
        let engine = Engine::connect(&endpoint).await?;
        let cleanup = match endpoint.is_private() {
            true => Cleanup::Remove,
            false => Cleanup::Leave,
        };
        let builder = DockerBuilder::connect(&endpoint.host).await?;
        let builder = builder.with_cleanup(cleanup);
        let mut worker = builder
            .workers()
            .await?
            .into_iter()
            .next()
            .context("the engine's BuildKit lists no worker; is it still starting?")?;
        // What BuildKit says itself, then what the engine was made with.
        let version = builder.buildkit_version().await?;
        worker.buildkit_version = version
            .or(worker.buildkit_version)
            .or_else(|| engine::bundled::buildkit_of(&engine.facts().version));
        let native = worker
            .platforms
            .first()
            .cloned()
            .context("BuildKit's worker lists no platform")?;
        Ok(Self {
            engine,
            builder,
            worker,
            host: endpoint.host,
            native,
            layouts: Vec::new(),
        })
    }
}
