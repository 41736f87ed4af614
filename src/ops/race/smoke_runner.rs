//! Smoke tests are run by the engine that builds: an image that its BuildKit
//! exports is at once in its store.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, EngineError};
use crate::model::{Platform, ProgramOutput};
use crate::race::{SmokeError, SmokeRunner};

#[async_trait]
impl SmokeRunner for Engine {
    fn image_name(&self, unique: &str) -> String {
        self.smoke_image(unique)
    }

    async fn run(
        &self,
        image: &str,
        platform: &Platform,
        command: &[String],
        stop: &CancellationToken,
    ) -> Result<ProgramOutput, SmokeError> {
        let ran = self.run_in(image, platform, command, stop).await;
        Ok(ran?)
    }

    async fn remove(&self, image: &str) -> Result<(), SmokeError> {
        Ok(self.remove_image(image).await?)
    }
}

impl From<EngineError> for SmokeError {
    fn from(error: EngineError) -> Self {
        Self(error.to_string())
    }
}
