//! What a race needs of its builder before it begins: platforms whose programs
//! run, and base images.

use std::collections::BTreeSet;

use super::session::BuilderSession;
use crate::engine::Engine;
use crate::engine::images::{Obtained, StandIns, obtain};
use crate::engine::preflight::{self, Tried};
use crate::model::Platform;
use crate::ops::console::progress_lines;

impl BuilderSession {
    /// Runs a program of each platform.
    ///
    /// # Errors
    /// The builder cannot be asked.
    pub async fn try_each(&self, platforms: &[Platform]) -> anyhow::Result<Tried> {
        match self.trial_engine() {
            Some(engine) => Ok(preflight::try_each(engine, platforms).await?),
            None => super::trial::try_each(self, platforms).await,
        }
    }

    /// The engine that can run a program of each platform in the place of its
    /// BuildKit: a container of buildkitd has the kernel of its engine. One that
    /// holds one platform of an image cannot.
    pub(super) fn trial_engine(&self) -> Option<&Engine> {
        let engine = self.engine.as_ref();
        engine.filter(|engine| engine.facts().containerd_store)
    }

    /// Gets base images, each with the platform that it is needed on.
    ///
    /// # Errors
    /// One that may not lack cannot be had.
    pub async fn obtain(
        &self,
        needed: &[(String, Platform)],
        may_lack: &BTreeSet<String>,
    ) -> anyhow::Result<Obtained> {
        if let Some(engine) = self.image_store() {
            let stand_ins = StandIns::for_engine(engine);
            return Ok(obtain(engine, needed, may_lack, stand_ins, &progress_lines()).await?);
        }
        super::base_images::obtain_all(self, needed, may_lack).await
    }
}
