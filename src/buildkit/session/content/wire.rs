//! The messages of containerd's content service that reading and writing take
//! (`api/services/content/v1/content.proto` of containerd), written by hand:
//! no crate that is used here has them. Fields that are not used are left out.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

/// What is known of a blob.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Info {
    #[prost(string, tag = "1")]
    pub digest: String,
    #[prost(int64, tag = "2")]
    pub size: i64,
    #[prost(btree_map = "string, string", tag = "5")]
    pub labels: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct InfoRequest {
    #[prost(string, tag = "1")]
    pub digest: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct InfoResponse {
    #[prost(message, optional, tag = "1")]
    pub info: Option<Info>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ListRequest {
    #[prost(string, repeated, tag = "1")]
    pub filters: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ListResponse {
    #[prost(message, repeated, tag = "1")]
    pub info: Vec<Info>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ReadRequest {
    #[prost(string, tag = "1")]
    pub digest: String,
    /// From the blob's begin; below 0 means the same as 0.
    #[prost(int64, tag = "2")]
    pub offset: i64,
    /// 0, or more than there is, means all the rest.
    #[prost(int64, tag = "3")]
    pub size: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ReadResponse {
    #[prost(int64, tag = "1")]
    pub offset: i64,
    #[prost(bytes = "bytes", tag = "2")]
    pub data: Bytes,
}

/// Requests of which no field is read, and answers without any.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Nothing {}

/// A step of writing a blob.
#[derive(Clone, PartialEq, Message)]
pub(super) struct WriteRequest {
    #[prost(enumeration = "WriteAction", tag = "1")]
    pub action: i32,
    /// What the writer calls the blob until it is kept.
    #[prost(string, tag = "2")]
    pub r#ref: String,
    /// Its length; 0 where that is not known.
    #[prost(int64, tag = "3")]
    pub total: i64,
    /// Its digest; empty where that is not known.
    #[prost(string, tag = "4")]
    pub expected: String,
    #[prost(int64, tag = "5")]
    pub offset: i64,
    #[prost(bytes = "bytes", tag = "6")]
    pub data: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct WriteResponse {
    #[prost(enumeration = "WriteAction", tag = "1")]
    pub action: i32,
    /// Bytes that are written.
    #[prost(int64, tag = "4")]
    pub offset: i64,
    #[prost(int64, tag = "5")]
    pub total: i64,
    /// The blob's digest, once it is kept.
    #[prost(string, tag = "6")]
    pub digest: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(super) enum WriteAction {
    /// Says what is there.
    Stat = 0,
    /// Writes bytes.
    Write = 1,
    /// Keeps the blob.
    Commit = 2,
}
