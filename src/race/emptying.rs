//! When the cache of a place is emptied on the way: where the run's builds have used
//! up room, and before each job of CI, whose builder has nothing.

use super::cache_mounts::copying_image;
use super::ci_cache::of_base_images;
use super::observer::Observer;
use super::runner::{Race, RaceError, RunState, warn};
use super::warm_up;
use crate::builder::Cleanup;
use crate::model::CiCache;

impl Race<'_> {
    /// Unpacks the base images on a place, or some until the run is stopped. On a builder
    /// that goes with the run, they stay when its cache is emptied.
    pub(super) async fn unpack(
        &self,
        place: usize,
        run: &mut RunState<'_>,
    ) -> Result<(), RaceError> {
        run.observer.phase("unpacking base images");
        let builds = self.earlier.prefix(run.prefix);
        let at = &self.places[place];
        at.unpack(&run.places[place], &builds, run.stop).await?;
        self.find_copying_image(place, &builds, run).await?;
        self.export_base_images(place, &builds, run).await?;
        if at.builder.cleanup() == Cleanup::Discard {
            at.reset(&mut run.places[place], run.prefix).await?;
        }
        Ok(())
    }

    /// Finds a base image in which cache mounts can be copied, where some are restored.
    async fn find_copying_image(
        &self,
        place: usize,
        builds: &str,
        run: &mut RunState<'_>,
    ) -> Result<(), RaceError> {
        let is_known = run.copying_images.contains_key(&place);
        let are_restored = self.ci_caches.iter().any(CiCache::restores_mounts);
        if is_known || !are_restored || run.stop.is_cancelled() {
            return Ok(());
        }
        let Some(platform) = self.record.scenarios.first().map(|info| &info.native) else {
            return Ok(());
        };
        let at = &self.places[place];
        let found = copying_image(
            at.builder,
            at.base_images,
            at.layouts,
            platform,
            builds,
            run.stop,
        );
        match found.await {
            Ok(Some(image)) => {
                run.copying_images.insert(place, image);
                Ok(())
            }
            Ok(None) => Err(RaceError::NothingCopies {
                platform: platform.clone(),
            }),
            Err(_) if run.stop.is_cancelled() => Ok(()),
            Err(error) => Err(RaceError::Copying(error)),
        }
    }

    /// Exports the layers of base images to remote caches that all blocks share, so that
    /// not the first of them alone does. A cache that cannot be written is told of by
    /// its samples.
    async fn export_base_images(
        &self,
        place: usize,
        builds: &str,
        run: &mut RunState<'_>,
    ) -> Result<(), RaceError> {
        if !run.bases_exported.insert(place) {
            return Ok(());
        }
        let at = &self.places[place];
        for cache in self.ci_caches {
            let Some(to) = of_base_images(cache, builds) else {
                continue;
            };
            run.observer.phase("exporting base images");
            let own = format!("{builds}{}-", cache.name);
            let to = [to];
            let exported =
                warm_up::export(at.builder, at.base_images, at.layouts, &own, &to, run.stop);
            if let Err(error) = exported.await
                && !run.stop.is_cancelled()
            {
                let error = self.redaction.text(&error.to_string());
                let message = format!(
                    "base images are not in the cache {} before the clock starts: {error}",
                    cache.name
                );
                warn(&mut run.observer, message)?;
            }
        }
        Ok(())
    }

    /// Empties the cache of a place where the run's builds have used up room.
    pub(super) async fn make_room(
        &self,
        place: usize,
        run: &mut RunState<'_>,
    ) -> Result<(), RaceError> {
        let at = &self.places[place];
        if !at.needs_room(&run.places[place]) {
            return Ok(());
        }
        self.empty(place, run).await?;
        at.reset(&mut run.places[place], run.prefix).await?;
        // A builder without an image store has lost its base images with it.
        self.unpack(place, run).await?;
        at.has_room(&mut run.places[place]);
        Ok(())
    }

    /// Empties the cache of a place, and with it the state of chains that go on there.
    /// What a chain has in a remote cache stays.
    pub(super) async fn empty(
        &self,
        place: usize,
        run: &mut RunState<'_>,
    ) -> Result<(), RaceError> {
        let at = &self.places[place];
        run.observer.phase("emptying the builder's cache");
        if at.clean(&mut run.places[place], run.prefix).await? {
            run.rest.disturbed();
        }
        run.chains.retain(|chain, _| {
            let variant = self.variant(&chain.scenario, &chain.variant);
            let is_elsewhere = variant.is_some_and(|variant| variant.cell.place != place);
            is_elsewhere || chain.first.remote_cache().is_some()
        });
        Ok(())
    }
}
