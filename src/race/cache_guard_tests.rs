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
    /// Whether it is somebody else's, which nothing is removed from.
    is_somebodys: bool,
    /// Builds that were taken out of the history.
    forgotten: Mutex<Vec<String>>,
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
    fn cleanup(&self) -> Cleanup {
        if self.is_somebodys {
            Cleanup::Leave
        } else {
            Cleanup::Remove
        }
    }
    async fn cache_records(&self) -> Result<Vec<CacheRecord>, BuilderError> {
        let begun: Vec<_> = self.while_listing.lock().unwrap().drain(..).collect();
        self.history.lock().unwrap().extend(begun);
        Ok(self.records.lock().unwrap().clone())
    }
    async fn prune(&self, ids: &[String]) -> Result<Vec<String>, BuilderError> {
        assert!(!self.is_somebodys, "somebody else's cache was pruned");
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
    async fn forget(&self, references: &[String]) -> Result<(), BuilderError> {
        let mut history = self.history.lock().unwrap();
        history.retain(|build| !references.contains(&build.reference));
        self.forgotten.lock().unwrap().extend_from_slice(references);
        Ok(())
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
async fn a_record_that_was_in_use_is_known_by_its_other_id() {
    let at = |second| jiff::Timestamp::from_second(second).ok();
    let exec = |id: &str, created: i64, in_use: bool| CacheRecord {
        created: at(created),
        in_use,
        ..record(id, "mount / from exec go build")
    };
    let shelf = Shelf::default();
    let used = exec("immutable", 7, true);
    shelf.records.lock().unwrap().push(used);
    let guard = CacheGuard::set(&shelf, "buildrace-1-").await.unwrap();
    *shelf.records.lock().unwrap() = vec![exec("mutable", 5, false), exec("ours", 9, false)];
    guard.lift(&shelf, "buildrace-1-").await.unwrap();
    assert_eq!(shelf.ids(), ["mutable"]);

    let is_renamed = |record: CacheRecord| is_renamed(&record, &exec("used", 7, true));
    assert!(is_renamed(exec("older", 7, false)));
    let unknown = CacheRecord {
        created: None,
        ..exec("unknown", 5, false)
    };
    assert!(!is_renamed(unknown));
    let other = CacheRecord {
        parents: vec!["other".into()],
        ..exec("other", 5, false)
    };
    assert!(!is_renamed(other));
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
                ..Cleaned::default()
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

#[tokio::test]
async fn on_somebodys_builder_records_are_counted_and_stay() {
    let shelf = Shelf {
        is_somebodys: true,
        ..Shelf::default()
    };
    let prefix = "buildrace-1-";
    let guard = CacheGuard::set(&shelf, prefix).await.unwrap();
    let added = [
        record("a", ""),
        record("b", "cached mount with id \"buildrace-1-r1/go\""),
    ];
    shelf.records.lock().unwrap().extend(added);
    let cleaned = guard.lift(&shelf, prefix).await.unwrap();
    assert_eq!(
        (cleaned.stay, cleaned.removed),
        (
            Tally {
                records: 2,
                bytes: 2
            },
            0
        )
    );
    assert_eq!(shelf.ids(), ["a", "b"]);
    // Of those of a build beside ours nothing is claimed.
    shelf.history.lock().unwrap().push(build("someone", true));
    let cleaned = guard.lift(&shelf, prefix).await.unwrap();
    assert_eq!((cleaned.stay.records, cleaned.left_alone), (1, 1));
}

#[tokio::test]
async fn a_build_that_was_seen_counts_after_it_was_taken_out_of_the_history() {
    let shelf = Shelf::default();
    let mut guard = CacheGuard::set(&shelf, "buildrace-1-").await.unwrap();
    guard.saw_others();
    let layer = record("maybe theirs", "mount / from exec go build");
    shelf.records.lock().unwrap().push(layer);
    let cleaned = guard.lift(&shelf, "buildrace-1-").await.unwrap();
    assert_eq!((cleaned.removed, cleaned.left_alone), (0, 1));
    assert_eq!(shelf.ids(), ["maybe theirs"]);
}

#[tokio::test]
async fn a_run_takes_its_own_builds_out_of_the_history_and_no_other() {
    let shelf = Shelf::default();
    let builds = [
        build("someone", true),
        build("buildrace-1-a", true),
        build("buildrace-2-a", true),
        build("buildrace-1-b", false),
    ];
    shelf.history.lock().unwrap().extend(builds);
    tokio::time::pause();
    forget_builds(&shelf, "buildrace-1-").await.unwrap();
    assert_eq!(*shelf.forgotten.lock().unwrap(), ["buildrace-1-a"]);
    let left = shelf.history.lock().unwrap().clone();
    let left: Vec<&str> = left.iter().map(|b| b.reference.as_str()).collect();
    assert_eq!(left, ["someone", "buildrace-2-a", "buildrace-1-b"]);
}
