//! Which image an unpacked archive holds, and for which platforms all of it is
//! there: an engine that pulled one platform has the index of all of them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde::de::DeserializeOwned;

use super::cache::Record;
use super::unpack::{MOST_DOCUMENT, Unpacked, malformed, too_large};
use crate::model::{ImageLayout, Platform};

/// Most manifests of an index.
const MOST_MANIFESTS: usize = 1_000;

/// What is to be kept of an archive. `id` is the image's id: with the containerd
/// image store the digest of its index.
pub(super) fn read(archive: &Unpacked, folder: &Path, id: &str) -> io::Result<Record> {
    let index = archive.index.as_deref().ok_or_else(|| {
        malformed(
            "the engine sends no OCI layout, as Docker Engine 25 and later do: update the engine"
                .into(),
        )
    })?;
    let index: ImageIndex = serde_json::from_slice(index)?;
    let digest = digest_of_image(&index, id)?;
    let image = Layout { archive, folder };
    let mut platforms = Vec::new();
    match image.document::<ImageIndex>(&digest) {
        Ok(index) => {
            if index.manifests().len() > MOST_MANIFESTS {
                return Err(too_large(format!("{MOST_MANIFESTS} manifests")));
            }
            for descriptor in index.manifests() {
                platforms.extend(image.platform_if_whole(descriptor));
            }
        }
        Err(_) => {
            let manifest: ImageManifest = image.document(&digest)?;
            platforms.extend(image.platform_of(&manifest));
        }
    }
    Ok(Record {
        digest,
        platforms: Platform::each_once(&platforms),
        blobs: archive.blobs.clone(),
    })
}

/// The digest of the image among those that the archive lists: it was asked for
/// one, which has an entry for each of its names.
fn digest_of_image(index: &ImageIndex, id: &str) -> io::Result<String> {
    let mut listed: Vec<String> = index
        .manifests()
        .iter()
        .map(|descriptor| descriptor.digest().to_string())
        .collect();
    listed.sort();
    listed.dedup();
    match listed.as_slice() {
        [only] => Ok(only.clone()),
        several if several.iter().any(|digest| digest == id) => Ok(id.to_owned()),
        several => Err(malformed(format!(
            "the engine sends {} images for one name",
            several.len()
        ))),
    }
}

struct Layout<'a> {
    archive: &'a Unpacked,
    folder: &'a Path,
}

impl Layout<'_> {
    /// A document by its digest, which unpacking has checked.
    fn document<T: DeserializeOwned>(&self, digest: &str) -> io::Result<T> {
        let path = ImageLayout::blob(self.folder, digest)
            .filter(|_| self.archive.blobs.contains_key(digest))
            .ok_or_else(|| malformed(format!("it lacks {digest:?}")))?;
        let mut text = Vec::new();
        let mut start = File::open(path)?.take(MOST_DOCUMENT + 1);
        start.read_to_end(&mut text)?;
        if text.len() as u64 > MOST_DOCUMENT {
            return Err(too_large(format!("{MOST_DOCUMENT} bytes in one document")));
        }
        Ok(serde_json::from_slice(&text)?)
    }

    fn holds(&self, descriptor: &Descriptor) -> bool {
        let digest = descriptor.digest().to_string();
        self.archive.blobs.get(&digest) == Some(&descriptor.size())
    }

    /// The platform of an index's manifest, if all of its image is there. What
    /// is no image's manifest, an attestation, has no platform of that kind.
    fn platform_if_whole(&self, descriptor: &Descriptor) -> Option<Platform> {
        let manifest: ImageManifest = self.document(descriptor.digest().as_ref()).ok()?;
        let configured = self.platform_of(&manifest)?;
        match descriptor.platform() {
            Some(named) => platform(named),
            None => Some(configured),
        }
    }

    /// The platform of an image of which config and layers are there.
    fn platform_of(&self, manifest: &ImageManifest) -> Option<Platform> {
        let mut parts = manifest.layers().iter().chain([manifest.config()]);
        if !parts.all(|part| self.holds(part)) {
            return None;
        }
        // Its platform has the same properties there as in a descriptor.
        let configured = self.document(manifest.config().digest().as_ref()).ok()?;
        platform(&configured)
    }
}

fn platform(named: &oci_spec::image::Platform) -> Option<Platform> {
    let (os, architecture) = (named.os().to_string(), named.architecture().to_string());
    let is_known = os != "unknown" && architecture != "unknown";
    let text = match named.variant().as_deref() {
        None | Some("") => format!("{os}/{architecture}"),
        Some(variant) => format!("{os}/{architecture}/{variant}"),
    };
    text.parse().ok().filter(|_| is_known)
}
