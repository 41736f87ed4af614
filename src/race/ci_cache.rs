//! Where the blocks of a run keep their remote caches: each has one of its own, so
//! that none finds what another has exported.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::buildkit::RemoteCache;
use crate::model::{BuildKind, CiCache};

/// The caches that a build imports and exports.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    pub(super) from: Vec<RemoteCache>,
    pub(super) to: Vec<RemoteCache>,
}

/// What a build of a kind imports and exports; nothing where its kind has no remote
/// cache. `block` is what its block is called, and `folder` where caches in folders are.
pub(super) fn transfers(
    caches: &[CiCache],
    kind: BuildKind,
    block: &str,
    folder: &Path,
) -> Transfers {
    let Some(name) = kind.remote_cache() else {
        return Transfers::default();
    };
    let Some(cache) = caches.iter().find(|cache| cache.name == name) else {
        return Transfers::default();
    };
    let first = at(cache, &format!("{block}-first"), folder);
    match kind {
        BuildKind::CiCache(..) => Transfers {
            from: vec![first],
            // Where the first job's is stays as it is, for a job after another edit.
            to: vec![export(cache, at(cache, &format!("{block}-{kind}"), folder))],
        },
        _ => Transfers {
            from: Vec::new(),
            to: vec![export(cache, first)],
        },
    }
}

/// The cache at a place of its own.
fn at(cache: &CiCache, place: &str, folder: &Path) -> RemoteCache {
    let digest = hex::encode(Sha256::digest(place));
    let own = format!("buildrace-{}", &digest[..24]);
    let mut attributes = cache.attributes.clone();
    let mut set = |key: &str, value: String| attributes.insert(key.to_owned(), value);
    let mut own_folder: Option<PathBuf> = None;
    match cache.kind.as_str() {
        "registry" => {
            if let Some(repository) = cache.attributes.get("ref") {
                set("ref", format!("{repository}:{own}"));
            }
        }
        "s3" => {
            set("name", own.clone());
            set("blobs_prefix", format!("{own}/blobs/"));
            set("manifests_prefix", format!("{own}/manifests/"));
        }
        "gha" => {
            set("scope", own);
        }
        _ => own_folder = Some(folder.join(own)),
    }
    RemoteCache {
        kind: cache.kind.clone(),
        attributes,
        folder: own_folder,
    }
}

fn export(cache: &CiCache, mut remote: RemoteCache) -> RemoteCache {
    let mode = cache.mode.as_str().to_owned();
    remote.attributes.insert("mode".to_owned(), mode);
    remote
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_has_a_cache_of_its_own_that_later_jobs_leave_as_it_was() {
        let caches: Vec<CiCache> = ["type=registry,ref=r/c,mode=max", "type=local"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let of = |kind: &str, block: &str| {
            transfers(&caches, kind.parse().unwrap(), block, Path::new("/caches"))
        };
        let first = of("cache-export:registry-max", "a");
        assert!(first.from.is_empty());
        let exported = &first.to[0];
        assert_eq!(exported.attributes["mode"], "max");
        let later = of("ci-cache:registry-max", "a");
        assert_eq!(later.from[0].attributes["ref"], exported.attributes["ref"]);
        assert_ne!(later.to[0].attributes["ref"], exported.attributes["ref"]);
        assert!(!later.from[0].attributes.contains_key("mode"));
        let edit = of("ci-cache:registry-max:dependencies", "a");
        assert_eq!(edit.from, later.from);
        assert_ne!(edit.to, later.to);
        assert_ne!(of("cache-export:registry-max", "b").to, first.to);
        let local = of("cache-export:local-min", "a");
        let folder = local.to[0].folder.as_ref().unwrap();
        assert!(folder.starts_with("/caches"));
        for none in ["multi-arch", "ci-cache:unknown"] {
            let none = of(none, "a");
            assert!(none.from.is_empty() && none.to.is_empty());
        }
    }
}
