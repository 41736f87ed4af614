//! What a run left in the builder's cache when it was cut off, and nobody took
//! away: found again when it goes on.

use jiff::Timestamp;

use super::cache::{ANSWER_LIMIT, Cleaned, PRUNE_LIMIT, RETRIES, RETRY_AFTER, in_time};
use crate::builder::{Builder, BuilderError};
use crate::buildkit::{BuildWindow, CacheRecord};

/// Removes the records of which it is certain that builds of this run made
/// them: those that carry its cache-mount namespace, and those that appeared
/// while one of its builds ran and no other did.
pub async fn remove(builder: &dyn Builder, own_prefix: &str) -> Result<Cleaned, BuilderError> {
    let mut cleaned = Cleaned::default();
    for attempt in 0..=RETRIES {
        if attempt > 0 {
            tokio::time::sleep(RETRY_AFTER).await;
        }
        // In this order: whoever made one of these records has begun by the
        // time that the history is read.
        let records = in_time(ANSWER_LIMIT, builder.cache_records()).await?;
        let history = in_time(ANSWER_LIMIT, builder.history()).await?;
        let (own, others): (Vec<_>, Vec<_>) = history
            .iter()
            .partition(|build| build.reference.starts_with(own_prefix));
        // A build whose client was killed ends a moment after it.
        let is_ending = own.iter().any(|build| build.completed.is_none());
        let left = records
            .iter()
            .filter(|record| is_own(record, own_prefix, &own, &others));
        cleaned.kept = left.map(|record| record.id.clone()).collect();
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
    Ok(cleaned)
}

fn is_own(
    record: &CacheRecord,
    own_prefix: &str,
    own: &[&BuildWindow],
    others: &[&BuildWindow],
) -> bool {
    if record.description.contains(own_prefix) {
        return true;
    }
    let Some(created) = record.created else {
        return false;
    };
    let in_own = own.iter().any(|build| {
        build.started.is_some_and(|started| started <= created)
            && build.completed.is_some_and(|ended| created <= ended)
    });
    in_own && !others.iter().any(|build| may_have_run_at(build, created))
}

/// What is not known of somebody else's build speaks for it.
fn may_have_run_at(build: &BuildWindow, at: Timestamp) -> bool {
    build.started.is_none_or(|started| started <= at)
        && build.completed.is_none_or(|ended| at <= ended)
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
        let is_ours = |record: &CacheRecord, others: &[&BuildWindow]| {
            is_own(record, "buildrace-1-", &[&own], others)
        };
        let layer = record("mount / from exec go build", Some(15));
        assert!(is_ours(&layer, &[]));
        assert!(is_ours(&layer, &[&build(Some(16), Some(18))]));
        assert!(is_ours(&layer, &[&build(Some(1), Some(14))]));
        for beside in [
            build(Some(12), Some(18)),
            build(Some(12), None),
            build(None, Some(18)),
            build(None, None),
        ] {
            assert!(!is_ours(&layer, &[&beside]), "{beside:?}");
            let mount = record("cached mount with id \"buildrace-1-r1/go\"", None);
            assert!(is_ours(&mount, &[&beside]));
        }
        for created in [Some(9), Some(21), None] {
            assert!(!is_ours(&record("mount / from exec", created), &[]));
        }
    }
}
