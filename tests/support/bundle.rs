//! Recordings in BuildKit's other forms: the messages of its Control API, a
//! stored log, and a bundle as `docker buildx history export` writes it.

use std::io::Write;

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use bollard_buildkit_proto::pb;
use buildrace::trace::SolveStatus;
use buildrace::trace::rawjson::Reader;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The media types of a bundle.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const RECORD: &str = "application/vnd.buildkit.historyrecord.v0";
pub const LOG: &str = "application/vnd.buildkit.status.v0";
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// The updates of a recording as BuildKit sent them.
pub fn responses(recording: &[u8]) -> Vec<proto::StatusResponse> {
    let updates = Reader::new(recording).map(|status| response(&status.unwrap()));
    updates.collect()
}

fn time(time: Option<jiff::Timestamp>) -> Option<Timestamp> {
    time.map(|time| Timestamp {
        seconds: time.as_second(),
        nanos: time.subsec_nanosecond(),
    })
}

fn response(status: &SolveStatus) -> proto::StatusResponse {
    let vertexes = status.vertexes.iter().map(|vertex| proto::Vertex {
        digest: vertex.digest.clone(),
        inputs: vertex.inputs.clone(),
        name: vertex.name.clone(),
        cached: vertex.cached,
        started: time(vertex.started),
        completed: time(vertex.completed),
        error: vertex.error.clone(),
        progress_group: vertex
            .progress_group
            .as_ref()
            .map(|group| pb::ProgressGroup {
                id: group.id.clone(),
                name: group.name.clone(),
                weak: group.weak,
            }),
    });
    let statuses = status.statuses.iter().map(|part| proto::VertexStatus {
        id: part.id.clone(),
        vertex: part.vertex.clone(),
        name: part.name.clone(),
        current: part.current,
        total: part.total,
        timestamp: time(part.timestamp),
        started: time(part.started),
        completed: time(part.completed),
    });
    let logs = status.logs.iter().map(|log| proto::VertexLog {
        vertex: log.vertex.clone(),
        timestamp: time(log.timestamp),
        stream: log.stream,
        msg: log.data.clone(),
    });
    proto::StatusResponse {
        vertexes: vertexes.collect(),
        statuses: statuses.collect(),
        logs: logs.collect(),
        warnings: Vec::new(),
    }
}

/// The log of a recording as BuildKit stores it.
pub fn stored_log(recording: &[u8]) -> Vec<u8> {
    let updates = responses(recording).into_iter().flat_map(|update| {
        let length = u32::try_from(update.encoded_len()).unwrap();
        [&length.to_le_bytes()[..], &update.encode_to_vec()].concat()
    });
    updates.collect()
}

/// A bundle that is put together piece by piece.
#[derive(Default)]
pub struct Bundle {
    entries: Vec<(String, Vec<u8>)>,
    manifests: Vec<Value>,
}

impl Bundle {
    /// A bundle of these recordings, each with its record.
    pub fn of(builds: &[(&[u8], Value)]) -> Self {
        let mut bundle = Self::default();
        for (recording, record) in builds {
            let log = bundle.blob(LOG, &stored_log(recording));
            bundle.build(record, &[log]);
        }
        bundle
    }

    /// Adds a blob; its descriptor.
    pub fn blob(&mut self, media_type: &str, content: &[u8]) -> Value {
        let digest = hex::encode(Sha256::digest(content));
        let name = format!("blobs/sha256/{digest}");
        if !self.entries.iter().any(|(known, _)| *known == name) {
            self.entries.push((name, content.to_vec()));
        }
        json!({
            "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": content.len(),
        })
    }

    /// Adds a build: its record, and what lies beside it.
    pub fn build(&mut self, record: &Value, layers: &[Value]) {
        let config = self.blob(RECORD, record.to_string().as_bytes());
        self.manifest(&json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
        }));
    }

    /// What `index.json` lists.
    pub fn manifests(&mut self) -> &mut Vec<Value> {
        &mut self.manifests
    }

    /// Adds a manifest.
    pub fn manifest(&mut self, manifest: &Value) {
        let descriptor = self.blob(MANIFEST, manifest.to_string().as_bytes());
        self.manifests.push(descriptor);
    }

    /// Changes a blob's content, and not its name.
    pub fn damage(&mut self, descriptor: &Value, change: impl FnOnce(&mut Vec<u8>)) {
        let name = descriptor["digest"]
            .as_str()
            .unwrap()
            .replace("sha256:", "blobs/sha256/");
        let found = self.entries.iter_mut().find(|(known, _)| *known == name);
        change(&mut found.unwrap().1);
    }

    /// The file, compressed: one build stands in `index.json`, several in an index
    /// of their own.
    pub fn file(&self) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&self.tar()).unwrap();
        gzip.finish().unwrap()
    }

    /// The same, not compressed.
    pub fn tar(&self) -> Vec<u8> {
        tar(&self.entries())
    }

    /// Its files.
    pub fn entries(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Self {
            entries: self.entries.clone(),
            manifests: Vec::new(),
        };
        let index = |manifests: &[Value]| json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        let root = match self.manifests.len() {
            1 => index(&self.manifests),
            _ => {
                let nested = index(&self.manifests).to_string();
                let nested = all.blob(INDEX, nested.as_bytes());
                index(&[nested])
            }
        };
        all.entries
            .push(("index.json".into(), root.to_string().into()));
        let version = json!({ "imageLayoutVersion": "1.0.0" });
        all.entries
            .push(("oci-layout".into(), version.to_string().into()));
        all.entries
    }
}

/// A tar of these files.
pub fn tar(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in entries {
        let mut header = tar::Header::new_gnu();
        // As it is, whatever the name says.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(content.len() as u64);
        header.set_mode(0o444);
        header.set_cksum();
        tar.append(&header, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}
