//! Runs sent and fetched, with a store in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use tempfile::TempDir;

use super::*;
use crate::model::{Event, RunEnd};
use crate::report::fixture::{self, ARTICLE};
use crate::store::calibration::{self, BuilderKey, Calibration};
use crate::store::{HeldRun, RunWriter, read_run};

const RUN: &str = "20261129T101500Z-3f9a1c";

/// A store, and machines that use it.
struct Fleet {
    objects: Arc<InMemory>,
    machines: TempDir,
}

impl Fleet {
    fn new() -> Self {
        Self {
            objects: Arc::new(InMemory::new()),
            machines: TempDir::new().unwrap(),
        }
    }

    fn machine(&self, name: &str) -> Cache {
        let url = BucketUrl::parse("s3://bucket/ci runs").unwrap();
        let bucket = Bucket::on(&url, Arc::clone(&self.objects) as _);
        Cache::new(bucket, &self.machines.path().join(name).join("results"))
    }

    fn path(key: &str) -> object_store::path::Path {
        object_store::path::Path::parse(format!("ci runs/{key}")).unwrap()
    }

    async fn text(&self, key: &str) -> String {
        let object = self.objects.get(&Self::path(key)).await.unwrap();
        String::from_utf8(object.bytes().await.unwrap().to_vec()).unwrap()
    }

    async fn put(&self, key: &str, text: String) {
        let (path, bytes) = (Self::path(key), text.into_bytes());
        self.objects.put(&path, bytes.into()).await.unwrap();
    }
}

/// Races a run on a machine; it ends, unless `end` is none.
fn race(machine: &Cache, run: &str, end: Option<RunEnd>) -> PathBuf {
    let (mut record, samples) = fixture::run(&ARTICLE, 1);
    run.clone_into(&mut record.run);
    let mut writer = RunWriter::create(machine.results(), &record).unwrap();
    for sample in samples {
        let mut trace = writer.trace_writer(&sample.slot.id).unwrap();
        trace.write(&Default::default()).unwrap();
        trace.finish().unwrap();
        let at = record.started;
        writer
            .append(&Event::SampleFinished { at, sample })
            .unwrap();
    }
    if let Some(end) = end {
        let at = record.started;
        writer.append(&Event::RunFinished { at, end }).unwrap();
    }
    writer.dir().to_owned()
}

/// Goes on with a run, and ends it.
fn resume(dir: &Path) {
    let held = HeldRun::hold(dir).unwrap();
    let record = held.stored.run.record.clone();
    let (at, run, end) = (record.started, record.run, RunEnd::Completed);
    let mut writer = held.into_writer().unwrap();
    writer.append(&Event::RunResumed { at, run }).unwrap();
    writer.append(&Event::RunFinished { at, end }).unwrap();
}

/// Files by name, with what they hold.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let files = local::files(dir).unwrap().into_iter();
    let read = |(name, _)| {
        let text = fs::read(dir.join(&name)).unwrap();
        (name, text)
    };
    files.map(read).collect()
}

#[tokio::test]
async fn what_one_machine_sends_another_reads_equal() {
    let fleet = Fleet::new();
    let (one, other) = (fleet.machine("one"), fleet.machine("other"));
    assert_eq!(other.newest().await.unwrap(), None);
    assert_eq!(other.fetch(RUN, Part::Whole).await.unwrap(), None);
    let dir = race(&one, RUN, Some(RunEnd::Completed));
    race(&one, "20261128T235959Z-ffffff", Some(RunEnd::Completed));
    for dir in one.unsent().await.unwrap() {
        let would = one.would_push(&dir).await.unwrap();
        assert_eq!(one.push(&dir).await.unwrap(), would);
        assert!(matches!(would, Sent::Files(11, _)), "{would:?}");
        assert_eq!(one.push(&dir).await.unwrap(), Sent::AlreadyThere);
    }
    assert_eq!(one.unsent().await.unwrap(), Vec::<PathBuf>::new());
    assert_eq!(other.newest().await.unwrap().as_deref(), Some(RUN));
    assert_eq!(
        other.runs().await.unwrap(),
        ["20261128T235959Z-ffffff", RUN]
    );

    // Without traces first, then all of it.
    let fetched = other.fetch(RUN, Part::Summary).await.unwrap().unwrap();
    assert_eq!(contents(&fetched).len(), 3);
    assert_eq!(read_run(&fetched).unwrap().run, read_run(&dir).unwrap().run);
    assert_eq!(
        other.fetch(RUN, Part::Whole).await.unwrap(),
        Some(fetched.clone())
    );
    assert_eq!(contents(&fetched), contents(&dir));
    // What was fetched in part is not sent as if it were all.
    assert_eq!(other.unsent().await.unwrap(), Vec::<PathBuf>::new());

    let (_, entry) = other.entries().await.unwrap().remove(1);
    let entry = entry.unwrap();
    let scenario = &entry.scenarios[0];
    assert_eq!((entry.samples, entry.end), (8, Some(RunEnd::Completed)));
    assert_eq!(scenario.medians.len(), 8);
    assert_eq!(scenario.medians[0].seconds, 5.31);
    // Nothing but the folder of the results is left.
    let hidden = fs::read_dir(other.results()).unwrap().flatten();
    let names: Vec<_> = hidden.map(|entry| entry.file_name()).collect();
    assert_eq!(names, [RUN]);
}

