//! Leaving nobody's cache worse than it was: what a run adds to the builder's
//! cache is found by comparing before with after, and only that is removed,
//! record by record.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::builder::{Builder, BuilderError};

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

    /// The builds that others have run since.
    pub async fn since(
        &self,
        builder: &dyn Builder,
        own_prefix: &str,
    ) -> Result<Vec<String>, BuilderError> {
        let history = in_time(ANSWER_LIMIT, builder.history()).await?;
        Ok(history
            .into_iter()
            .map(|build| build.reference)
            .filter(|reference| !reference.starts_with(own_prefix))
            .filter(|reference| !self.ended.contains(reference))
            .collect())
    }
}

/// What the builder held, and who had built on it, when the guard was set.
#[derive(Debug)]
pub struct CacheGuard {
    records: BTreeSet<String>,
    others: OtherBuilds,
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
}

impl CacheGuard {
    /// Notes what is there now.
    pub async fn set(builder: &dyn Builder, own_prefix: &str) -> Result<Self, BuilderError> {
        // In this order: a build of somebody else that begins between the two
        // questions counts as one that ran since.
        let others = OtherBuilds::note(builder, own_prefix).await?;
        let records = in_time(ANSWER_LIMIT, builder.cache_records()).await?;
        Ok(Self {
            records: records.into_iter().map(|record| record.id).collect(),
            others,
        })
    }

    /// Removes what was added since. Where somebody else built meanwhile, a
    /// record's origin cannot be told, so only those that carry this run's
    /// cache-mount namespace, `own_prefix`, are removed.
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
            let shared = !self.others.since(builder, own_prefix).await?.is_empty();
            let (ours, others): (Vec<_>, Vec<_>) = records
                .into_iter()
                .filter(|record| !self.records.contains(&record.id))
                .partition(|record| !shared || record.description.contains(own_prefix));
            cleaned.left_alone = others.len();
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
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::builder::StatusSink;
    use crate::buildkit::{BuildEnd, BuildRequest, BuildWindow, CacheRecord, Worker};

    /// A builder whose cache is a list. `stubborn` records are released only
    /// when asked for a second time.
    #[derive(Default)]
    struct Shelf {
        records: Mutex<Vec<CacheRecord>>,
        stubborn: Mutex<Vec<String>>,
        history: Mutex<Vec<BuildWindow>>,
        /// Builds that enter the history when records are listed.
        while_listing: Mutex<Vec<BuildWindow>>,
    }

    fn record(id: &str, description: &str) -> CacheRecord {
        CacheRecord {
            id: id.into(),
            size: 1,
            description: description.into(),
            record_type: "regular".into(),
            in_use: false,
            shared: false,
            parents: vec![],
            created: None,
        }
    }

    fn build(reference: &str, ended: bool) -> BuildWindow {
        let at = jiff::Timestamp::UNIX_EPOCH;
        BuildWindow {
            reference: reference.into(),
            started: Some(at),
            completed: ended.then_some(at),
        }
    }

    #[async_trait]
    impl Builder for Shelf {
        async fn build(&self, _: &BuildRequest, _: StatusSink, _: CancellationToken) -> BuildEnd {
            unreachable!("nothing is built in these tests")
        }
        async fn cache_records(&self) -> Result<Vec<CacheRecord>, BuilderError> {
            let begun: Vec<_> = self.while_listing.lock().unwrap().drain(..).collect();
            self.history.lock().unwrap().extend(begun);
            Ok(self.records.lock().unwrap().clone())
        }
        async fn prune(&self, ids: &[String]) -> Result<Vec<String>, BuilderError> {
            let mut stubborn = self.stubborn.lock().unwrap();
            let (held, free): (Vec<String>, Vec<String>) =
                ids.iter().cloned().partition(|id| stubborn.contains(id));
            stubborn.retain(|id| !held.contains(id));
            self.records
                .lock()
                .unwrap()
                .retain(|r| !free.contains(&r.id));
            Ok(free)
        }
        async fn workers(&self) -> Result<Vec<Worker>, BuilderError> {
            Ok(vec![])
        }
        async fn history(&self) -> Result<Vec<BuildWindow>, BuilderError> {
            Ok(self.history.lock().unwrap().clone())
        }
    }

    impl Shelf {
        fn ids(&self) -> Vec<String> {
            self.records
                .lock()
                .unwrap()
                .iter()
                .map(|r| r.id.clone())
                .collect()
        }
    }

    #[tokio::test]
    async fn what_was_there_before_stays() {
        let shelf = Shelf::default();
        shelf
            .records
            .lock()
            .unwrap()
            .push(record("theirs", "layer"));
        shelf.history.lock().unwrap().push(build("earlier", true));
        let guard = CacheGuard::set(&shelf, "buildrace-1-").await.unwrap();
        shelf
            .history
            .lock()
            .unwrap()
            .push(build("buildrace-1-a", true));
        shelf
            .records
            .lock()
            .unwrap()
            .extend([record("a", ""), record("b", "")]);
        shelf.stubborn.lock().unwrap().push("b".into());
        let cleaned = guard.lift(&shelf, "buildrace-1-").await.unwrap();
        assert_eq!(
            cleaned,
            Cleaned {
                removed: 2,
                ..Cleaned::default()
            }
        );
        assert_eq!(shelf.ids(), ["theirs"]);
    }

    #[tokio::test]
    async fn records_of_a_build_beside_ours_are_left_alone() {
        for meanwhile in [build("someone", false), build("someone", true)] {
            let shelf = Shelf::default();
            let guard = CacheGuard::set(&shelf, "buildrace-1-").await.unwrap();
            shelf.history.lock().unwrap().push(meanwhile);
            shelf.records.lock().unwrap().extend([
                record("maybe theirs", "mount / from exec go build"),
                record("ours", "cached mount with id \"buildrace-1-r1/go\""),
            ]);
            let cleaned = guard.lift(&shelf, "buildrace-1-").await.unwrap();
            assert_eq!(
                cleaned,
                Cleaned {
                    removed: 1,
                    left_alone: 1,
                    kept: vec![]
                }
            );
            assert_eq!(shelf.ids(), ["maybe theirs"]);
        }
    }

    #[tokio::test]
    async fn a_build_that_begins_while_records_are_listed_keeps_its_own() {
        let shelf = Shelf::default();
        let guard = CacheGuard::set(&shelf, "buildrace-1-").await.unwrap();
        // It ends before the history is read.
        shelf
            .while_listing
            .lock()
            .unwrap()
            .push(build("someone", true));
        shelf
            .records
            .lock()
            .unwrap()
            .push(record("theirs", "mount / from exec"));
        guard.lift(&shelf, "buildrace-1-").await.unwrap();
        assert_eq!(shelf.ids(), ["theirs"]);
    }

    #[tokio::test]
    async fn a_build_under_way_when_the_guard_was_set_counts_as_beside_ours() {
        let shelf = Shelf::default();
        shelf.history.lock().unwrap().push(build("someone", false));
        let others = OtherBuilds::note(&shelf, "buildrace-1-").await.unwrap();
        let since = others.since(&shelf, "buildrace-1-").await.unwrap();
        assert_eq!(since, ["someone"]);
    }
}
