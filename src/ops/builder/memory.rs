//! What a builder remembers: the builds in the history of its nodes, and their
//! status as it was.

use anyhow::{Context, bail};
use futures_util::future::try_join_all;

use super::session::BuilderSession;
use crate::builder::BuilderError;
use crate::builder::nodes::Node;
use crate::buildkit::CacheRecord;
use crate::escape;
use crate::model::{BuildState, RememberedBuild};
use crate::trace::{Clock, Recorded, Trace};

impl BuilderSession {
    /// The builds that run on its nodes or that they remember, the newest first.
    ///
    /// # Errors
    /// A node does not answer.
    pub async fn remembered_builds(&self) -> anyhow::Result<Vec<RememberedBuild>> {
        let has_several = self.remembering.len() > 1;
        let asked = self.remembering.iter().map(|node| async move {
            let builds = node.builder.remembered_builds().await?;
            let named = builds.into_iter().map(move |build| RememberedBuild {
                node: has_several.then(|| node.info.name.clone()),
                ..build
            });
            anyhow::Ok(named)
        });
        let builds = try_join_all(asked).await?.into_iter().flatten();
        let mut builds: Vec<RememberedBuild> = builds.collect();
        builds.sort_by_key(|build| std::cmp::Reverse(build.started));
        Ok(builds)
    }

    /// What its cache holds.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn cache_records(&self) -> anyhow::Result<Vec<CacheRecord>> {
        Ok(self.builder.cache_records().await?)
    }

    /// The recording of a build that is over: what `--progress=rawjson` would have
    /// written, and what the builder knows besides.
    ///
    /// # Errors
    /// It runs, or its log is gone, or its node does not answer.
    pub async fn recorded(&self, build: &RememberedBuild) -> anyhow::Result<Recorded> {
        let name = escape::bounded(&build.reference);
        if build.state() == BuildState::Running {
            bail!("the build {name} still runs: explain it when it has ended");
        }
        let record =
            "`docker buildx build --progress=rawjson … 2> build.rawjson` records the next one";
        if !build.has_log {
            bail!("the builder keeps no log of the build {name}; {record}");
        }
        let its_own = |node: &&Node| {
            build
                .node
                .as_ref()
                .is_none_or(|name| node.info.name == *name)
        };
        let node = self.remembering.iter().find(its_own);
        let node = node.with_context(|| format!("the node of the build {name} is gone"))?;
        let mut trace = Trace::new();
        let replaying = node
            .builder
            .replay(&build.reference, |status| trace.push(&status));
        match replaying.await {
            Err(BuilderError::Refused { message, .. }) => bail!(
                "the log of the build {name} is gone from the builder ({}); {record}",
                escape::bounded(&message)
            ),
            replayed => replayed?,
        }
        if trace.steps().is_empty() {
            bail!("the log of the build {name} is empty; {record}");
        }
        // Without it less is known, and that is said where it matters.
        let provenance = match node.builder.provenance_of(build).await {
            Err(BuilderError::Refused { .. }) => None,
            read => read?,
        };
        let native = Some(node.info.native.clone());
        let error = build.error.as_ref();
        Ok(Recorded {
            trace,
            // As buildx ends a recording.
            text: error.map(|error| format!("ERROR: failed to solve: {error}")),
            cut_off: false,
            clock: Clock::BuildKit,
            platform: build.inputs.only_platform(native.as_ref()),
            listed: node.info.platforms.clone(),
            native,
            provenance,
            inputs: Some(build.inputs.clone()),
        })
    }
}
