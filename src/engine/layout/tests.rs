//! Layouts from archives like those of engines to entries of the cache.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::cache::{Cache, Record};
use super::*;

/// An archive that grows.
struct Archive {
    tar: tar::Builder<Vec<u8>>,
}

impl Archive {
    fn new() -> Self {
        Self {
            tar: tar::Builder::new(Vec::new()),
        }
    }

    fn file(&mut self, name: &str, content: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o444);
        self.tar.append_data(&mut header, name, content).unwrap();
    }

    /// Adds a blob, but for one that is `left_out`, and returns its descriptor.
    fn blob(&mut self, kind: &str, content: &[u8], left_out: bool) -> Value {
        let hex = hex::encode(Sha256::digest(content));
        if !left_out {
            self.file(&format!("blobs/sha256/{hex}"), content);
        }
        json!({
            "mediaType": format!("application/vnd.oci.image.{kind}"),
            "digest": format!("sha256:{hex}"),
            "size": content.len(),
        })
    }

    /// An image for one platform; `lacks` says what is left out of it.
    fn image(&mut self, architecture: &str, lacks: &str) -> Value {
        let config = json!({"os": "linux", "architecture": architecture, "rootfs": {}});
        let config = self.blob("config.v1+json", config.to_string().as_bytes(), false);
        let layer = architecture.as_bytes();
        let layer = self.blob("layer.v1.tar", layer, lacks == "layer");
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer]});
        let manifest = manifest.to_string();
        let lacks = lacks == "manifest";
        let mut manifest = self.blob("manifest.v1+json", manifest.as_bytes(), lacks);
        manifest["platform"] = json!({"os": "linux", "architecture": architecture});
        manifest
    }

    fn index(&mut self, manifests: &[Value]) -> Value {
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        self.blob("index.v1+json", index.to_string().as_bytes(), false)
    }

    /// The archive with these images on top.
    fn of(mut self, images: &[&Value]) -> Vec<u8> {
        let index = json!({"schemaVersion": 2, "manifests": images});
        self.file("index.json", index.to_string().as_bytes());
        self.file("manifest.json", b"[]");
        self.tar.into_inner().unwrap()
    }
}

fn unpacked(archive: &[u8], folder: &Path, id: &str) -> io::Result<Record> {
    contents::read(&unpack::unpack(archive, folder)?, folder, id)
}

fn platforms(names: &[&str]) -> Vec<Platform> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn an_image_has_the_platforms_of_which_all_is_there() {
    let mut archive = Archive::new();
    let manifests = [
        archive.image("amd64", ""),
        archive.image("arm64", "layer"),
        archive.image("riscv64", "manifest"),
        archive.image("s390x", ""),
        archive.image("unknown", ""),
    ];
    let index = archive.index(&manifests);
    // Two names of one image.
    let archive = archive.of(&[&index, &index]);
    let folder = tempfile::tempdir().unwrap();
    let record = unpacked(&archive, folder.path(), "sha256:other").unwrap();
    assert_eq!(record.digest, index["digest"]);
    assert_eq!(record.platforms, platforms(&["amd64", "s390x"]));
    let lacking = record
        .first_lacking(&platforms(&["amd64/v2", "arm64"]))
        .cloned();
    assert_eq!(lacking, Some(Platform::linux("arm64")));
}

#[test]
fn an_image_without_an_index_has_its_configurations_platform() {
    let mut archive = Archive::new();
    let manifest = archive.image("arm64", "");
    let archive = archive.of(&[&manifest]);
    let folder = tempfile::tempdir().unwrap();
    // As engines with a graph driver have it, whose ids are no manifests'.
    let record = unpacked(&archive, folder.path(), "sha256:config").unwrap();
    assert_eq!(record.digest, manifest["digest"]);
    assert_eq!(record.platforms, platforms(&["arm64"]));
}

