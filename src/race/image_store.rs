//! An engine's image store, with the images that a race puts there and removes.

use async_trait::async_trait;

use crate::buildkit::ImageLoader;

/// Where images are until they are removed.
#[async_trait]
pub trait ImageStore: Send + Sync {
    /// A name for an image that is to be removed, and that nobody else has. `unique` is of
    /// letters and digits.
    fn image_name(&self, unique: &str) -> String;

    /// Removes an image, if it is there.
    async fn remove(&self, image: &str) -> Result<(), ImageStoreError>;
}

/// An image store that archives are loaded into.
pub trait LoadingStore: ImageStore + ImageLoader {
    /// Whether it loads OCI archives, and so images of several platforms; else it takes
    /// archives in docker's own format.
    fn loads_oci(&self) -> bool;
}

/// What a store, or whoever runs its images, could not do: nothing that an image is to
/// blame for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ImageStoreError(pub String);
