//! Two builds, the earlier one of which says what the later might have had.

use std::collections::BTreeSet;

use anyhow::Context;

use super::build::Built;
use super::cache::{empty_mounts, holds_nothing_older_than};
use super::earlier::{earlier, likeness};
use crate::explain::Conditions;
use crate::explain::why::{Between, ContextFiles, Why, why};
use crate::model::RememberedBuild;
use crate::ops::builder::BuilderSession;
use crate::ops::history::short_names;
use crate::ops::why::FilesBetween;

/// How alike two builds are that are certainly of the same Dockerfile.
const SAME: f64 = 0.9;
/// Builds that are alike of which the most alike is taken.
const MAX_ALIKE: u32 = 5;

/// Two builds, and what is known of the time between them.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The build that is asked of.
    pub build: Built,
    /// The one before it.
    pub earlier: Built,
    /// Whether the builder's cache was emptied in between.
    pub emptied: bool,
    /// The ids of the cache mounts that were empty when the build began, as far as that
    /// is known.
    pub empty_mounts: BTreeSet<String>,
}

impl Pair {
    /// Two builds of whose time in between nothing is known.
    pub fn new(build: Built, earlier: Built) -> Self {
        Self {
            build,
            earlier,
            emptied: false,
            empty_mounts: BTreeSet::new(),
        }
    }

    /// A build of a history, and the one that was named or else the one that is
    /// likeliest to be of the same Dockerfile. `None` where there is none.
    ///
    /// # Errors
    /// The builder does not answer, or does not have one of them any more.
    pub async fn of_history(
        session: &BuilderSession,
        builds: &[RememberedBuild],
        build: &RememberedBuild,
        named: Option<&RememberedBuild>,
        conditions: &Conditions,
    ) -> anyhow::Result<Result<Self, Box<Built>>> {
        let names = short_names(builds);
        let read = async |build: &RememberedBuild| {
            let place = builds.iter().position(|known| known == build);
            let short = place.map_or(build.reference.as_str(), |at| &names[at]);
            let title = format!("build {short} of {}", build.inputs.title());
            let recorded = session.recorded(build).await?;
            let built = Built::of_recorded(title.clone(), &recorded, conditions);
            let built = built.with_context(|| format!("no step of {title} began"))?;
            anyhow::Ok(built.remembered(build))
        };
        let asked = read(build).await?;
        let mut found = None;
        let (mut best, mut alike) = (None, 0);
        match named {
            Some(named) => found = Some(read(named).await?),
            None => {
                for before in earlier(builds, build) {
                    // What is gone or empty is none to compare with.
                    let Ok(before) = read(before).await else {
                        continue;
                    };
                    let Some(likeness) = likeness(&asked, &before) else {
                        continue;
                    };
                    // Of those that are as alike, the first is the likeliest.
                    if best.is_none_or(|best| likeness > best) {
                        best = Some(likeness);
                        found = Some(before);
                    }
                    alike += 1;
                    if likeness >= SAME || alike >= MAX_ALIKE {
                        break;
                    }
                }
            }
        }
        let Some(earlier) = found else {
            return Ok(Err(Box::new(asked)));
        };
        let records = session.cache_records().await?;
        let ended = earlier.time.map(|(_, ended)| ended);
        let empty_mounts = asked.time.map(|time| empty_mounts(&records, time));
        Ok(Ok(Self {
            build: asked,
            earlier,
            emptied: ended.is_some_and(|ended| holds_nothing_older_than(&records, ended)),
            empty_mounts: empty_mounts.unwrap_or_default(),
        }))
    }

    /// Whether the earlier build is one of the same thing.
    pub fn is_alike(&self) -> bool {
        likeness(&self.build, &self.earlier).is_some()
    }

    /// Why the one executed what the other had.
    pub fn why(&self, files: Option<&FilesBetween>) -> Why {
        let between = Between {
            files: files.map(|files| files as &dyn ContextFiles),
            emptied: self.emptied,
            empty_mounts: Some(&self.empty_mounts),
        };
        why(&self.build.known(), &self.earlier.known(), &between)
    }
}