#[test]
fn archives_that_are_no_layout_of_one_image_are_refused() {
    let mut archive = Archive::new();
    let (one, other) = (archive.image("amd64", ""), archive.image("arm64", ""));
    let archive = archive.of(&[&one, &other]);
    let folder = tempfile::tempdir().unwrap();
    let error = unpacked(&archive, folder.path(), "sha256:x").unwrap_err();
    assert!(error.to_string().contains("2 images"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let id = other["digest"].as_str().unwrap();
    let record = unpacked(&archive, folder.path(), id).unwrap();
    assert_eq!(record.digest, id);

    let old = Archive::new();
    let old = old.tar.into_inner().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = unpacked(&old, folder.path(), "sha256:x").unwrap_err();
    assert!(error.to_string().contains("Docker Engine 25"), "{error}");

    // The index lies in the archive's list alone.
    let mut archive = Archive::new();
    let lost = archive.image("amd64", "manifest");
    let archive = archive.of(&[&lost]);
    let folder = tempfile::tempdir().unwrap();
    let error = unpacked(&archive, folder.path(), "sha256:x").unwrap_err();
    assert!(error.to_string().contains("it lacks"), "{error}");
}

/// Saves an image of one platform under this id.
fn saved(cache: &Cache, id: &str, architecture: &str) -> Record {
    let mut archive = Archive::new();
    let manifest = archive.image(architecture, "");
    let archive = archive.of(&[&manifest]);
    let place = cache.begin().unwrap();
    let record = unpacked(&archive, place.path(), id).unwrap();
    cache.finish(place, id, &record).unwrap();
    record
}

#[test]
fn an_entry_is_found_until_it_is_damaged_or_lacks_a_platform() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::under(home.path());
    let id = format!("sha256:{}", "0a".repeat(32));
    assert_eq!(cache.find(&id, &[]), None);
    let record = saved(&cache, &id, "amd64");
    let amd64 = platforms(&["amd64"]);
    assert_eq!(cache.find(&id, &amd64).as_ref(), Some(&record));
    assert_eq!(cache.find(&id, &platforms(&["amd64", "arm64"])), None);
    assert!(cache.left().is_empty());

    let blob = ImageLayout::blob(&cache.entry(&id), &record.digest).unwrap();
    fs::write(&blob, "cut").unwrap();
    assert_eq!(cache.find(&id, &amd64), None);
    // What is saved anew takes its place.
    let record = saved(&cache, &id, "arm64");
    assert_eq!(cache.find(&id, &platforms(&["arm64"])), Some(record));
    let there = fs::read_dir(cache.entry(&id).parent().unwrap()).unwrap();
    assert_eq!(there.count(), 1);
}

#[test]
fn what_is_left_or_unused_goes_when_another_begins() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::under(home.path());
    let [old, used] = ["0a", "0b"].map(|byte| format!("sha256:{}", byte.repeat(32)));
    saved(&cache, &old, "amd64");
    saved(&cache, &used, "arm64");
    for id in [&old, &used] {
        let record = fs::File::options()
            .append(true)
            .open(cache.entry(id).join("layout.json"))
            .unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(31 * 24 * 3600);
        record.set_modified(long_ago).unwrap();
    }
    cache.find(&used, &[]).unwrap();
    // As a process that was killed leaves it: with nobody who holds it.
    let half = cache.entry(&old).with_file_name(".new-half");
    fs::create_dir(&half).unwrap();
    fs::write(half.join(crate::temporary::LOCK), "").unwrap();
    assert_eq!(cache.left(), std::slice::from_ref(&half));

    let place = cache.begin().unwrap();
    assert!(!half.exists() && !cache.entry(&old).exists());
    assert!(cache.entry(&used).exists());
    let begun = place.path().to_owned();
    assert!(begun.exists() && cache.left().is_empty());
    drop(place);
    assert!(!begun.exists());
}

#[tokio::test]
async fn only_one_process_copies_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::under(home.path());
    let said = Arc::new(Mutex::new(Vec::new()));
    let progress: Progress = {
        let said = said.clone();
        Arc::new(move |line: &str| said.lock().unwrap().push(line.to_owned()))
    };
    let first = cache.lock(&progress).await.unwrap();
    assert!(said.lock().unwrap().is_empty());
    let second = cache.lock(&progress);
    tokio::pin!(second);
    // It waits, and has said so.
    assert!(futures_util::poll!(&mut second).is_pending());
    assert_eq!(said.lock().unwrap().len(), 1);
    drop(first);
    second.await.unwrap();
}
