//! BuildKit's `SolveStatus` in the shape of `docker buildx build
//! --progress=rawjson`: field names and omitted fields as in
//! `client/graph.go` of moby/buildkit. It is both what the live client yields
//! and what stored traces hold.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One update of the status stream. Vertices repeat as they change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SolveStatus {
    /// Vertices that are new or have changed.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub vertexes: Vec<Vertex>,
    /// Progress within vertices: layers, transfers, exports.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub statuses: Vec<VertexStatus>,
    /// Output of the vertices' processes.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub logs: Vec<VertexLog>,
    /// Warnings of the frontend.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub warnings: Vec<VertexWarning>,
}

/// A step of the build graph.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vertex {
    /// Content-addressed id.
    pub digest: String,
    /// Digests of the vertices it needs.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_empty"
    )]
    pub inputs: Vec<String>,
    /// `[linux/arm64 build 3/3] RUN go build`.
    pub name: String,
    /// Start of the current interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// End of the current interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
    /// Whether it came from the cache.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
    /// Why it failed; empty where it did not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// Vertices that are shown as one.
    #[serde(rename = "progressGroup", skip_serializing_if = "Option::is_none")]
    pub progress_group: Option<ProgressGroup>,
}

/// Vertices that are shown as one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProgressGroup {
    /// Id shared by the group's vertices.
    pub id: String,
    /// Name that is shown in place of the vertices' names.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Whether the group is shown only when something in it is slow.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub weak: bool,
}

/// Progress of a part of a vertex.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VertexStatus {
    /// Id within the vertex, `transferring context:`.
    pub id: String,
    /// Digest of the vertex.
    pub vertex: String,
    /// Name of the part, where it has one besides its id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Bytes or items in all; 0 where unknown.
    #[serde(skip_serializing_if = "is_zero")]
    pub total: i64,
    /// Bytes or items done.
    pub current: i64,
    /// When `current` was measured, on BuildKit's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// When the part began, on BuildKit's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When the part ended, on BuildKit's clock; none while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
}

/// A piece of a vertex's output.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VertexLog {
    /// Digest of the vertex.
    pub vertex: String,
    /// 1 for stdout, 2 for stderr.
    #[serde(skip_serializing_if = "is_zero")]
    pub stream: i64,
    /// The bytes, base64 in JSON.
    #[serde(with = "base64_bytes")]
    pub data: Vec<u8>,
    /// When it was written, on BuildKit's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

/// A warning of the frontend, as the Dockerfile linter gives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VertexWarning {
    /// Digest of the vertex.
    pub vertex: String,
    /// Level, 1 for a warning.
    #[serde(skip_serializing_if = "is_zero")]
    pub level: i64,
    /// One line, base64 in JSON.
    #[serde(with = "base64_bytes", skip_serializing_if = "Vec::is_empty")]
    pub short: Vec<u8>,
    /// URL of the page that explains the rule.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// Go writes a nil slice as `null`.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// `[]byte` as Go's encoding/json writes it: standard base64, or `null`.
mod base64_bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}