#[tokio::test]
async fn a_run_that_was_sent_by_half_is_not_seen_and_is_mended() {
    let fleet = Fleet::new();
    let (one, other) = (fleet.machine("one"), fleet.machine("other"));
    let dir = race(&one, RUN, Some(RunEnd::Completed));
    one.push(&dir).await.unwrap();
    // As if the sender had died before its last two requests.
    let (entry, trace) = (
        listing::entry(RUN),
        listing::file(RUN, 0, "traces/r1-01.rawjson.gz"),
    );
    for key in [&entry, &trace] {
        fleet.objects.delete(&Fleet::path(key)).await.unwrap();
    }
    assert_eq!(other.runs().await.unwrap(), Vec::<String>::new());
    assert_eq!(other.fetch(RUN, Part::Whole).await.unwrap(), None);
    assert_eq!(one.unsent().await.unwrap(), std::slice::from_ref(&dir));
    one.push(&dir).await.unwrap();
    let fetched = other.fetch(RUN, Part::Whole).await.unwrap().unwrap();
    assert_eq!(contents(&fetched), contents(&dir));
}

#[tokio::test]
async fn a_resumed_run_takes_the_place_of_the_earlier_state_in_one_step() {
    let fleet = Fleet::new();
    let (one, other) = (fleet.machine("one"), fleet.machine("other"));
    let dir = race(&one, RUN, Some(RunEnd::Interrupted));
    one.push(&dir).await.unwrap();
    let earlier = fleet.text(&listing::entry(RUN)).await;
    let fetched = other.fetch(RUN, Part::Whole).await.unwrap().unwrap();
    let before = contents(&fetched);
    resume(&dir);
    assert_eq!(one.unsent().await.unwrap(), std::slice::from_ref(&dir));
    one.push(&dir).await.unwrap();
    let later = fleet.text(&listing::entry(RUN)).await;

    // By the earlier entry the earlier files are read, as long as it is there.
    fleet.put(&listing::entry(RUN), earlier).await;
    let third = fleet
        .machine("third")
        .fetch(RUN, Part::Whole)
        .await
        .unwrap();
    assert_eq!(contents(&third.unwrap()), before);
    fleet.put(&listing::entry(RUN), later).await;
    other.fetch(RUN, Part::Whole).await.unwrap().unwrap();
    assert_eq!(contents(&fetched), contents(&dir));

    // An earlier state that somebody still has changes nothing.
    let old = race(&fleet.machine("fourth"), RUN, Some(RunEnd::Interrupted));
    let sent = fleet.machine("fourth").push(&old).await.unwrap();
    assert_eq!(sent, Sent::AlreadyThere);
}

