//! Leaving nobody's cache worse than it was: what a run adds to the builder's
//! cache is found by comparing before with after. On a builder of buildrace's
//! own only that is removed, record by record; on somebody else's it is counted.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::builder::{Builder, BuilderError, Cleanup};
use crate::buildkit::CacheRecord;

/// Records are released a moment after the build that used them.
pub(super) const RETRIES: u32 = 10;
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Longest wait for the builder to say what it holds.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for it to remove records, which takes a slow disk its time.
pub(super) const PRUNE_LIMIT: Duration = Duration::from_secs(600);

/// The builds that others had ended by some moment: those that are not among
/// them later ran meanwhile.
#[derive(Debug)]
pub struct OtherBuilds {
    ended: BTreeSet<String>,
}

impl OtherBuilds {
    /// Notes the builds that have ended. `own_prefix` begins the references of
    /// this run's builds.
    pub async fn note(builder: &dyn Builder, own_prefix: &str) -> Result<Self, BuilderError> {
        let history = in_time(ANSWER_LIMIT, builder.history()).await?;
        let ended = history
            .into_iter()
            .filter(|build| !build.reference.starts_with(own_prefix))
            .filter(|build| build.completed.is_some())
            .map(|build| build.reference);
        Ok(Self {
            ended: ended.collect(),
        })
    }

    /// The builds that others have run since, as far as the history holds them:
    /// another run takes its own out of it when it ends.
    pub async fn since(
        &self,
        builder: &dyn Builder,
        own_prefix: &str,
    ) -> Result<Vec<String>, BuilderError> {
        let history = in_time(ANSWER_LIMIT, builder.history()).await?;
        let listed = history.into_iter().map(|build| build.reference);
        let is_other =
            |build: &String| !build.starts_with(own_prefix) && !self.ended.contains(build);
        Ok(listed.filter(is_other).collect())
    }
}

/// What the builder held, and who had built on it, when the guard was set.
#[derive(Debug)]
pub struct CacheGuard {
    records: BTreeSet<String>,
    /// Those of them that a build still used.
    in_use: Vec<CacheRecord>,
    others: OtherBuilds,
    /// Whether somebody else was seen to build, be it in the history still or
    /// not.
    others_seen: bool,
}

/// Records of the cache, by number and size.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub records: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Tally {
    pub(super) fn of<'a>(records: impl IntoIterator<Item = &'a CacheRecord>) -> Self {
        let add = |tally: Self, record: &CacheRecord| Self {
            records: tally.records + 1,
            bytes: tally.bytes.saturating_add(record.size),
        };
        records.into_iter().fold(Self::default(), add)
    }
}

/// What a guard found when it was lifted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Records removed.
    pub removed: usize,
    /// Records of this run that the builder would not give up.
    pub kept: Vec<String>,
    /// Records that somebody else's build may own, so they were left alone.
    pub left_alone: usize,
    /// Records of this run that stay, since the builder is not buildrace's.
    pub stay: Tally,
}

impl CacheGuard {
    /// Notes what is there now.
    pub async fn set(builder: &dyn Builder, own_prefix: &str) -> Result<Self, BuilderError> {
        // In this order: a build of somebody else that begins between the two
        // questions counts as one that ran since.
        let others = OtherBuilds::note(builder, own_prefix).await?;
        let records = in_time(ANSWER_LIMIT, builder.cache_records()).await?;
        Ok(Self {
            records: records.iter().map(|record| record.id.clone()).collect(),
            in_use: records.into_iter().filter(|it| it.in_use).collect(),
            others,
            others_seen: false,
        })
    }

    fn knows(&self, record: &CacheRecord) -> bool {
        self.records.contains(&record.id) || self.in_use.iter().any(|used| is_renamed(record, used))
    }

    /// Somebody else was seen to build since the guard was set.
    pub fn saw_others(&mut self) {
        self.others_seen = true;
    }

    /// Removes what was added since, where the builder is buildrace's own, else
    /// counts it. Where somebody else built meanwhile, a record's origin cannot
    /// be told, so only those that carry this run's cache-mount namespace,
    /// `own_prefix`, are removed or counted.
    pub async fn lift(
        &self,
        builder: &dyn Builder,
        own_prefix: &str,
    ) -> Result<Cleaned, BuilderError> {
        let mut cleaned = Cleaned::default();
        for attempt in 0..=RETRIES {
            // In this order: whoever made one of these records has begun by
            // the time that the history is read.
            let records = in_time(ANSWER_LIMIT, builder.cache_records()).await?;
            let others = self.others.since(builder, own_prefix).await?;
            let is_alone = others.is_empty() && !self.others_seen;
            let (ours, others): (Vec<_>, Vec<_>) = records
                .into_iter()
                .filter(|record| !self.knows(record))
                .partition(|record| is_alone || record.description.contains(own_prefix));
            cleaned.left_alone = others.len();
            if builder.cleanup() == Cleanup::Leave {
                cleaned.stay = Tally::of(&ours);
                break;
            }
            cleaned.kept = ours.into_iter().map(|record| record.id).collect();
            if cleaned.kept.is_empty() {
                break;
            }
            if attempt > 0 {
                tokio::time::sleep(RETRY_AFTER).await;
            }
            let gone = in_time(PRUNE_LIMIT, builder.prune(&cleaned.kept)).await?;
            cleaned.removed += gone.len();
            cleaned.kept.retain(|id| !gone.contains(id));
        }
        Ok(cleaned)
    }
}

/// Whether a record is what was listed by another id while a build used it: what
/// a step left has a mutable and an immutable record, and BuildKit lists the
/// second, the younger one, while it is used, else the first (`DiskUsage` and
/// `commit` in `cache/`).
fn is_renamed(record: &CacheRecord, used: &CacheRecord) -> bool {
    let made = record.created.zip(used.created);
    record.description == used.description
        && record.parents == used.parents
        && made.is_some_and(|(record, used)| record <= used)
}

/// Takes the builds of a run out of the builder's history, so that it is as the
/// run found it.
///
/// # Errors
/// The builder does not answer.
pub(super) async fn forget_builds(
    builder: &dyn Builder,
    own_prefix: &str,
) -> Result<(), BuilderError> {
    for attempt in 0..=RETRIES {
        if attempt > 0 {
            tokio::time::sleep(RETRY_AFTER).await;
        }
        let history = in_time(ANSWER_LIMIT, builder.history()).await?;
        let own = history
            .into_iter()
            .filter(|build| build.reference.starts_with(own_prefix));
        let (ended, running): (Vec<_>, Vec<_>) = own.partition(|build| build.completed.is_some());
        let ended: Vec<String> = ended.into_iter().map(|build| build.reference).collect();
        if !ended.is_empty() {
            in_time(ANSWER_LIMIT, builder.forget(&ended)).await?;
        }
        // A build whose client was killed ends a moment after it.
        if running.is_empty() {
            break;
        }
    }
    Ok(())
}

pub(super) async fn in_time<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, BuilderError>>,
) -> Result<T, BuilderError> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        Err(BuilderError::Unreachable(format!(
            "the builder did not answer within {} when asked about its cache; is the engine stuck?",
            humantime::format_duration(limit)
        )))
    })
}

#[cfg(test)]
#[path = "cache_guard_tests.rs"]
mod tests;
