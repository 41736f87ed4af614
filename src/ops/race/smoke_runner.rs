//! Smoke tests are run by the engine that builds: an image that its BuildKit
//! exports is at once in its store.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::model::{Platform, ProgramOutput};
use crate::race::{ImageStoreError, SmokeRunner};

#[async_trait]
impl SmokeRunner for Engine {
    async fn run(
        &self,
        image: &str,
        platform: &Platform,
        command: &[String],
        stop: &CancellationToken,
    ) -> Result<ProgramOutput, ImageStoreError> {
        let ran = self.run_in(image, platform, command, stop).await;
        Ok(ran?)
    }
}
