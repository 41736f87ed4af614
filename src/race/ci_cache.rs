//! Where the blocks of a run keep their remote caches: each has one of its own, so
//! that none finds what another has exported.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::buildkit::RemoteCache;
use crate::model::{BuildKind, CiCache, TimedExport};

/// The caches that a build imports and exports.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    pub(super) from: Vec<RemoteCache>,
    pub(super) to: Vec<RemoteCache>,
    /// What the image is named after that has the exported cache, where an image has it.
    pub(super) image: Option<String>,
}

/// The folders of the archives from and to which a build's cache mounts are copied.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MountArchives {
    /// What the first job saved; `None` for that job.
    pub(super) restored: Option<PathBuf>,
    pub(super) saved: PathBuf,
}

/// What a build of a kind imports and exports; nothing where its kind has no remote
/// cache. `block` is what its block is called, `folder` where caches in folders are, and
/// `image` where images go.
pub(super) fn transfers(
    caches: &[CiCache],
    image: &TimedExport,
    kind: BuildKind,
    run: &str,
    block: &str,
    folder: &Path,
) -> Transfers {
    let Some(name) = kind.remote_cache() else {
        return Transfers::default();
    };
    let Some(cache) = caches.iter().find(|cache| cache.name == name) else {
        return Transfers::default();
    };
    if cache.mode.is_none() {
        return Transfers::default();
    }
    let first = format!("{block}-first");
    let (from, to) = match kind {
        // Where the first job's is stays as it is, for a job after another edit.
        BuildKind::CiCache(..) => (Some(&first), format!("{block}-{kind}")),
        _ => (None, first.clone()),
    };
    if cache.is_inline() {
        return Transfers {
            from: from
                .map(|place| in_image(image, place))
                .into_iter()
                .collect(),
            to: vec![RemoteCache {
                kind: cache.kind.clone(),
                attributes: BTreeMap::new(),
                folder: None,
            }],
            image: Some(to),
        };
    }
    let at = |place: &str| at(cache, run, place, folder);
    Transfers {
        from: from.map(|place| at(place)).into_iter().collect(),
        to: vec![export(cache, at(&to))],
        image: None,
    }
}

/// The cache that is part of a pushed image.
fn in_image(image: &TimedExport, place: &str) -> RemoteCache {
    let attributes = image.attributes.iter();
    // How the registry is reached.
    let reached = attributes.filter(|(key, _)| key.starts_with("registry."));
    let mut attributes: BTreeMap<String, String> = reached
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if let Some(repository) = image.attributes.get("name") {
        attributes.insert(
            "ref".to_owned(),
            format!("{repository}:{}", own_name(place)),
        );
    }
    RemoteCache {
        kind: "registry".to_owned(),
        attributes,
        folder: None,
    }
}

/// Where a cache gets the layers of base images before the clock starts: after a
/// repository's first job it has them, and no job exports them again. `None` where each
/// place has layers of its own.
pub(super) fn of_base_images(cache: &CiCache, run: &str) -> Option<RemoteCache> {
    let shares_layers = cache.mode.is_some() && cache.kind != "local" && !cache.is_inline();
    shares_layers.then(|| export(cache, at(cache, run, &format!("{run}base"), Path::new(""))))
}

