//! What a run left on the builder when it was cut off, and nobody took away:
//! found again when it goes on, or when another run begins.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::cache_guard::{
    ANSWER_LIMIT, Cleaned, PRUNE_LIMIT, RETRIES, RETRY_AFTER, Tally, forget_builds, in_time,
};
use crate::builder::{Builder, BuilderError, Cleanup};
use crate::buildkit::{BuildWindow, CacheRecord};

/// How long a build may take to end whose client is gone.
const END_LIMIT: Duration = Duration::from_secs(10);

/// For how many seconds a step that was cancelled with its build may go on, and leave
/// a record.
const LATE: i64 = 5;

/// Removes the records of which it is certain that builds of this run made
/// them: those that carry its cache-mount namespace, and those that appeared
/// while one of its builds ran, where nobody else has built then or since. On
/// somebody else's builder they are counted and stay. Then its builds are taken
/// out of the history.
pub async fn remove(builder: &dyn Builder, own_prefix: &str) -> Result<Cleaned, BuilderError> {
    let mut cleaned = Cleaned::default();
    let began = Instant::now();
    let mut attempts = 0;
    let mut is_ending = false;
    while attempts <= RETRIES || (is_ending && began.elapsed() < END_LIMIT) {
        if attempts > 0 {
            tokio::time::sleep(RETRY_AFTER).await;
        }
        attempts += 1;
        // In this order: whoever made one of these records has begun by the
        // time that the history is read.
        let records = in_time(ANSWER_LIMIT, builder.cache_records()).await?;
        let history = in_time(ANSWER_LIMIT, builder.history()).await?;
        let (own, others): (Vec<_>, Vec<_>) = history
            .iter()
            .partition(|build| build.reference.starts_with(own_prefix));
        // A build whose client was killed ends a moment after it.
        is_ending = own.iter().any(|build| build.completed.is_none());
        let (builds, beside) = (&own, &others);
        let of = |origin: Origin| {
            let records = records.iter();
            records.filter(move |record| Origin::of(record, own_prefix, builds, beside) == origin)
        };
        cleaned.left_alone = of(Origin::PerhapsOurs).count();
        if builder.cleanup() == Cleanup::Leave {
            cleaned.stay = Tally::of(of(Origin::Ours));
            if !is_ending {
                break;
            }
            continue;
        }
        cleaned.kept = of(Origin::Ours).map(|record| record.id.clone()).collect();
        if cleaned.kept.is_empty() && !is_ending {
            break;
        }
        if cleaned.kept.is_empty() {
            continue;
        }
        let gone = in_time(PRUNE_LIMIT, builder.prune(&cleaned.kept)).await?;
        cleaned.removed += gone.len();
        cleaned.kept.retain(|id| !gone.contains(id));
    }
    forget_builds(builder, own_prefix).await?;
    Ok(cleaned)
}

/// Whose builds made a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Ours,
    /// Somebody else built at the same time, or since, and may use it.
    PerhapsOurs,
    Theirs,
}

impl Origin {
    pub(super) fn of(
        record: &CacheRecord,
        own_prefix: &str,
        own: &[&BuildWindow],
        others: &[&BuildWindow],
    ) -> Self {
        if record.description.contains(own_prefix) {
            return Self::Ours;
        }
        let Some(created) = record.created else {
            return Self::Theirs;
        };
        let in_own = own.iter().any(|build| {
            build.started.is_some_and(|started| started <= created)
                && build.completed.is_some_and(|ended| created <= late(ended))
        });
        let is_shared = others.iter().any(|build| may_know(build, created));
        match (in_own, is_shared) {
            (true, false) => Self::Ours,
            (true, true) => Self::PerhapsOurs,
            (false, _) => Self::Theirs,
        }
    }
}

/// Until when a build that ended then may leave records.
fn late(ended: Timestamp) -> Timestamp {
    ended
        .checked_add(jiff::SignedDuration::from_secs(LATE))
        .unwrap_or(ended)
}

/// Whether somebody else's build may have made what was made then, or used it
/// later. What is not known of it speaks for it.
fn may_know(build: &BuildWindow, made: Timestamp) -> bool {
    build.completed.is_none_or(|ended| made <= ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn record(description: &str, created: Option<i64>) -> CacheRecord {
        CacheRecord {
            id: "id".into(),
            size: 1,
            description: description.into(),
            record_type: "regular".into(),
            in_use: false,
            shared: false,
            parents: vec![],
            created: created.map(at),
        }
    }

    fn build(started: Option<i64>, completed: Option<i64>) -> BuildWindow {
        BuildWindow {
            reference: String::new(),
            started: started.map(at),
            completed: completed.map(at),
        }
    }

    #[test]
    fn only_what_is_certainly_ours_is_ours() {
        let own = build(Some(10), Some(20));
        let origin = |record: &CacheRecord, others: &[&BuildWindow]| {
            Origin::of(record, "buildrace-1-", &[&own], others)
        };
        let layer = record("mount / from exec go build", Some(15));
        assert_eq!(origin(&layer, &[]), Origin::Ours);
        let before = build(Some(1), Some(14));
        assert_eq!(origin(&layer, &[&before]), Origin::Ours);
        for beside in [
            build(Some(16), Some(18)),
            build(Some(12), Some(18)),
            build(Some(12), None),
            build(None, Some(18)),
            build(None, None),
        ] {
            assert_eq!(origin(&layer, &[&beside]), Origin::PerhapsOurs);
            let mount = record("cached mount with id \"buildrace-1-r1/go\"", None);
            assert_eq!(origin(&mount, &[&beside]), Origin::Ours);
        }
        // Of a step that was cancelled and took a moment.
        let late = record("mount / from exec", Some(24));
        assert_eq!(origin(&late, &[&before]), Origin::Ours);
        let since = build(Some(22), Some(25));
        assert_eq!(origin(&late, &[&since]), Origin::PerhapsOurs);
        for created in [Some(9), Some(26), None] {
            let layer = record("mount / from exec", created);
            assert_eq!(origin(&layer, &[]), Origin::Theirs);
        }
    }
}
