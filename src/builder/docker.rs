//! The docker driver: the BuildKit inside a Docker Engine.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Builder, BuilderError, Cleanup, StatusSink};
use crate::buildkit::{
    BuildEnd, BuildRequest, BuildWindow, CacheRecord, Client, ClientError, DockerDial, TlsFiles,
    Worker,
};

/// The BuildKit inside a Docker Engine.
#[derive(Debug, Clone)]
pub struct DockerBuilder {
    client: Client,
    cleanup: Cleanup,
}

impl DockerBuilder {
    /// Reaches the engine at an address as `DOCKER_HOST` has it, and makes
    /// sure that a BuildKit answers there. It counts as somebody else's.
    pub async fn connect(host: &str) -> Result<Self, BuilderError> {
        Self::connect_with(host, None).await
    }

    /// As `connect`, with the files for TLS that the engine is to be reached
    /// with.
    pub async fn connect_with(host: &str, tls: Option<&TlsFiles>) -> Result<Self, BuilderError> {
        let dial = DockerDial::with_tls(host, tls).map_err(ClientError::from)?;
        let builder = Self {
            client: Client::new(Arc::new(dial)),
            cleanup: Cleanup::Leave,
        };
        // The quickest question: a list of workers takes ten times as long.
        builder.client.buildkit_version().await?;
        Ok(builder)
    }

    /// Says what becomes of a run's records: only an engine that is
    /// buildrace's own may be cleaned.
    #[must_use]
    pub fn with_cleanup(self, cleanup: Cleanup) -> Self {
        Self { cleanup, ..self }
    }

    /// BuildKit's version, where it tells.
    pub async fn buildkit_version(&self) -> Result<Option<String>, BuilderError> {
        Ok(self.client.buildkit_version().await?)
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
impl Builder for DockerBuilder {
    async fn build(
        &self,
        request: &BuildRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd {
        self.client.build(request, sink, cancel).await
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
}
