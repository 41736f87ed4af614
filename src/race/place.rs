//! A place that builds: one builder, with what a run keeps of it. A race over
//! several builders has several, and leaves each as it found it.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::cache_guard::{CacheGuard, Cleaned, forget_builds};
use super::cleanup_report;
use super::disk_room::Room;
use super::image_store::LoadingStore;
use super::resumption::own_prefix;
use super::run_cleanup;
use super::smoke::SmokeTests;
use super::warm_up::{self, WarmUpError};
use crate::builder::{Builder, BuilderError, Cleanup};
use crate::model::{BaseImage, ImageLayout};

/// A builder of a race, and what is where on it.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// What messages call it, where the race has several.
    pub name: Option<&'a str>,
    /// Where it is built.
    pub builder: &'a dyn Builder,
    /// A path on the builder's disk, whose free space is watched; `None` where
    /// the builder is another machine, about which nothing can be told.
    pub disk: Option<&'a Path>,
    /// Where the smoke tests of the scenarios are run.
    pub smoke_tests: SmokeTests<'a>,
    /// The image store that archives of results are loaded into, where they are.
    pub loads_into: Option<&'a Arc<dyn LoadingStore>>,
    /// Base images that are unpacked on it before the first build.
    pub base_images: &'a [BaseImage],
    /// Base images that the builder gets from this machine; none where it has
    /// them already or gets them elsewhere.
    pub layouts: &'a [ImageLayout],
    /// Ids of runs that ended without cleaning up after themselves: what they
    /// left on the builder is removed first, as far as it may be.
    pub dead: &'a [String],
}

/// What a run keeps of a place.
pub(super) struct PlaceState {
    /// What the builder's cache held before the run, or when it was emptied last.
    pub(super) guard: CacheGuard,
    /// Free space on the builder's disk at that moment.
    room: Room,
    /// What each cleaning left.
    left: Vec<Cleaned>,
}

impl Place<'_> {
    /// Removes what earlier runs left, and notes what is there. `resumes` is
    /// whether this run has been here before.
    pub(super) async fn enter(
        &self,
        prefix: &str,
        resumes: bool,
    ) -> Result<PlaceState, BuilderError> {
        let mut left = Vec::new();
        for dead in self.dead {
            left.push(run_cleanup::remove(self.builder, &own_prefix(dead)).await?);
        }
        if resumes {
            left.push(run_cleanup::remove(self.builder, prefix).await?);
        }
        Ok(PlaceState {
            guard: CacheGuard::set(self.builder, prefix).await?,
            room: Room::of(self.disk),
            left,
        })
    }

    /// Unpacks the base images, or some until the run is stopped. `builds` is what
    /// the references of the builds begin with.
    pub(super) async fn unpack(
        &self,
        state: &PlaceState,
        builds: &str,
        stop: &CancellationToken,
    ) -> Result<(), WarmUpError> {
        // A build of the same reference may still be known to the builder.
        let builds = match state.left.len() {
            0 => builds.to_owned(),
            times => format!("{builds}{times}-"),
        };
        let (builder, images) = (self.builder, self.base_images);
        let unpacked = warm_up::unpack(builder, images, self.layouts, &builds, stop).await;
        match unpacked {
            Err(_) if stop.is_cancelled() => Ok(()),
            unpacked => unpacked.map_err(|error| match self.name {
                Some(name) => error.on(name),
                None => error,
            }),
        }
    }

    /// Whether the run's builds have used up so much room that it is time to empty
    /// the cache.
    pub(super) fn needs_room(&self, state: &PlaceState) -> bool {
        self.builder.cleanup() != Cleanup::Leave && state.room.has_shrunk(self.disk)
    }

    /// Begins anew, after the cache was emptied.
    pub(super) async fn reset(
        &self,
        state: &mut PlaceState,
        prefix: &str,
    ) -> Result<(), BuilderError> {
        state.guard = CacheGuard::set(self.builder, prefix).await?;
        Ok(())
    }

    /// Notes what is free, once the base images are there again.
    pub(super) fn has_room(&self, state: &mut PlaceState) {
        state.room = Room::of(self.disk);
    }

    /// Takes away what the run has added to the cache, where the builder is
    /// buildrace's own. Returns whether anything was.
    pub(super) async fn clean(
        &self,
        state: &mut PlaceState,
        prefix: &str,
    ) -> Result<bool, BuilderError> {
        clean(self.builder, state, prefix).await
    }

    /// Leaves the builder as it was found, as far as that may be done. What stays
    /// is told, a line each.
    pub(super) async fn leave(
        &self,
        state: &mut PlaceState,
        prefix: &str,
    ) -> Result<Vec<String>, BuilderError> {
        if self.builder.cleanup() == Cleanup::Discard {
            return Ok(Vec::new());
        }
        let mut left = leave(self.builder, state, prefix).await;
        if left.is_err()
            && let Some(survivors) = self.builder.survivors().await
        {
            // What is on a node that is lost is told; the others are left clean.
            left = leave(&*survivors, state, prefix).await.and(left);
        }
        left?;
        let told = cleanup_report::of_run(&state.left).into_iter();
        Ok(told.map(|line| self.on(line)).collect())
    }

    /// A message, with the place that it is of where there are several.
    pub(super) fn on(&self, message: String) -> String {
        match self.name {
            Some(name) => format!("on {name}: {message}"),
            None => message,
        }
    }
}

/// Takes away what the run has added to a builder's cache. Returns whether
/// anything was.
async fn clean(
    builder: &dyn Builder,
    state: &mut PlaceState,
    prefix: &str,
) -> Result<bool, BuilderError> {
    let cleaned = state.guard.lift(builder, prefix).await?;
    let removed = cleaned.removed > 0;
    state.left.push(cleaned);
    Ok(removed)
}

async fn leave(
    builder: &dyn Builder,
    state: &mut PlaceState,
    prefix: &str,
) -> Result<(), BuilderError> {
    clean(builder, state, prefix).await?;
    forget_builds(builder, prefix).await
}
