//! The calls of BuildKit's Control API that are used, over one channel.

use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::codec::Streaming;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::wire;

/// Bytes of the largest message taken. A list of cache records grows with the
/// cache, a few hundred bytes a record.
const MESSAGE_LIMIT: usize = 64 << 20;

/// The header that says which build a call of the gateway's API is of.
const BUILD_ID: &str = "buildkit-controlapi-buildid";

/// The Control API. Clones share the connection.
#[derive(Debug, Clone)]
pub(super) struct Control {
    grpc: Grpc<Channel>,
}

impl Control {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            grpc: Grpc::new(channel).max_decoding_message_size(MESSAGE_LIMIT),
        }
    }

    pub(super) async fn solve(
        &mut self,
        request: proto::SolveRequest,
    ) -> Result<proto::SolveResponse, Status> {
        self.unary("/moby.buildkit.v1.Control/Solve", request).await
    }

    pub(super) async fn status(
        &mut self,
        reference: String,
    ) -> Result<Streaming<wire::StatusResponse>, Status> {
        let request = proto::StatusRequest { r#ref: reference };
        self.server_streaming("/moby.buildkit.v1.Control/Status", request)
            .await
    }

    /// Opens a session: what is written to `outgoing` reaches BuildKit's gRPC
    /// client, what comes back is its requests.
    pub(super) async fn session(
        &mut self,
        metadata: MetadataMap,
        outgoing: impl futures_util::Stream<Item = wire::BytesMessage> + Send + 'static,
    ) -> Result<Streaming<wire::BytesMessage>, Status> {
        self.grpc.ready().await.map_err(not_ready)?;
        let mut request = Request::new(outgoing);
        *request.metadata_mut() = metadata;
        let path = PathAndQuery::from_static("/moby.buildkit.v1.Control/Session");
        let codec = ProstCodec::<wire::BytesMessage, wire::BytesMessage>::default();
        Ok(self
            .grpc
            .streaming(request, path, codec)
            .await?
            .into_inner())
    }

    pub(super) async fn disk_usage(&mut self) -> Result<wire::DiskUsageResponse, Status> {
        let request = proto::DiskUsageRequest::default();
        self.unary("/moby.buildkit.v1.Control/DiskUsage", request)
            .await
    }

    pub(super) async fn prune(
        &mut self,
        request: proto::PruneRequest,
    ) -> Result<Streaming<wire::UsageRecord>, Status> {
        self.server_streaming("/moby.buildkit.v1.Control/Prune", request)
            .await
    }

    pub(super) async fn list_workers(&mut self) -> Result<proto::ListWorkersResponse, Status> {
        let request = proto::ListWorkersRequest::default();
        self.unary("/moby.buildkit.v1.Control/ListWorkers", request)
            .await
    }

    pub(super) async fn info(&mut self) -> Result<proto::InfoResponse, Status> {
        let request = proto::InfoRequest::default();
        self.unary("/moby.buildkit.v1.Control/Info", request).await
    }

    pub(super) async fn update_build_history(
        &mut self,
        request: proto::UpdateBuildHistoryRequest,
    ) -> Result<proto::UpdateBuildHistoryResponse, Status> {
        self.unary("/moby.buildkit.v1.Control/UpdateBuildHistory", request)
            .await
    }

    pub(super) async fn listen_build_history(
        &mut self,
        request: proto::BuildHistoryRequest,
    ) -> Result<Streaming<wire::BuildHistoryEvent>, Status> {
        self.server_streaming("/moby.buildkit.v1.Control/ListenBuildHistory", request)
            .await
    }

    /// A blob of BuildKit's content store, in pieces: the service of containerd,
    /// which is served beside the Control API, read-only (`NewController` in
    /// `control/control.go`).
    pub(super) async fn read_content(
        &mut self,
        request: wire::ReadContentRequest,
    ) -> Result<Streaming<wire::ReadContentResponse>, Status> {
        self.server_streaming("/containerd.services.content.v1.Content/Read", request)
            .await
    }

    /// A call of the gateway's API, of the build with this reference.
    pub(super) async fn of_build<Q, A>(
        &mut self,
        build: &str,
        path: &'static str,
        request: Q,
    ) -> Result<A, Status>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let build = AsciiMetadataValue::try_from(build)
            .map_err(|_| Status::invalid_argument("the build's reference is no plain text"))?;
        let mut request = Request::new(request);
        request.metadata_mut().insert(BUILD_ID, build);
        self.call(path, request).await
    }

    async fn unary<Q, A>(&mut self, path: &'static str, request: Q) -> Result<A, Status>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        self.call(path, Request::new(request)).await
    }

    async fn call<Q, A>(&mut self, path: &'static str, request: Request<Q>) -> Result<A, Status>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        self.grpc.ready().await.map_err(not_ready)?;
        let codec = ProstCodec::<Q, A>::default();
        let path = PathAndQuery::from_static(path);
        Ok(self.grpc.unary(request, path, codec).await?.into_inner())
    }

    async fn server_streaming<Q, A>(
        &mut self,
        path: &'static str,
        request: Q,
    ) -> Result<Streaming<A>, Status>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        self.grpc.ready().await.map_err(not_ready)?;
        let codec = ProstCodec::<Q, A>::default();
        let path = PathAndQuery::from_static(path);
        Ok(self
            .grpc
            .server_streaming(Request::new(request), path, codec)
            .await?
            .into_inner())
    }
}

/// The channel is broken: say so as every transport error is said.
fn not_ready(error: tonic::transport::Error) -> Status {
    Status::from_error(Box::new(error))
}
