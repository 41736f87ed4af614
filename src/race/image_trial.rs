//! Whether a builder gets a base image by itself, from its cache or from a
//! registry, and which one: a build of nothing but that image tells. It leaves
//! nothing.

use std::fs;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::cache_guard::{CacheGuard, forget_builds};
use crate::builder::{Builder, BuilderError};
use crate::buildkit::BuildRequest;
use crate::model::Platform;
use crate::temporary::Folder;

/// How long a registry may take to answer.
const LIMIT: Duration = Duration::from_secs(60);

/// What came of asking for an image: its digest, where BuildKit tells it, or why
/// there is none.
pub type Resolved = Result<Option<String>, String>;

/// Asks for an image on these platforms.
///
/// # Errors
/// The builder does not answer.
pub async fn resolve(
    builder: &dyn Builder,
    image: &str,
    platforms: &[Platform],
    stop: &CancellationToken,
) -> Result<Resolved, BuilderError> {
    let prefix = format!("buildrace-trial-{:016x}-", rand::random::<u64>());
    let guard = CacheGuard::set(builder, &prefix).await?;
    let resolved = build(builder, image, platforms, &prefix, stop).await;
    guard.lift(builder, &prefix).await?;
    forget_builds(builder, &prefix).await?;
    Ok(resolved)
}

async fn build(
    builder: &dyn Builder,
    image: &str,
    platforms: &[Platform],
    prefix: &str,
    stop: &CancellationToken,
) -> Resolved {
    let folder = Folder::new("trial").map_err(|error| error.to_string())?;
    let dockerfile = folder.path().join("Dockerfile");
    fs::write(&dockerfile, format!("FROM {image}\n")).map_err(|error| error.to_string())?;
    let reference = format!("{prefix}image");
    let request = BuildRequest::internal(reference, folder.path(), platforms.to_vec(), LIMIT);
    let (sink, mut statuses) = mpsc::unbounded_channel();
    let end = builder.build(&request, sink, stop.clone()).await;
    end.result.map_err(|error| error.to_string())?;
    let mut digest = None;
    while let Ok(status) = statuses.try_recv() {
        let mut vertexes = status.vertexes.iter();
        digest = digest.or_else(|| vertexes.find_map(|vertex| digest_in(&vertex.name)));
    }
    Ok(digest)
}

/// The digest in `[linux/amd64 1/1] FROM docker.io/library/debian:12@sha256:…`.
fn digest_in(name: &str) -> Option<String> {
    let (_, image) = name.split_once("] FROM ")?;
    let (_, digest) = image.rsplit_once('@')?;
    let hex = digest.strip_prefix("sha256:")?;
    let is_digest = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| digest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_from_the_name_of_the_step() {
        let hex = "0123456789abcdef".repeat(4);
        let digest = format!("sha256:{hex}");
        let name = format!("[linux/amd64 1/1] FROM docker.io/library/debian:12@{digest}");
        assert_eq!(digest_in(&name), Some(digest));
        for name in [
            "[linux/amd64 1/1] FROM docker.io/library/debian:12",
            "[linux/amd64 1/1] FROM docker.io/library/debian:12@sha256:01",
            "[internal] load metadata for docker.io/library/debian@sha256:01",
        ] {
            assert_eq!(digest_in(name), None, "{name}");
        }
    }
}
