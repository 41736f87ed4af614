//! Cache mounts that travel between jobs of CI as an archive: no remote cache holds
//! them. A small build before a job copies them into its empty builder, and one after
//! it copies them out again, as
//! [buildkit-cache-dance](https://github.com/reproducible-containers/buildkit-cache-dance)
//! has it done.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::ci_cache::MountArchives;
use crate::builder::Builder;
use crate::buildkit::{BuildError, BuildRequest, CacheRecord, Export};
use crate::model::{BaseImage, BuildPart, ImageLayout, PartKind, Platform};
use crate::temporary::Folder;

/// The archive, in a folder of its own.
const ARCHIVE: &str = "mounts.tar";
/// Where the copying container has the mounts, and what is in the archive.
const MOUNTS: &str = "/buildrace-mounts";
const SAVED: &str = "/buildrace-saved";
/// BuildKit's word for a record that is a cache mount.
const CACHE_MOUNT: &str = "exec.cachemount";

/// Copies a job's cache mounts.
pub(super) struct CacheMounts<'a> {
    pub(super) builder: &'a dyn Builder,
    pub(super) layouts: &'a [ImageLayout],
    /// The base image in which they are copied.
    pub(super) image: &'a str,
    /// The builder's own platform.
    pub(super) platform: &'a Platform,
    /// What tells the job's cache mounts from others.
    pub(super) namespace: String,
    /// The reference of the job's build.
    pub(super) reference: String,
    /// Longest time to copy them one way.
    pub(super) limit: Duration,
    pub(super) archives: MountArchives,
}

/// Cache mounts that were saved.
#[derive(Debug, Default)]
pub(super) struct SavedMounts {
    /// Their ids, in the order in which the archive has them.
    pub(super) ids: Vec<String>,
    /// Where the archive is.
    pub(super) folder: Option<PathBuf>,
    /// What it took; `None` where there were none.
    pub(super) part: Option<BuildPart>,
}

impl CacheMounts<'_> {
    /// Copies into the builder what the first job saved, whose cache mounts had these
    /// ids. `None` where there is nothing to restore.
    ///
    /// # Errors
    /// Why it cannot be copied, in a line.
    pub(super) async fn restore(
        &self,
        ids: &[String],
        stop: &CancellationToken,
    ) -> Result<Option<BuildPart>, String> {
        let Some(folder) = self.archives.restored.as_deref() else {
            return Ok(None);
        };
        if ids.is_empty() {
            return Ok(None);
        }
        let reference = format!("{}-restore", self.reference);
        let text = restoring(self.image, ids, &reference);
        let seconds = self
            .copy(
                reference,
                &text,
                BuildRequest {
                    context: folder.to_owned(),
                    ..self.request()
                },
                stop,
            )
            .await
            .map_err(|error| format!("cache mounts could not be restored: {error}"))?;
        Ok(Some(part(PartKind::RestoreMounts, seconds, folder)))
    }

    /// Copies the cache mounts of the job out of the builder.
    ///
    /// # Errors
    /// Why they cannot be copied, in a line.
    pub(super) async fn save(&self, stop: &CancellationToken) -> Result<SavedMounts, String> {
        self.saved(stop)
            .await
            .map_err(|error| format!("cache mounts could not be saved: {error}"))
    }

    async fn saved(&self, stop: &CancellationToken) -> Result<SavedMounts, String> {
        let records = self.builder.cache_records().await;
        let ids = ids(
            &records.map_err(|error| error.to_string())?,
            &self.namespace,
        )?;
        if ids.is_empty() {
            return Ok(SavedMounts::default());
        }
        let folder = &self.archives.saved;
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let reference = format!("{}-save", self.reference);
        let text = saving(self.image, &ids, &reference);
        let request = BuildRequest {
            export: Export::Tar {
                destination: folder.join(ARCHIVE),
            },
            ..self.request()
        };
        let seconds = self.copy(reference, &text, request, stop).await?;
        let part = Some(part(PartKind::SaveMounts, seconds, folder));
        let folder = Some(folder.clone());
        Ok(SavedMounts { ids, folder, part })
    }

    /// Removes the archive that a job saved, unless one after it restores it.
    pub(super) fn forget(&self) {
        if self.archives.restored.is_some() {
            // With the run's other temporary files it goes at its end, if not now.
            let _ = fs::remove_dir_all(&self.archives.saved);
        }
    }

    fn request(&self) -> BuildRequest {
        let platforms = vec![self.platform.clone()];
        BuildRequest {
            layouts: self.layouts.to_vec(),
            cache_mount_namespace: Some(self.namespace.clone()),
            ..BuildRequest::internal(String::new(), Path::new(""), platforms, self.limit)
        }
    }

    /// Builds a Dockerfile that copies; returns how long it took.
    async fn copy(
        &self,
        reference: String,
        dockerfile: &str,
        request: BuildRequest,
        stop: &CancellationToken,
    ) -> Result<Duration, String> {
        let folder = Folder::new("cache-mounts").map_err(|error| error.to_string())?;
        let file = folder.path().join("Dockerfile");
        fs::write(&file, dockerfile).map_err(|error| error.to_string())?;
        let has_context = !request.context.as_os_str().is_empty();
        let request = BuildRequest {
            context: match has_context {
                true => request.context.clone(),
                false => folder.path().to_owned(),
            },
            shared_key: reference.clone(),
            reference,
            dockerfile: file,
            ..request
        };
        let (sink, _ignored) = mpsc::unbounded_channel();
        let end = self.builder.build(&request, sink, stop.clone()).await;
        end.result.map_err(|error| error.to_string())?;
        Ok(end.wall)
    }
}