/// The cache at a place of its own. Its layers may be with those of the run's other
/// places: what is there is not exported again.
fn at(cache: &CiCache, run: &str, place: &str, folder: &Path) -> RemoteCache {
    let own = own_name(place);
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
            set("blobs_prefix", format!("{}/blobs/", own_name(run)));
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

/// The name of what a place or a build of this run exports.
pub(super) fn own_name(of: &str) -> String {
    format!("buildrace-{}", short_digest(of))
}

pub(super) fn short_digest(of: &str) -> String {
    let mut digest = hex::encode(Sha256::digest(of));
    digest.truncate(24);
    digest
}

fn export(cache: &CiCache, mut remote: RemoteCache) -> RemoteCache {
    if let Some(mode) = cache.mode {
        let mode = mode.as_str().to_owned();
        remote.attributes.insert("mode".to_owned(), mode);
    }
    remote
}

/// Where cache mounts of a build of a kind are archived, in `folder`; `None` where its kind
/// restores none.
pub(super) fn mount_archives(
    caches: &[CiCache],
    kind: BuildKind,
    block: &str,
    folder: &Path,
) -> Option<MountArchives> {
    let name = kind.remote_cache()?;
    let cache = caches.iter().find(|cache| cache.name == name)?;
    if !cache.restores_mounts() {
        return None;
    }
    let at = |job: &str| folder.join(own_name(&format!("{block}-mounts-{job}")));
    let first = at("first");
    Some(match kind {
        BuildKind::CiCache(..) => MountArchives {
            restored: Some(first),
            saved: at("further"),
        },
        _ => MountArchives {
            restored: None,
            saved: first,
        },
    })
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
            let kind = kind.parse().unwrap();
            let image = TimedExport::default();
            transfers(&caches, &image, kind, "run-", block, Path::new("/caches"))
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

    #[test]
    fn an_inline_cache_is_in_the_image_that_the_first_job_pushes() {
        let caches = ["type=inline".parse::<CiCache>().unwrap()];
        let image = "type=registry,name=r/app,registry.insecure=true,compression=zstd";
        let image: TimedExport = image.parse().unwrap();
        let of = |kind: &str| {
            let kind = kind.parse().unwrap();
            transfers(&caches, &image, kind, "run-", "a", Path::new(""))
        };
        let (first, later) = (of("cache-export:inline"), of("ci-cache:inline"));
        assert_eq!(first.to[0].kind, "inline");
        let from = &later.from[0];
        assert_eq!(from.kind, "registry");
        let pushed = format!("r/app:{}", own_name(&first.image.unwrap()));
        let known: Vec<_> = from.attributes.iter().collect();
        let [reference, insecure] = known[..] else {
            panic!("{known:?}");
        };
        assert_eq!(reference.1, &pushed);
        assert_eq!(insecure.0, "registry.insecure");
        assert_ne!(later.image, Some(pushed));
        assert_eq!(of_base_images(&caches[0], "run-"), None);
    }

    #[test]
    fn layers_of_base_images_are_where_all_blocks_have_theirs() {
        let base = |text: &str| of_base_images(&text.parse().unwrap(), "run-");
        assert_eq!(base("type=local"), None);
        assert_eq!(base("type=none"), None);
        let registry = base("type=registry,ref=r/c").unwrap();
        assert!(registry.attributes["ref"].starts_with("r/c:buildrace-"));
        let s3 = "type=s3,bucket=b,region=r,mode=max";
        let of_base = base(s3).unwrap().attributes;
        let caches = [s3.parse::<CiCache>().unwrap()];
        let kind = "cache-export:s3-max".parse().unwrap();
        let of_job = &transfers(
            &caches,
            &TimedExport::default(),
            kind,
            "run-",
            "a",
            Path::new(""),
        )
        .to[0]
            .attributes;
        assert_eq!(of_base["blobs_prefix"], of_job["blobs_prefix"]);
        assert_ne!(of_base["manifests_prefix"], of_job["manifests_prefix"]);
    }

    #[test]
    fn a_later_job_restores_the_mounts_of_the_first_and_saves_its_own_elsewhere() {
        let caches = ["type=local", "type=none,cache-mounts=restored"];
        let caches = caches.map(|text| text.parse::<CiCache>().unwrap());
        let of =
            |kind: &str| mount_archives(&caches, kind.parse().unwrap(), "a", Path::new("/saved"));
        assert_eq!(of("ci-cache:local-min"), None);
        assert_eq!(of("multi-arch"), None);
        let first = of("cache-export:mounts").unwrap();
        assert_eq!(first.restored, None);
        let later = of("ci-cache:mounts").unwrap();
        assert_eq!(later.restored.as_ref(), Some(&first.saved));
        assert_ne!(later.saved, first.saved);
        let folder = Path::new("/saved");
        let kind = "cache-export:mounts".parse().unwrap();
        let layers = transfers(&caches, &TimedExport::default(), kind, "run-", "a", folder);
        assert!(layers.to.is_empty());
    }
}
