//! One BuildKit as a builder, wherever it runs: a driver's way to reach it is
//! its [`Dial`].

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Builder, BuilderError, Cleanup, StatusSink};
use crate::buildkit::{
    BakeRequest, BuildEnd, BuildRequest, BuildWindow, CacheRecord, Client, ClientError, Dial,
    DockerDial, TlsFiles, Worker,
};
use crate::model::RememberedBuild;
use crate::provenance::Provenance;
use crate::trace::SolveStatus;

/// One BuildKit.
#[derive(Debug, Clone)]
pub struct NodeBuilder {
    client: Client,
    cleanup: Cleanup,
}

impl NodeBuilder {
    /// Makes sure that a BuildKit answers there. It counts as somebody else's.
    ///
    /// # Errors
    /// None answers.
    pub async fn connect(dial: Arc<dyn Dial>) -> Result<Self, BuilderError> {
        let builder = Self::unconnected(dial);
        // The quickest question: a list of workers takes ten times as long.
        builder.client.buildkit_version().await?;
        Ok(builder)
    }

    /// As [`Self::connect`], without asking whether a BuildKit answers.
    pub fn unconnected(dial: Arc<dyn Dial>) -> Self {
        Self {
            client: Client::new(dial),
            cleanup: Cleanup::Leave,
        }
    }

    /// As [`Self::connect`], of the engine at an address as `DOCKER_HOST` has it.
    ///
    /// # Errors
    /// None answers, or it is no address.
    pub async fn docker(host: &str) -> Result<Self, BuilderError> {
        Self::docker_with(host, None).await
    }

    /// As [`Self::docker`], with the files for TLS that the engine is to be
    /// reached with.
    ///
    /// # Errors
    /// None answers, or it is no address.
    pub async fn docker_with(host: &str, tls: Option<&TlsFiles>) -> Result<Self, BuilderError> {
        let dial = DockerDial::with_tls(host, tls).map_err(ClientError::from)?;
        Self::connect(Arc::new(dial)).await
    }

    /// Says what becomes of a run's records.
    #[must_use]
    pub fn with_cleanup(self, cleanup: Cleanup) -> Self {
        Self { cleanup, ..self }
    }

    /// The place, as a person would name it.
    pub fn endpoint(&self) -> String {
        self.client.endpoint()
    }

    /// BuildKit's version, where it tells.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn buildkit_version(&self) -> Result<Option<String>, BuilderError> {
        Ok(self.client.buildkit_version().await?)
    }

    /// Builds that run there or are remembered, of anyone, with what BuildKit
    /// knows of each; the oldest first.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn remembered_builds(&self) -> Result<Vec<RememberedBuild>, BuilderError> {
        Ok(self.client.remembered_builds().await?)
    }

    /// The stored status of a build that is over, update by update; none where
    /// BuildKit kept no log of it.
    ///
    /// # Errors
    /// It does not answer, does not know the build, or has lost its log.
    pub async fn replay(
        &self,
        reference: &str,
        sink: impl FnMut(SolveStatus),
    ) -> Result<(), BuilderError> {
        Ok(self.client.replay(reference, sink).await?)
    }

    /// What BuildKit says of how it built, `None` where it kept nothing.
    ///
    /// # Errors
    /// It does not answer, does not serve what it keeps, or that is damaged.
    pub async fn provenance_of(
        &self,
        build: &RememberedBuild,
    ) -> Result<Option<Provenance>, BuilderError> {
        Ok(self.client.provenance(build).await?)
    }
}

impl From<ClientError> for BuilderError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { call, message } => Self::Refused { call, message },
            error => Self::Unreachable(error.to_string()),
        }
    }
}

#[async_trait]
impl Builder for NodeBuilder {
    async fn build(
        &self,
        request: &BuildRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd {
        self.client.build(request, sink, cancel).await
    }

    async fn bake(
        &self,
        request: &BakeRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd {
        self.client.bake(request, sink, cancel).await
    }

    fn cleanup(&self) -> Cleanup {
        self.cleanup
    }

    async fn cache_records(&self) -> Result<Vec<CacheRecord>, BuilderError> {
        Ok(self.client.cache_records().await?)
    }

    async fn prune(&self, ids: &[String]) -> Result<Vec<String>, BuilderError> {
        Ok(self.client.prune(ids).await?)
    }

    async fn workers(&self) -> Result<Vec<Worker>, BuilderError> {
        Ok(self.client.workers().await?)
    }

    async fn history(&self) -> Result<Vec<BuildWindow>, BuilderError> {
        Ok(self.client.history().await?)
    }

    async fn forget(&self, references: &[String]) -> Result<(), BuilderError> {
        Ok(self.client.forget(references).await?)
    }

    async fn provenance(&self, reference: &str) -> Result<Option<Provenance>, BuilderError> {
        let builds = self.client.remembered_builds().await?;
        let build = builds.iter().find(|build| build.reference == reference);
        let Some(build) = build else { return Ok(None) };
        match self.client.provenance(build).await {
            Err(ClientError::Refused { .. }) => Ok(None),
            read => Ok(read?),
        }
    }
}
