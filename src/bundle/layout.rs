//! The builds of a bundle's image layout: their records, and the logs beside
//! them.

use std::io::{self, BufReader, ErrorKind, Read};

use oci_spec::image::{Descriptor, MediaType};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::record::Record;
use crate::buildkit::{STATUS_LOG, StoredLog};
use crate::provenance::{self, Provenance};
use crate::trace::{Clock, Recorded, Trace};
use crate::verify::{Archive, VerifyError, blob};

/// The configuration of a manifest that is a build.
const RECORD: &str = "application/vnd.buildkit.historyrecord.v0";
/// A layer that says how something was built.
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// Which of those is the provenance, in an annotation.
const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";
/// Builds of one bundle.
const MAX_BUILDS: usize = 1000;
/// Indexes in indexes.
const MAX_NESTING: usize = 4;

/// An index as far as it is read. Go writes a list without items as `null`.
#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
}

/// A manifest as far as it is read.
#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
}

/// The builds of a bundle, in its order.
pub(super) fn builds(archive: &Archive<'_>) -> Result<Vec<Recorded>, VerifyError> {
    let index: Index = archive.index()?;
    let mut builds = Vec::new();
    add_builds(archive, index, 0, &mut builds)?;
    Ok(builds)
}

fn add_builds(
    archive: &Archive<'_>,
    index: Index,
    nesting: usize,
    builds: &mut Vec<Recorded>,
) -> Result<(), VerifyError> {
    if nesting > MAX_NESTING {
        return Err(archive.failed("its indexes", &too_many("indexes in indexes", MAX_NESTING)));
    }
    for descriptor in index.manifests.unwrap_or_default() {
        match descriptor.media_type() {
            MediaType::ImageIndex => {
                let index = archive.document(&descriptor)?;
                add_builds(archive, index, nesting + 1, builds)?;
            }
            MediaType::ImageManifest => {
                let manifest: Manifest = archive.document(&descriptor)?;
                if manifest.config.media_type() == &MediaType::Other(RECORD.to_owned()) {
                    if builds.len() >= MAX_BUILDS {
                        return Err(archive.failed("its index", &too_many("builds", MAX_BUILDS)));
                    }
                    builds.push(build(archive, &manifest)?);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn too_many(what: &str, bound: usize) -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, format!("more than {bound} {what}"))
}

fn build(archive: &Archive<'_>, manifest: &Manifest) -> Result<Recorded, VerifyError> {
    let record: Record = archive.document(&manifest.config)?;
    let layers = manifest.layers.as_deref().unwrap_or_default();
    let mut logs = layers.iter().filter(|layer| is(layer, STATUS_LOG));
    let trace = match logs.next() {
        Some(log) => trace(archive, log)?,
        None => Trace::new(),
    };
    let provenances = layers.iter().filter(|layer| {
        let predicate = layer.annotations().as_ref();
        let predicate = predicate.and_then(|known| known.get(PREDICATE_TYPE));
        is(layer, IN_TOTO) && predicate.is_none_or(|kind| kind.contains("slsa.dev/provenance"))
    });
    let mut provenance: Option<Provenance> = None;
    // One for each platform.
    for layer in provenances {
        let read = read_provenance(archive, layer)?;
        match &mut provenance {
            Some(known) => known.add(read),
            None => provenance = Some(read),
        }
    }
    // BuildKit itself says where it ran; buildx, which platform it would have
    // built by default.
    let native = provenance.as_ref();
    let native = native.and_then(|provenance| provenance.builder_platform.clone());
    let native = native.or_else(|| record.default_platform());
    Ok(Recorded {
        trace,
        text: record.error_of_client(),
        cut_off: false,
        clock: Clock::BuildKit,
        platform: record.inputs().only_platform(native.as_ref()),
        listed: Vec::new(),
        native,
        provenance,
        inputs: Some(record.inputs()),
    })
}

fn is(layer: &Descriptor, media_type: &str) -> bool {
    matches!(layer.media_type(), MediaType::Other(kind) if kind == media_type)
}

fn trace(archive: &Archive<'_>, log: &Descriptor) -> Result<Trace, VerifyError> {
    checked(archive, log, |log| {
        let mut trace = Trace::new();
        for status in StoredLog::new(BufReader::with_capacity(1 << 16, log)) {
            trace.push(&status?);
        }
        Ok(trace)
    })
}

fn read_provenance(archive: &Archive<'_>, layer: &Descriptor) -> Result<Provenance, VerifyError> {
    checked(archive, layer, |layer| {
        let mut json = Vec::new();
        layer.take(provenance::MAX_BYTES).read_to_end(&mut json)?;
        provenance::read(&json).map_err(io::Error::from)
    })
}

/// Reads a blob, and checks it against its digest.
fn checked<T>(
    archive: &Archive<'_>,
    described: &Descriptor,
    read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> Result<T, VerifyError> {
    let checked = || {
        let mut hashed = Hashed {
            inner: archive.blob(described)?,
            hash: Sha256::new(),
        };
        let found = read(&mut hashed)?;
        if hex::encode(hashed.hash.finalize()) != described.digest().digest() {
            let message = "its content has another digest";
            return Err(io::Error::new(ErrorKind::InvalidData, message));
        }
        Ok(found)
    };
    checked().map_err(|error| archive.failed(blob(described.digest()), &error))
}

/// Digests what is read.
struct Hashed<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