/// A base image in which files can be copied on the builder's own platform: one that has
/// a shell and `cp`. `None` where none has.
///
/// # Errors
/// The builder cannot build.
pub(super) async fn copying_image(
    builder: &dyn Builder,
    images: &[BaseImage],
    layouts: &[ImageLayout],
    native: &Platform,
    prefix: &str,
    stop: &CancellationToken,
) -> Result<Option<String>, BuildError> {
    let of_native = images.iter().filter(|image| image.platform == *native);
    for (number, image) in of_native.enumerate() {
        let folder = Folder::new("cache-mounts").map_err(|error| BuildError::Setup {
            message: error.to_string(),
        })?;
        let copy = run("", "cp -a /bin/sh /buildrace-copied", prefix);
        let text = format!("FROM {}\nUSER 0\n{copy}\n", image.name);
        let file = folder.path().join("Dockerfile");
        fs::write(file, text).map_err(|error| BuildError::Setup {
            message: error.to_string(),
        })?;
        let reference = format!("{prefix}copies-{number}");
        let limit = Duration::from_secs(600);
        let request = BuildRequest {
            layouts: layouts.to_vec(),
            ..BuildRequest::internal(reference, folder.path(), vec![native.clone()], limit)
        };
        let (sink, _ignored) = mpsc::unbounded_channel();
        match builder.build(&request, sink, stop.clone()).await.result {
            Ok(_) => return Ok(Some(image.name.clone())),
            Err(BuildError::Failed { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The ids of a job's cache mounts, each once, without what tells them from others'.
/// BuildKit says of such a record `cached mount TARGET from exec … with id "NAMESPACE/ID"`
/// (`getRefCacheDir` in its `solver/llbsolver/mounts/mount.go`). One with a parent began
/// as a copy of another stage's folder, as it does without being restored.
fn ids(records: &[CacheRecord], namespace: &str) -> Result<Vec<String>, String> {
    let own = format!(" with id \"{namespace}/");
    let mounts = records
        .iter()
        .filter(|it| it.record_type == CACHE_MOUNT && it.parents.is_empty());
    let mut ids = Vec::new();
    for record in mounts {
        let Some((_, id)) = record.description.rsplit_once(&own) else {
            continue;
        };
        let id = id.trim_end_matches('"');
        // In a Dockerfile the others have a meaning.
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._/:@+=~-".contains(&b);
        if id.is_empty() || !id.bytes().all(is_plain) {
            return Err(format!(
                "the id {id:?} of a cache mount has characters other than letters, digits and ._/:@+=~-"
            ));
        }
        ids.push(id.to_owned());
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}

fn mounted(ids: &[String]) -> String {
    ids.iter()
        .enumerate()
        .fold(String::new(), |mut all, (number, id)| {
            let _ = write!(all, " --mount=type=cache,id={id},target={MOUNTS}/{number}");
            all
        })
}

/// Without the image's own shell. The argument is part of what it is found in the cache
/// by: what was copied for a job before is not what another one needs. A build with
/// `no-cache` would have new cache mounts.
fn run(mounts: &str, command: &str, unique: &str) -> String {
    format!(
        "ARG BUILDRACE_COPY={unique}\nRUN --network=none{mounts} [\"/bin/sh\", \"-c\", \"{command}\"]"
    )
}

fn saving(image: &str, ids: &[String], unique: &str) -> String {
    let copies: String = (0..ids.len())
        .map(|number| format!(" && cp -a {MOUNTS}/{number} {SAVED}/{number}"))
        .collect();
    let run = run(&mounted(ids), &format!("mkdir {SAVED}{copies}"), unique);
    format!("FROM {image} AS mounts\nUSER 0\n{run}\nFROM scratch\nCOPY --from=mounts {SAVED}/ /\n")
}

fn restoring(image: &str, ids: &[String], unique: &str) -> String {
    let copies: Vec<String> = (0..ids.len())
        .map(|number| format!("cp -a {SAVED}/{number}/. {MOUNTS}/{number}/"))
        .collect();
    let saved = format!(" --mount=type=bind,from=saved,target={SAVED}");
    let run = run(
        &format!("{saved}{}", mounted(ids)),
        &copies.join(" && "),
        unique,
    );
    format!("FROM scratch AS saved\nADD {ARCHIVE} /\nFROM {image}\nUSER 0\n{run}\n")
}

fn part(part: PartKind, seconds: Duration, folder: &Path) -> BuildPart {
    let archive = fs::metadata(folder.join(ARCHIVE));
    BuildPart {
        part,
        seconds,
        bytes: archive.ok().map(|archive| archive.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(record_type: &str, description: &str, parents: &[&str]) -> CacheRecord {
        CacheRecord {
            id: "id".into(),
            size: 1,
            description: description.into(),
            record_type: record_type.into(),
            in_use: false,
            shared: false,
            parents: parents.iter().map(ToString::to_string).collect(),
            created: None,
        }
    }

    fn of(id: &str) -> String {
        format!("cached mount /root/.cache from exec /bin/sh -c make with id \"{id}\"")
    }

    #[test]
    fn a_jobs_cache_mounts_are_found_by_their_namespace() {
        let records = [
            record(CACHE_MOUNT, &of("job//root/.cache"), &[]),
            record(CACHE_MOUNT, &of("job/target-arm64"), &[]),
            // A private one, twice.
            record(CACHE_MOUNT, &of("job/target-arm64"), &[]),
            record(CACHE_MOUNT, &of("another//root/.cache"), &[]),
            record(CACHE_MOUNT, &of("job/seeded"), &["stage"]),
            record("regular", &of("job/no-mount"), &[]),
        ];
        let found = ids(&records, "job").unwrap();
        assert_eq!(found, ["/root/.cache", "target-arm64"]);
        let odd = record(CACHE_MOUNT, &of("job/a,sharing=locked"), &[]);
        let error = ids(&[odd], "job").unwrap_err();
        assert!(error.contains("a,sharing=locked"), "{error}");
    }

    #[test]
    fn what_is_saved_is_restored_to_the_same_ids() {
        let ids = ["/root/.cache".to_owned(), "t".to_owned()];
        let mounts = " --mount=type=cache,id=/root/.cache,target=/buildrace-mounts/0 \
                      --mount=type=cache,id=t,target=/buildrace-mounts/1";
        let saved = saving("debian", &ids, "1f");
        assert!(saved.starts_with("FROM debian AS mounts\n"), "{saved}");
        assert!(saved.contains(mounts), "{saved}");
        assert!(
            saved.contains("cp -a /buildrace-mounts/1 /buildrace-saved/1"),
            "{saved}"
        );
        let restored = restoring("debian", &ids, "1f");
        assert!(restored.contains(mounts), "{restored}");
        assert!(
            restored.contains("cp -a /buildrace-saved/1/. /buildrace-mounts/1/"),
            "{restored}"
        );
    }
}
