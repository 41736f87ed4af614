//! What is in the images of an OCI archive, file by file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A file of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFile {
    /// tar's letter: `0` file, `1` hard link, `2` symlink, `5` folder.
    pub kind: char,
    /// Permissions with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u64, u64),
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970.
    pub modified: u64,
    /// Target of a link.
    pub target: Vec<u8>,
    /// SHA-256 of the content, hex.
    pub digest: String,
    /// Extended attributes and the like.
    pub attributes: BTreeMap<String, Vec<u8>>,
}

/// Files by path; what is not printable ASCII in a path is escaped.
pub type Files = BTreeMap<String, ImageFile>;

/// The files of an archive's only image, layer on layer.
pub fn image_files(archive: &Path) -> Files {
    let mut images = images(archive);
    assert_eq!(images.len(), 1, "not one image: {:?}", images.keys());
    images.pop_first().expect("an image").1
}

/// The files of each image of an archive, by its platform.
pub fn images(archive: &Path) -> BTreeMap<String, Files> {
    let mut blobs = Blobs::new();
    let mut tar = tar::Archive::new(File::open(archive).expect("an archive"));
    for entry in tar.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        blobs.insert(path, content);
    }
    let mut found = BTreeMap::new();
    add_images(&blobs, &json(&blobs["index.json"]), &mut found);
    found
}

type Blobs = BTreeMap<String, Vec<u8>>;

fn json(content: &[u8]) -> Value {
    serde_json::from_slice(content).expect("JSON")
}

fn blob<'a>(blobs: &'a Blobs, descriptor: &Value) -> &'a [u8] {
    let digest = descriptor["digest"].as_str().expect("a digest");
    &blobs[&format!("blobs/{}", digest.replace(':', "/"))]
}

/// Adds the images of an index, which may hold further ones, or of a manifest.
fn add_images(blobs: &Blobs, document: &Value, found: &mut BTreeMap<String, Files>) {
    if let Some(manifests) = document["manifests"].as_array() {
        for manifest in manifests {
            add_images(blobs, &json(blob(blobs, manifest)), found);
        }
        return;
    }
    let config = json(blob(blobs, &document["config"]));
    let word = |key: &str| config[key].as_str().unwrap_or_default().to_owned();
    let mut files = Files::new();
    for layer in document["layers"].as_array().expect("layers") {
        read_layer(blob(blobs, layer), &mut files);
    }
    let platform = format!("{}/{}", word("os"), word("architecture"));
    let twice = found.insert(platform, files);
    assert!(twice.is_none(), "two images of one platform");
}

fn read_layer(layer: &[u8], files: &mut Files) {
    let mut tar = tar::Archive::new(GzDecoder::new(layer));
    for entry in tar.entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        let path = entry.path_bytes().escape_ascii().to_string();
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match entry.read(&mut buffer).expect("content") {
                0 => break,
                n => hasher.update(&buffer[..n]),
            }
        }
        let mut attributes = BTreeMap::new();
        if let Some(extensions) = entry.pax_extensions().expect("pax") {
            for extension in extensions {
                let extension = extension.expect("pax");
                let key = extension.key().expect("a key").to_owned();
                if key.starts_with("SCHILY.xattr.") {
                    attributes.insert(key, extension.value_bytes().to_vec());
                }
            }
        }
        let header = entry.header();
        let file = ImageFile {
            kind: char::from(header.entry_type().as_byte()),
            mode: header.mode().expect("a mode"),
            owner: (header.uid().expect("a uid"), header.gid().expect("a gid")),
            size: entry.size(),
            modified: header.mtime().expect("a time"),
            target: entry.link_name_bytes().unwrap_or_default().into_owned(),
            digest: hex::encode(hasher.finalize()),
            attributes,
        };
        files.insert(path, file);
    }
}
