//! A remote cache in a folder on this side: an OCI layout whose index names the
//! cache's manifest, as buildx keeps it (`client/ociindex` of moby/buildkit).

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::model::ImageLayout;

/// The name of a cache in its index.
const NAME: &str = "latest";
/// The annotation that holds the name.
const ANNOTATION: &str = "org.opencontainers.image.ref.name";
/// Bytes of the largest index and manifest.
const LIMIT: u64 = 4 << 20;

/// The digest of the manifest of the cache in a folder; `None` where it holds none.
pub(super) fn manifest(folder: &Path) -> Option<String> {
    let index = read(&folder.join("index.json"))?;
    let manifests = index["manifests"].as_array()?;
    let mut named = manifests.iter();
    let found = named.find(|manifest| manifest["annotations"][ANNOTATION] == NAME)?;
    let digest = found["digest"].as_str()?;
    ImageLayout::blob(folder, digest).filter(|blob| blob.is_file())?;
    Some(digest.to_owned())
}

/// Names a manifest, as BuildKit describes it, as the cache of a folder.
///
/// # Errors
/// The description is none, or the folder cannot be written.
pub(super) fn set_manifest(folder: &Path, descriptor: &str) -> io::Result<()> {
    let mut manifest: Value = serde_json::from_str(descriptor)?;
    if !manifest.is_object() {
        return Err(io::Error::other(
            "what BuildKit says of the cache is no descriptor",
        ));
    }
    manifest["annotations"][ANNOTATION] = NAME.into();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest],
    });
    std::fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    std::fs::write(folder.join("index.json"), index.to_string())
}

/// Bytes of the layers that a cache's manifest lists; `None` where it is no manifest.
fn layer_bytes(manifest: &Value) -> Option<u64> {
    let listed = manifest["layers"]
        .as_array()
        .or(manifest["manifests"].as_array())?;
    let sizes = listed.iter().filter_map(|layer| layer["size"].as_u64());
    Some(sizes.sum())
}

/// Bytes of the layers of the cache that a build exported to a folder; `None` where it
/// holds none.
pub fn bytes(folder: &Path) -> Option<u64> {
    let digest = manifest(folder)?;
    layer_bytes(&read(&ImageLayout::blob(folder, &digest)?)?)
}

fn read(path: &Path) -> Option<Value> {
    let metadata = std::fs::metadata(path).ok()?;
    if metadata.len() > LIMIT {
        return None;
    }
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_the_cache_that_was_set() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(manifest(folder.path()), None);
        let digest = format!("sha256:{}", "0a".repeat(32));
        let blob = ImageLayout::blob(folder.path(), &digest).unwrap();
        std::fs::create_dir_all(blob.parent().unwrap()).unwrap();
        let text = r#"{"layers":[{"size":3},{"size":4}],"config":{"size":9}}"#;
        std::fs::write(&blob, text).unwrap();
        let descriptor = json!({ "digest": digest, "size": text.len(), "mediaType": "x" });
        set_manifest(folder.path(), &descriptor.to_string()).unwrap();
        assert_eq!(manifest(folder.path()), Some(digest));
        assert_eq!(bytes(folder.path()), Some(7));
        std::fs::remove_file(blob).unwrap();
        assert_eq!(manifest(folder.path()), None);
        assert!(set_manifest(folder.path(), "3").is_err());
    }
}
