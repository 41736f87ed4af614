//! Marks on what is made on an engine for a moment, so that another process
//! can tell whose it is, and whether its maker lives.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::temporary::Owner;

/// The label of containers and images that are made for a moment and removed
/// again. Its value is the [`owner`].
pub(super) const LABEL: &str = "org.buildrace.temporary";

/// Repository of the images whose programs are tried on each platform; the
/// [`tag`] says who made one, and when.
pub(super) const PROBE_REPOSITORY: &str = "buildrace-probe";

/// Repository of the images that smoke tests run, tagged the same way.
pub(super) const SMOKE_REPOSITORY: &str = "buildrace-smoke";

/// Age in seconds from which a container or a probe's image is taken to belong
/// to nobody, where its owner cannot be asked.
const FORGOTTEN: i64 = 600;

/// The same of an image that a run may still test.
const FORGOTTEN_IMAGE: i64 = 3600;

/// The tag of an image that this process makes now; nobody else has it where
/// nobody has `unique`.
pub(super) fn tag(unique: &str) -> String {
    format!("{}-{}-{unique}", now(), owner())
}

/// This process, as the label of what it makes names it.
pub(super) fn owner() -> String {
    Owner::this_process().map_or_else(|| "unknown".to_owned(), |owner| owner.to_string())
}

/// The label of a container that this process makes for a moment: name and value.
pub fn temporary_label() -> (String, String) {
    (LABEL.to_owned(), owner())
}

/// Whether nobody uses a container any more, by its [`LABEL`] and the time it
/// was created, in seconds since 1970.
pub(super) fn is_container_left(label: &str, created: Option<i64>) -> bool {
    let age = created.map_or(0, |created| now() - created);
    is_dead(label, age, FORGOTTEN)
}

/// Whether the name is that of an image that buildrace made for a moment, and
/// that nobody uses any more.
pub(super) fn is_image_left(name: &str) -> bool {
    is_image_left_at(name, now())
}

fn is_image_left_at(name: &str, now: i64) -> bool {
    let Some((repository, tag)) = name.split_once(':') else {
        return false;
    };
    let forgotten = match repository {
        PROBE_REPOSITORY => FORGOTTEN,
        SMOKE_REPOSITORY => FORGOTTEN_IMAGE,
        _ => return false,
    };
    let mut parts = tag.split('-');
    let made = parts.next().and_then(|made| made.parse::<i64>().ok());
    let owner = parts.next().unwrap_or_default();
    made.is_some_and(|made| is_dead(owner, now.saturating_sub(made), forgotten))
}

fn is_dead(owner: &str, age: i64, forgotten: i64) -> bool {
    let owner: Option<Owner> = owner.parse().ok();
    match owner.and_then(|owner| owner.is_alive()) {
        Some(alive) => !alive,
        None => age > forgotten,
    }
}

/// The time now, in seconds since 1970.
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
        assert!(is_image_left_at("buildrace-probe:1799999000-77-0", now));
        assert!(!is_image_left_at("buildrace-probe:1799999900-77-0", now));
        assert!(!is_image_left_at("buildrace-probe:mine", now));
        assert!(is_image_left_at("buildrace-smoke:1799990000-1f", now));
        assert!(!is_image_left_at("buildrace-smoke:1799999000-1f", now));
        assert!(!is_image_left_at("buildrace-probes:1-1-1", now));
        assert!(!is_image_left_at("debian:12", now));

        // This process lives, however old its image; one of its id that was
        // started earlier does not, however young.
        let alive = owner();
        assert!(!is_image_left_at(
            &format!("buildrace-smoke:1-{alive}-ff"),
            now
        ));
        let (place, _) = alive.rsplit_once('.').unwrap();
        let dead = format!("buildrace-smoke:{}-{place}.1-ff", now - 1);
        assert!(is_image_left_at(&dead, now));
    }
}
