//! Smoke tests are run by the engine that builds: an image that its BuildKit
//! exports is at once in its store.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, EngineError};
use crate::model::{Platform, Ran};
use crate::race::{Runner, RunnerError};

#[async_trait]
impl Runner for Engine {
    fn image_name(&self, unique: &str) -> String {
        self.smoke_image(unique)
    }

    async fn run(
        &self,
        image: &str,
        platform: &Platform,
        command: &[String],
        stop: &CancellationToken,
    ) -> Result<Ran, RunnerError> {
        let ran = self.run_in(image, platform, command, stop).await;
        Ok(ran?)
    }

    async fn remove(&self, image: &str) -> Result<(), RunnerError> {
        Ok(self.remove_image(image).await?)
    }
}

impl From<EngineError> for RunnerError {
    fn from(error: EngineError) -> Self {
        Self(error.to_string())
    }
}
