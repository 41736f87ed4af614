//! Why a bundle cannot be read. One line each, outside text escaped.

use std::io;

use crate::verify::VerifyError;

/// A bundle that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It cannot be decompressed, or no room is left for it.
    #[error("cannot unpack {bundle}: {error}")]
    Unreadable {
        /// What the bundle is called.
        bundle: String,
        /// Why. Not chained as a source: the text has it already.
        error: io::Error,
    },
    /// A zip archive is around it.
    #[error(
        "{bundle} is a zip archive: unpack it with `unzip`, and name the .dockerbuild file that was \
         in it"
    )]
    Zip {
        /// What the archive is called.
        bundle: String,
    },
    /// A part of it is damaged, missing or larger than any build's.
    #[error(transparent)]
    Damaged(#[from] VerifyError),
    /// It is an archive of something else.
    #[error(
        "{bundle} holds no build: expected a bundle that `docker buildx history export` or \
         docker/build-push-action writes"
    )]
    NoBuild {
        /// What the archive is called.
        bundle: String,
    },
}
