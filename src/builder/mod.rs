//! What a builder is: something that builds, tells what its cache holds, and
//! forgets what it is told to forget. One file a driver.

pub mod container;
pub mod kubernetes;
mod node;
pub mod nodes;
mod replay;

pub use node::NodeBuilder;
pub use nodes::NodesBuilder;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::buildkit::{
    BakeRequest, BuildEnd, BuildError, BuildRequest, BuildWindow, CacheRecord, Worker,
};
use crate::provenance::Provenance;
use crate::trace::SolveStatus;

pub use replay::{ReplayBuilder, ReplayError};

/// Where a builder sends the status of a build, in the order it arrives.
pub type StatusSink = mpsc::UnboundedSender<SolveStatus>;

/// A builder has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuilderError {
    /// It cannot be reached, or not any more.
    #[error("{0}")]
    Unreachable(String),
    /// It refused the call.
    #[error("BuildKit refused {call}: {message}")]
    Refused {
        /// What was called.
        call: &'static str,
        /// What it said.
        message: String,
    },
}

/// What becomes of the records that a run adds to a builder's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cleanup {
    /// They are removed again, record by record: the builder is buildrace's own.
    Remove,
    /// They stay, and are counted: on somebody else's Docker Engine the removal
    /// of any record costs everybody's builds their cache (`docs/engine.md`).
    #[default]
    Leave,
    /// They go with the builder, which is there for the run alone; on the way
    /// they may be removed.
    Discard,
}

/// The seam between measuring and building: live drivers and the replay of
/// recorded traces look alike from here.
#[async_trait]
pub trait Builder: Send + Sync {
    /// Builds, sending status to `sink` as it arrives. Returns when Solve has
    /// returned and the status stream has ended or gone silent. `cancel`
    /// cancels the solve on the server too.
    async fn build(
        &self,
        request: &BuildRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd;

    /// Builds several targets as one, as [`Self::build`] does one. A builder that
    /// cannot do that builds what is alone.
    async fn bake(
        &self,
        request: &BakeRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd {
        match request.only() {
            Some(only) => self.build(only, sink, cancel).await,
            None => BuildEnd::before(BuildError::Setup {
                message: "this builder builds one target at a time".to_owned(),
            }),
        }
    }

    /// As [`Self::build`], all of it on the node of this name, where there are
    /// several.
    async fn build_on(
        &self,
        _node: Option<&str>,
        request: &BuildRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd {
        self.build(request, sink, cancel).await
    }

    /// What becomes of the records that a run adds to its cache. Whoever gets
    /// [`Cleanup::Leave`] must not call [`Self::prune`].
    fn cleanup(&self) -> Cleanup;

    /// The records of its cache.
    async fn cache_records(&self) -> Result<Vec<CacheRecord>, BuilderError>;

    /// Removes these records of its cache, and no other; returns the ids of
    /// those that are gone.
    async fn prune(&self, ids: &[String]) -> Result<Vec<String>, BuilderError>;

    /// The workers of its BuildKit, each with its platforms.
    async fn workers(&self) -> Result<Vec<Worker>, BuilderError>;

    /// Builds that run now or are remembered, of anyone.
    async fn history(&self) -> Result<Vec<BuildWindow>, BuilderError>;

    /// Takes builds out of the history, as far as they are in it and have
    /// ended.
    async fn forget(&self, references: &[String]) -> Result<(), BuilderError>;

    /// What BuildKit says of how a remembered build was built; `None` where it
    /// kept nothing, or does not give it.
    async fn provenance(&self, _reference: &str) -> Result<Option<Provenance>, BuilderError> {
        Ok(None)
    }

    /// Of several nodes, those that still answer, as a builder that knows their
    /// records by the same ids; `None` where none or all do, or there is only one.
    async fn survivors(&self) -> Option<Box<dyn Builder>> {
        None
    }
}
