//! The messages of BuildKit's Control API that carry other people's text.
//!
//! Protobuf asks for UTF-8 in a `string`, but BuildKit does not check it: the
//! name of a step repeats its Dockerfile byte for byte. A strict decoder would
//! lose a whole status stream, or the whole list of cache records, to one
//! Latin-1 letter of anybody's. So text is `bytes` here (the same on the
//! wire), and only the fields that are used are listed.

use prost_types::Timestamp;

/// A piece of the session's connection.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct BytesMessage {
    #[prost(bytes = "bytes", tag = "1")]
    pub data: bytes::Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StatusResponse {
    #[prost(message, repeated, tag = "1")]
    pub vertexes: Vec<Vertex>,
    #[prost(message, repeated, tag = "2")]
    pub statuses: Vec<VertexStatus>,
    #[prost(message, repeated, tag = "3")]
    pub logs: Vec<VertexLog>,
    #[prost(message, repeated, tag = "4")]
    pub warnings: Vec<VertexWarning>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Vertex {
    #[prost(bytes = "vec", tag = "1")]
    pub digest: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub inputs: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "3")]
    pub name: Vec<u8>,
    #[prost(bool, tag = "4")]
    pub cached: bool,
    #[prost(message, optional, tag = "5")]
    pub started: Option<Timestamp>,
    #[prost(message, optional, tag = "6")]
    pub completed: Option<Timestamp>,
    #[prost(bytes = "vec", tag = "7")]
    pub error: Vec<u8>,
    #[prost(message, optional, tag = "8")]
    pub progress_group: Option<ProgressGroup>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProgressGroup {
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub name: Vec<u8>,
    #[prost(bool, tag = "3")]
    pub weak: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct VertexStatus {
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub vertex: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub name: Vec<u8>,
    #[prost(int64, tag = "4")]
    pub current: i64,
    #[prost(int64, tag = "5")]
    pub total: i64,
    #[prost(message, optional, tag = "6")]
    pub timestamp: Option<Timestamp>,
    #[prost(message, optional, tag = "7")]
    pub started: Option<Timestamp>,
    #[prost(message, optional, tag = "8")]
    pub completed: Option<Timestamp>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct VertexLog {
    #[prost(bytes = "vec", tag = "1")]
    pub vertex: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub timestamp: Option<Timestamp>,
    #[prost(int64, tag = "3")]
    pub stream: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub msg: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct VertexWarning {
    #[prost(bytes = "vec", tag = "1")]
    pub vertex: Vec<u8>,
    #[prost(int64, tag = "2")]
    pub level: i64,
    #[prost(bytes = "vec", tag = "3")]
    pub short: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub url: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DiskUsageResponse {
    #[prost(message, repeated, tag = "1")]
    pub record: Vec<UsageRecord>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct UsageRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    #[prost(bool, tag = "3")]
    pub in_use: bool,
    #[prost(int64, tag = "4")]
    pub size: i64,
    #[prost(message, optional, tag = "6")]
    pub created_at: Option<Timestamp>,
    #[prost(bytes = "vec", tag = "9")]
    pub description: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    pub record_type: Vec<u8>,
    #[prost(bool, tag = "11")]
    pub shared: bool,
    #[prost(bytes = "vec", repeated, tag = "12")]
    pub parents: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct BuildHistoryEvent {
    /// 0 started, 1 complete, 2 deleted.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    #[prost(message, optional, tag = "2")]
    pub record: Option<BuildHistoryRecord>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct BuildHistoryRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub reference: Vec<u8>,
    /// A map on the wire.
    #[prost(message, repeated, tag = "3")]
    pub frontend_attrs: Vec<Attribute>,
    #[prost(message, optional, tag = "5")]
    pub error: Option<RpcStatus>,
    #[prost(message, optional, tag = "6")]
    pub created_at: Option<Timestamp>,
    #[prost(message, optional, tag = "7")]
    pub completed_at: Option<Timestamp>,
    #[prost(message, optional, tag = "8")]
    pub logs: Option<ContentDescriptor>,
    #[prost(message, optional, tag = "10")]
    pub result: Option<BuildResultInfo>,
    /// A map on the wire, by platform.
    #[prost(message, repeated, tag = "11")]
    pub results: Vec<PlatformResult>,
    #[prost(int32, tag = "15")]
    pub cached_steps: i32,
    #[prost(int32, tag = "16")]
    pub total_steps: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Attribute {
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(bytes = "vec", tag = "2")]
    pub message: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PlatformResult {
    #[prost(message, optional, tag = "2")]
    pub value: Option<BuildResultInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct BuildResultInfo {
    #[prost(message, repeated, tag = "2")]
    pub attestations: Vec<ContentDescriptor>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ContentDescriptor {
    #[prost(bytes = "vec", tag = "2")]
    pub digest: Vec<u8>,
    /// A map on the wire.
    #[prost(message, repeated, tag = "5")]
    pub annotations: Vec<Attribute>,
}

/// containerd's `ReadContentRequest`
/// (`api/services/content/v1/content.proto`).
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReadContentRequest {
    #[prost(string, tag = "1")]
    pub digest: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReadContentResponse {
    #[prost(bytes = "bytes", tag = "2")]
    pub data: bytes::Bytes,
}
