//! Writes small OCI layouts, and checks them.

use std::io::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use super::limits::Limits;
use super::{Expected, VerifyError, check_within};

pub(super) const HELLO: &str = "/usr/local/bin/hello";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An archive under construction.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) blobs: Vec<(String, Vec<u8>)>,
    pub(super) manifests: Vec<Value>,
}

impl Layout {
    /// Adds a blob and returns its descriptor.
    pub(super) fn blob(&mut self, kind: &str, content: &[u8]) -> Value {
        let digest = hex::encode(Sha256::digest(content));
        self.blobs.push((digest.clone(), content.to_vec()));
        json!({"mediaType": kind, "digest": format!("sha256:{digest}"), "size": content.len()})
    }

    /// Adds an image and returns its descriptor, without a platform.
    pub(super) fn manifest(&mut self, configured: &str, layers: &[Vec<u8>]) -> Value {
        let mut config = oci_platform(configured);
        config["config"] = json!({"Entrypoint": [HELLO]});
        config["rootfs"] = json!({"type": "layers", "diff_ids": []});
        let config = self.blob(CONFIG, config.to_string().as_bytes());
        let layers: Vec<Value> = layers.iter().map(|layer| self.blob(LAYER, layer)).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
        });
        self.blob(MANIFEST, manifest.to_string().as_bytes())
    }

    /// Adds an image for a platform.
    pub(super) fn image(mut self, platform: &str, layers: &[Vec<u8>]) -> Self {
        let mut manifest = self.manifest(platform, layers);
        manifest["platform"] = oci_platform(platform);
        self.manifests.push(manifest);
        self
    }

    /// The images in an index of their own, as BuildKit writes several.
    pub(super) fn nested(mut self) -> Self {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests});
        let index = self.blob(INDEX, index.to_string().as_bytes());
        self.manifests = vec![index];
        self
    }

    /// The tar.
    pub(super) fn archive(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |name: &str, content: &[u8]| {
            let mut header = Header::new_ustar();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content).unwrap();
        };
        for (digest, content) in &self.blobs {
            add(&format!("blobs/sha256/{digest}"), content);
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests});
        add("index.json", index.to_string().as_bytes());
        add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        tar.into_inner().unwrap()
    }
}

pub(super) fn oci_platform(platform: &str) -> Value {
    let parts: Vec<&str> = platform.split('/').collect();
    let mut value = json!({"os": parts[0], "architecture": parts[1]});
    if let Some(variant) = parts.get(2) {
        value["variant"] = json!(variant);
    }
    value
}

/// A file of a layer.
pub(super) enum File<'a> {
    Plain(&'a str, &'a [u8]),
    Folder(&'a str),
    Symlink(&'a str, &'a str),
    HardLink(&'a str, &'a str),
}

/// A layer, not compressed.
pub(super) fn layer(files: &[File<'_>]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = Header::new_gnu();
        header.set_size(0);
        match file {
            File::Plain(path, content) => {
                header.set_size(content.len() as u64);
                tar.append_data(&mut header, path, *content).unwrap();
            }
            File::Folder(path) => {
                header.set_entry_type(EntryType::Directory);
                tar.append_data(&mut header, path, &b""[..]).unwrap();
            }
            File::Symlink(path, target) => {
                header.set_entry_type(EntryType::Symlink);
                tar.append_link(&mut header, path, target).unwrap();
            }
            File::HardLink(path, target) => {
                header.set_entry_type(EntryType::Link);
                tar.append_link(&mut header, path, target).unwrap();
            }
        }
    }
    tar.into_inner().unwrap()
}

/// A layer with the program at its usual place.
pub(super) fn hello(architecture: &str) -> Vec<u8> {
    layer(&[File::Plain(&HELLO[1..], &elf(architecture))])
}

/// The beginning of a program. Numbers are those of `elf.h`, written out once
/// more.
pub(super) fn elf(architecture: &str) -> Vec<u8> {
    let (machine, class, data): (u16, u8, u8) = match architecture {
        "386" => (3, 1, 1),
        "mips64le" => (8, 2, 1),
        "ppc64le" => (21, 2, 1),
        "s390x" => (22, 2, 2),
        "arm" => (40, 1, 1),
        "amd64" => (62, 2, 1),
        "arm64" => (183, 2, 1),
        "riscv64" => (243, 2, 1),
        "loong64" => (258, 2, 1),
        "riscv32" => (243, 1, 1),
        "arm64be" => (183, 2, 2),
        other => panic!("{other}"),
    };
    elf_file(machine, class, data, 2)
}

pub(super) fn elf_file(machine: u16, class: u8, data: u8, kind: u16) -> Vec<u8> {
    let half = |value: u16| match data {
        1 => value.to_le_bytes(),
        _ => value.to_be_bytes(),
    };
    let mut head = vec![0x7f, b'E', b'L', b'F', class, data, 1];
    head.resize(16, 0);
    head.extend(half(kind));
    head.extend(half(machine));
    head.resize(if class == 1 { 52 } else { 64 }, 0);
    head
}

/// The mismatches of an archive, a line each.
pub(super) fn check(
    archive: &[u8],
    platforms: &[&str],
    binaries: &[&str],
) -> Result<Vec<String>, VerifyError> {
    bounded_check(archive, platforms, binaries, &Limits::DEFAULT)
}

pub(super) fn bounded_check(
    archive: &[u8],
    platforms: &[&str],
    binaries: &[&str],
    limits: &Limits,
) -> Result<Vec<String>, VerifyError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(archive).unwrap();
    let expected = Expected {
        platforms: platforms.iter().map(|p| p.parse().unwrap()).collect(),
        binaries: binaries.iter().map(ToString::to_string).collect(),
    };
    let mismatches = check_within(file.path(), &expected, limits)?;
    Ok(mismatches.iter().map(ToString::to_string).collect())
}
