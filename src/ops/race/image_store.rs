//! An engine's image store.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::buildkit::ImageLoader;
use crate::engine::{Engine, EngineError};
use crate::race::{ImageStore, ImageStoreError, LoadingStore};

#[async_trait]
impl ImageLoader for Engine {
    async fn load(&self, archive: mpsc::Receiver<Bytes>) -> Result<(), String> {
        let loaded = self.load_archive("loading an image", ReceiverStream::new(archive).map(Ok));
        loaded.await.map_err(|error| error.to_string())
    }
}

#[async_trait]
impl ImageStore for Engine {
    fn image_name(&self, unique: &str) -> String {
        self.smoke_image(unique)
    }

    async fn remove(&self, image: &str) -> Result<(), ImageStoreError> {
        Ok(self.remove_image(image).await?)
    }
}

impl LoadingStore for Engine {
    /// As buildx tells it: by containerd's image store.
    fn loads_oci(&self) -> bool {
        self.facts().containerd_store
    }
}

impl From<EngineError> for ImageStoreError {
    fn from(error: EngineError) -> Self {
        Self(error.to_string())
    }
}
