//! Base images are unpacked before the clock starts, so that the first sample
//! to use one does not pay for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::builder::Builder;
use crate::buildkit::{BuildError, BuildRequest, RemoteCache};
use crate::model::{BaseImage, ImageLayout, Platform};
use crate::temporary::Folder;

/// Longest time to unpack one image on all its platforms.
const LIMIT: Duration = Duration::from_secs(600);

/// A base image could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum WarmUpError {
    /// The Dockerfile that uses it could not be written.
    #[error("cannot write a temporary Dockerfile to unpack base images: {0}")]
    Write(#[from] std::io::Error),
    /// BuildKit could not use it.
    #[error("cannot unpack base image {image}: {error}")]
    Build {
        /// Name of the image, and of several builders which.
        image: String,
        /// What BuildKit said.
        error: BuildError,
    },
}

impl WarmUpError {
    /// The same, naming the builder.
    pub(super) fn on(self, builder: &str) -> Self {
        match self {
            Self::Build { image, error } => Self::Build {
                image: format!("{image} on {builder}"),
                error,
            },
            other => other,
        }
    }
}

/// Unpacks `images` on the builder. A directory made on top of an image needs
/// its whole file system, runs nothing, and so needs no emulator. What the
/// builder gets from `layouts` is sent to it now, and not again.
pub async fn unpack(
    builder: &dyn Builder,
    images: &[BaseImage],
    layouts: &[ImageLayout],
    own_prefix: &str,
    stop: &CancellationToken,
) -> Result<(), WarmUpError> {
    export(builder, images, layouts, own_prefix, &[], stop).await
}

/// Unpacks `images`, and exports their layers to a remote cache.
///
/// # Errors
/// Those of [`unpack`], and whatever keeps a cache from being written.
pub(super) async fn export(
    builder: &dyn Builder,
    images: &[BaseImage],
    layouts: &[ImageLayout],
    own_prefix: &str,
    to: &[RemoteCache],
    stop: &CancellationToken,
) -> Result<(), WarmUpError> {
    let mut platforms: BTreeMap<(Option<&str>, &str), BTreeSet<&Platform>> = BTreeMap::new();
    for image in images {
        platforms
            .entry((image.node.as_deref(), &image.name))
            .or_default()
            .insert(&image.platform);
    }
    for (index, ((node, image), platforms)) in platforms.into_iter().enumerate() {
        let folder = Folder::new("warm-up")?;
        let dockerfile = folder.path().join("Dockerfile");
        std::fs::write(
            &dockerfile,
            // Another folder in each run: so it is certain that the image is
            // unpacked now, and whose the record is.
            format!("FROM {image}\nWORKDIR /{own_prefix}warm-up\n"),
        )?;
        let platforms = platforms.into_iter().cloned().collect();
        let reference = format!("{own_prefix}warm-up-{index}");
        let request = BuildRequest {
            layouts: layouts.to_vec(),
            cache_to: to.to_vec(),
            ..BuildRequest::internal(reference, folder.path(), platforms, LIMIT)
        };
        let (sink, _ignored) = mpsc::unbounded_channel();
        let end = builder.build_on(node, &request, sink, stop.clone()).await;
        end.result.map_err(|error| WarmUpError::Build {
            image: image.to_owned(),
            error,
        })?;
    }
    Ok(())
}
