//! Containers and images that are made for a moment, and that a process which
//! was killed left on the engine. Their labels and names tell who made them.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bollard::query_parameters::{ListContainersOptionsBuilder, ListImagesOptionsBuilder};

use super::client::TEMPORARY_LABEL;
use super::error::one_line;
use super::{Engine, EngineError, probe, smoke};
use crate::temporary::Owner;

/// Age from which what is meant for a moment belongs to no process that
/// still runs, seconds, where it cannot be told who made it.
const FORGOTTEN: i64 = 600;

/// The same of an image that a run still tests.
const FORGOTTEN_IMAGE: i64 = 3600;

/// Something on an engine whose owner is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leftover {
    /// A container, by its id.
    Container(String),
    /// An image, by its name.
    Image(String),
}

impl Engine {
    /// What dead processes left: containers first, since images of containers
    /// that are there cannot be removed.
    ///
    /// # Errors
    /// The engine does not say.
    pub async fn leftovers(&self) -> Result<Vec<Leftover>, EngineError> {
        let filters = HashMap::from([("label", vec![TEMPORARY_LABEL])]);
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
            let label = container.labels.unwrap_or_default().remove(TEMPORARY_LABEL);
            let age = container.created.map_or(0, |created| now() - created);
            if let Some(id) = container.id
                && is_dead(&label.unwrap_or_default(), age, FORGOTTEN)
            {
                found.push(Leftover::Container(one_line(&id)));
            }
        }
        // By name: an engine may tell no labels of an image for other platforms.
        let filters = HashMap::from([("reference", vec![probe::REPOSITORY, smoke::REPOSITORY])]);
        let options = ListImagesOptionsBuilder::new().filters(&filters).build();
        let images = self
            .docker()
            .list_images(Some(options))
            .await
            .map_err(|error| EngineError::api("listing images", error))?;
        let names = images.into_iter().flat_map(|image| image.repo_tags);
        let left = names.filter(|name| is_left_over(name, now()));
        found.extend(left.map(Leftover::Image));
        Ok(found)
    }

    /// Removes something that is left.
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

/// The tag of an image that this process makes now; nobody else has it where
/// nobody has `unique`.
pub(super) fn tag(unique: &str) -> String {
    format!("{}-{}-{unique}", now(), owner())
}

/// The value of the label of a container that this process makes.
pub(super) fn owner() -> String {
    Owner::this_process().map_or_else(|| "unknown".to_owned(), |owner| owner.to_string())
}

fn is_dead(owner: &str, age: i64, forgotten: i64) -> bool {
    let owner: Option<Owner> = owner.parse().ok();
    match owner.and_then(|owner| owner.is_alive()) {
        Some(alive) => !alive,
        None => age > forgotten,
    }
}

/// Whether the name is that of an image that buildrace made for a moment, and
/// that nobody uses any more.
fn is_left_over(name: &str, now: i64) -> bool {
    let Some((repository, tag)) = name.split_once(':') else {
        return false;
    };
    let forgotten = match repository {
        probe::REPOSITORY => FORGOTTEN,
        smoke::REPOSITORY => FORGOTTEN_IMAGE,
        _ => return false,
    };
    let mut parts = tag.split('-');
    let made = parts.next().and_then(|made| made.parse::<i64>().ok());
    let owner = parts.next().unwrap_or_default();
    made.is_some_and(|made| is_dead(owner, now.saturating_sub(made), forgotten))
}

/// Seconds since 1970.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|time| i64::try_from(time.as_secs()).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_dead_processes_and_old_ones_are_left_over() {
        let now = 1_800_000_000;
        assert!(is_left_over("buildrace-probe:1799999000-77-0", now));
        assert!(!is_left_over("buildrace-probe:1799999900-77-0", now));
        assert!(!is_left_over("buildrace-probe:mine", now));
        assert!(is_left_over("buildrace-smoke:1799990000-1f", now));
        assert!(!is_left_over("buildrace-smoke:1799999000-1f", now));
        assert!(!is_left_over("buildrace-probes:1-1-1", now));
        assert!(!is_left_over("debian:12", now));

        // This process lives, however old its image; one of its id that was
        // started earlier does not, however young.
        let alive = owner();
        assert!(!is_left_over(&format!("buildrace-smoke:1-{alive}-ff"), now));
        let (place, _) = alive.rsplit_once('.').unwrap();
        let dead = format!("buildrace-smoke:{}-{place}.1-ff", now - 1);
        assert!(is_left_over(&dead, now));
    }
}