#[tokio::test]
async fn what_comes_to_a_run_is_added_and_another_run_is_refused() {
    let fleet = Fleet::new();
    let (one, other) = (fleet.machine("one"), fleet.machine("other"));
    let dir = race(&one, RUN, Some(RunEnd::Completed));
    one.push(&dir).await.unwrap();
    other.fetch(RUN, Part::Whole).await.unwrap();
    crate::store::write_check(&dir, &serde_json::json!({"outcome": "passed"})).unwrap();
    assert!(matches!(one.push(&dir).await.unwrap(), Sent::Files(1, _)));
    let fetched = other.fetch(RUN, Part::Whole).await.unwrap().unwrap();
    assert_eq!(contents(&fetched), contents(&dir));

    let another = race(&fleet.machine("third"), RUN, Some(RunEnd::Aborted));
    let error = fleet.machine("third").push(&another).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has another run 20261129T101500Z-3f9a1c: events.jsonl differs"),
        "{error}"
    );
}

#[tokio::test]
async fn a_run_that_goes_on_is_not_sent() {
    let fleet = Fleet::new();
    let one = fleet.machine("one");
    let dir = race(&one, RUN, Some(RunEnd::Interrupted));
    let held = HeldRun::hold(&dir).unwrap();
    assert_eq!(one.unsent().await.unwrap(), Vec::<PathBuf>::new());
    let error = one.push(&dir).await.unwrap_err().to_string();
    assert!(error.contains("is being written"), "{error}");
    drop(held);
    one.push(&dir).await.unwrap();
}

#[tokio::test]
async fn what_others_put_there_is_not_trusted() {
    let fleet = Fleet::new();
    let (one, other) = (fleet.machine("one"), fleet.machine("other"));
    let dir = race(&one, RUN, Some(RunEnd::Completed));
    one.push(&dir).await.unwrap();
    let entry = listing::entry(RUN);
    let good = fleet.text(&entry).await;
    for (from, to, told) in [
        (
            "traces/r1-01.rawjson.gz",
            "traces/../../x.rawjson.gz",
            "no file of a run",
        ),
        ("\"samples.csv\"", "\"/etc/passwd\"", "no file of a run"),
        ("\"samples.csv\"", "\"run.json\"", "there twice"),
        ("\"run\": \"2026", "\"run\": \"2027", "another run"),
        (
            "\"schema\": 1",
            "\"schema\": 2",
            "later buildrace (version 2)",
        ),
        ("{", "[", "damaged"),
    ] {
        assert!(good.contains(from));
        fleet.put(&entry, good.replacen(from, to, 1)).await;
        let error = other.fetch(RUN, Part::Whole).await.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        // It hides no other run, and is named.
        let (run, fetched) = other.fetch_all(Part::Summary).await.unwrap().remove(0);
        assert_eq!((run.as_str(), fetched.is_err()), (RUN, true));
    }
    fleet.put(&entry, good).await;
    let events = listing::file(RUN, 0, "events.jsonl");
    let text = fleet.text(&events).await;
    fleet.put(&events, text.replacen("5.31", "1.31", 1)).await;
    let error = other.fetch(RUN, Part::Whole).await.unwrap_err().to_string();
    assert!(
        error.contains("runs/20261129T101500Z-3f9a1c/events.jsonl is damaged: its digest"),
        "{error}"
    );
    assert_eq!(fs::read_dir(other.results()).unwrap().count(), 0);
}

#[tokio::test]
async fn noise_floors_are_everybodys() {
    let fleet = Fleet::new();
    let (one, other) = (fleet.machine("one"), fleet.machine("other"));
    let record = fixture::record(&["naive"], 1);
    let floor = |run: &str, share| Calibration {
        at: record.started,
        run: run.to_owned(),
        builder: BuilderKey::of(&record),
        scenario: "go-hello".into(),
        kind: crate::model::BuildKind::Cold,
        rounds: 12,
        dockerfile: None,
        confidence: Some(0.95),
        share,
    };
    for (machine, run, share) in [(&one, "a", 0.02), (&other, "b", 0.03)] {
        fs::create_dir_all(machine.results()).unwrap();
        calibration::append(machine.results(), &[floor(run, share)]).unwrap();
        assert_eq!(machine.push_calibrations().await.unwrap(), 1);
        assert_eq!(machine.push_calibrations().await.unwrap(), 0);
    }
    one.fetch_calibrations().await.unwrap();
    one.fetch_calibrations().await.unwrap();
    let known = calibration::read(one.results()).unwrap();
    assert_eq!(known, [floor("a", 0.02), floor("b", 0.03)]);
}
