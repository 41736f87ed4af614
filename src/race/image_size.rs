//! How large an image is: it is exported once more after the clock has stopped,
//! all from the cache, and its archive is measured.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::builder::Builder;
use crate::buildkit::{BuildRequest, Export};

/// Bytes of the OCI archive that a build's image makes, all platforms
/// together, layers compressed as BuildKit does it; what went wrong, else, in a
/// line.
pub(super) async fn measure(
    builder: &dyn Builder,
    request: &BuildRequest,
    stop: &CancellationToken,
) -> Result<u64, String> {
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
    Ok(size.len())
}
