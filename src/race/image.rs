//! The image of a sample, looked at after the clock has stopped: it is exported
//! once more, all from the cache, measured, and checked for being what it should.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::builder::Builder;
use crate::buildkit::{BuildRequest, Export};
use crate::scenario::Output;
use crate::verify::{self, Expected};

/// What an image is.
pub(super) struct Image {
    /// Bytes of its OCI archive, all platforms together, layers compressed as
    /// BuildKit does it.
    pub(super) bytes: u64,
    /// What is not as it should be, a line each.
    pub(super) mismatches: Vec<String>,
}

/// Looks at the image of a build. `output` is what it must hold, if that is to
/// be checked; what went wrong is told in a line.
pub(super) async fn look(
    builder: &dyn Builder,
    request: &BuildRequest,
    output: Option<&Output>,
    stop: &CancellationToken,
) -> Result<Image, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let destination = folder.path().join("image.tar");
    let request = BuildRequest {
        reference: format!("{}-export", request.reference),
        no_cache: false,
        export: Export::Oci {
            destination: destination.clone(),
        },
        ..request.clone()
    };
    let (sink, _ignored) = mpsc::unbounded_channel();
    let end = builder.build(&request, sink, stop.clone()).await;
    end.result.map_err(|error| error.to_string())?;
    let size = std::fs::metadata(&destination).map_err(|error| error.to_string())?;
    let mismatches = match output {
        None => Vec::new(),
        Some(output) => {
            let expected = Expected {
                platforms: request.platforms.clone(),
                binaries: output.binaries.clone(),
            };
            let check = move || verify::check_archive(&destination, &expected);
            let found = tokio::task::spawn_blocking(check)
                .await
                .map_err(|error| error.to_string())?;
            let found = found.map_err(|error| error.to_string())?;
            found.iter().map(ToString::to_string).collect()
        }
    };
    Ok(Image {
        bytes: size.len(),
        mismatches,
    })
}
