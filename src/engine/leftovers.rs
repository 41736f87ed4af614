//! Containers and images that are made for a moment, and that a process which
//! was killed left on the engine.

use std::collections::HashMap;

use bollard::query_parameters::{ListContainersOptionsBuilder, ListImagesOptionsBuilder};

use super::temporary::{self, LABEL, PROBE_REPOSITORY, SMOKE_REPOSITORY};
use super::{Engine, EngineError};
use crate::escape::one_line;

/// Something on an engine whose owner is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leftover {
    /// A container, with its id.
    Container(String),
    /// An image, with its name and tag.
    Image(String),
}

impl Engine {
    /// What dead processes left: containers first, since images of containers
    /// that are there cannot be removed.
    ///
    /// # Errors
    /// The engine does not say.
    pub async fn leftovers(&self) -> Result<Vec<Leftover>, EngineError> {
        let filters = HashMap::from([("label", vec![LABEL])]);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let containers = self
            .docker()
            .list_containers(Some(options))
            .await
            .map_err(|error| EngineError::api("listing containers", error))?;
        let mut found = Vec::new();
        for container in containers {
            let label = container.labels.unwrap_or_default().remove(LABEL);
            if let Some(id) = container.id
                && temporary::is_container_left(&label.unwrap_or_default(), container.created)
            {
                found.push(Leftover::Container(one_line(&id)));
            }
        }
        // By name: an engine may tell no labels of an image for other platforms.
        let filters = HashMap::from([("reference", vec![PROBE_REPOSITORY, SMOKE_REPOSITORY])]);
        let options = ListImagesOptionsBuilder::new().filters(&filters).build();
        let images = self
            .docker()
            .list_images(Some(options))
            .await
            .map_err(|error| EngineError::api("listing images", error))?;
        let names = images.into_iter().flat_map(|image| image.repo_tags);
        let left = names.filter(|name| temporary::is_image_left(name));
        found.extend(left.map(Leftover::Image));
        Ok(found)
    }

    /// Removes what processes that were killed left. Whatever fails here is left
    /// for the next time, since no race depends on it.
    pub async fn remove_leftovers(&self) {
        for leftover in self.leftovers().await.unwrap_or_default() {
            let _ = self.remove_leftover(&leftover).await;
        }
    }

    /// Removes a container or an image that is left.
    ///
    /// # Errors
    /// The engine refuses to.
    pub async fn remove_leftover(&self, leftover: &Leftover) -> Result<(), EngineError> {
        match leftover {
            Leftover::Container(id) => self.remove_container(id).await,
            Leftover::Image(name) => self.remove_image(name).await,
        }
    }
}
