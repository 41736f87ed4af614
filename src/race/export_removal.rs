//! When what timed builds have exported is removed.

use super::chain::ChainName;
use super::runner::{Race, RaceError, RunState, warn};
use super::timed_export;
use crate::buildkit::BakeRequest;

impl Race<'_> {
    /// Removes what a chain has exported but the image of its last build.
    pub(super) async fn remove_replaced_exports(
        &self,
        chain: &ChainName,
        run: &mut RunState<'_>,
    ) -> Result<(), RaceError> {
        let replaced = run.exports.take_replaced(chain);
        self.remove_exports(replaced, run).await
    }

    /// Removes what a chain has exported.
    pub(super) async fn remove_exports_of(
        &self,
        chain: &ChainName,
        run: &mut RunState<'_>,
    ) -> Result<(), RaceError> {
        let of_chain = run.exports.take(|known, _| known == chain);
        self.remove_exports(of_chain, run).await
    }

    /// Removes what chains have exported on a place that do not go on.
    pub(super) async fn remove_exports_of_ended(
        &self,
        place: usize,
        run: &mut RunState<'_>,
    ) -> Result<(), RaceError> {
        let go_on = &run.chains;
        let ended = run
            .exports
            .take(|chain, at| at == place && !go_on.contains_key(chain));
        self.remove_exports(ended, run).await
    }

    /// Removes all that is left.
    pub(super) async fn remove_all_exports(&self, run: &mut RunState<'_>) -> Result<(), RaceError> {
        let all = run.exports.take(|_, _| true);
        self.remove_exports(all, run).await
    }

    async fn remove_exports(
        &self,
        builds: Vec<(usize, BakeRequest)>,
        run: &mut RunState<'_>,
    ) -> Result<(), RaceError> {
        let mut told = Ok(());
        for (place, build) in builds {
            if let Err(error) = timed_export::remove(&build, &self.places[place]).await {
                let error = self.redaction.text(&error);
                let message = format!("an exported image may be left: {error}");
                told = told.and(warn(&mut run.observer, message));
            }
        }
        told
    }
}
