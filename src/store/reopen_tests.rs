//! Runs that were cut off, taken up again.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::model::{Event, Outcome, RunRecord, Sample};
use crate::report::fixture::{self, ARTICLE};
use crate::trace::SolveStatus;

fn finished(sample: &Sample) -> Event {
    Event::SampleFinished {
        at: Timestamp::UNIX_EPOCH,
        sample: sample.clone(),
    }
}

fn resumed(record: &RunRecord) -> Event {
    Event::RunResumed {
        at: Timestamp::UNIX_EPOCH,
        run: record.run.clone(),
    }
}

/// A run of which the first samples are there.
fn cut_off(count: usize) -> (TempDir, PathBuf, RunRecord, Vec<Sample>) {
    let (record, samples) = fixture::run(&ARTICLE, 1);
    let root = TempDir::new().unwrap();
    let mut writer = RunWriter::create(root.path(), &record).unwrap();
    for sample in &samples[..count] {
        writer.append(&finished(sample)).unwrap();
    }
    let dir = writer.dir().to_owned();
    (root, dir, record, samples)
}

#[test]
fn two_cannot_write_one_run() {
    let (record, _) = fixture::run(&ARTICLE, 1);
    let root = TempDir::new().unwrap();
    let writer = RunWriter::create(root.path(), &record).unwrap();
    let dir = writer.dir().to_owned();
    let busy = |error: StoreError| matches!(error, StoreError::Busy(path) if path == dir);
    assert!(busy(HeldRun::hold(&dir).unwrap_err()));
    drop(writer);
    let held = HeldRun::hold(&dir).unwrap();
    assert!(busy(HeldRun::hold(&dir).unwrap_err()));
    let writer = held.into_writer().unwrap();
    assert!(busy(HeldRun::hold(&dir).unwrap_err()));
    drop(writer);
    HeldRun::hold(&dir).unwrap();
}

#[test]
fn a_line_that_was_cut_off_goes_before_others_are_added() {
    let (_root, dir, record, samples) = cut_off(3);
    let events = dir.join(EVENTS_FILE);
    let whole = fs::read_to_string(&events).unwrap();
    fs::write(&events, &whole[..whole.len() - 40]).unwrap();
    let held = HeldRun::hold(&dir).unwrap();
    assert_eq!(held.finished(), samples[..2]);
    let mut writer = held.into_writer().unwrap();
    writer.append(&resumed(&record)).unwrap();
    writer.append(&finished(&samples[2])).unwrap();
    drop(writer);
    let run = read_run(&dir).unwrap();
    assert_eq!(run.run.samples, samples[..3]);
    assert_eq!(run.run.warnings, Vec::<String>::new());
    let rows = fs::read_to_string(dir.join(SAMPLES_FILE)).unwrap();
    assert_eq!(rows.lines().count(), 4, "{rows}");
}

#[test]
fn a_line_that_lacks_its_end_alone_is_kept() {
    let (_root, dir, record, samples) = cut_off(3);
    let events = dir.join(EVENTS_FILE);
    let whole = fs::read_to_string(&events).unwrap();
    fs::write(&events, whole.trim_end()).unwrap();
    let held = HeldRun::hold(&dir).unwrap();
    assert_eq!(held.finished(), samples[..3]);
    held.into_writer()
        .unwrap()
        .append(&resumed(&record))
        .unwrap();
    assert_eq!(read_run(&dir).unwrap().run.samples, samples[..3]);
}

#[test]
fn holding_a_run_changes_nothing() {
    let (_root, dir, ..) = cut_off(3);
    let events = dir.join(EVENTS_FILE);
    let text = fs::read_to_string(&events).unwrap() + "{\"event\"";
    fs::write(&events, &text).unwrap();
    fs::write(dir.join(SAMPLES_FILE), "").unwrap();
    drop(HeldRun::hold(&dir).unwrap());
    assert_eq!(fs::read_to_string(&events).unwrap(), text);
    assert_eq!(fs::read_to_string(dir.join(SAMPLES_FILE)).unwrap(), "");
}

#[test]
fn only_a_sample_that_says_nothing_of_its_build_may_come_again() {
    for (outcome, comes_again) in [
        (Outcome::Interrupted, true),
        (Outcome::Failed, false),
        (Outcome::LostBuilder, true),
        (Outcome::Ok, false),
    ] {
        let (_root, dir, record, samples) = cut_off(2);
        let mut third = samples[2].clone();
        if outcome != Outcome::Ok {
            fixture::fail(&mut third, outcome);
        }
        let mut writer = HeldRun::hold(&dir).unwrap().into_writer().unwrap();
        writer.append(&finished(&third)).unwrap();
        drop(writer);
        let mut writer = HeldRun::hold(&dir).unwrap().into_writer().unwrap();
        writer.append(&resumed(&record)).unwrap();
        writer.append(&finished(&samples[2])).unwrap();
        drop(writer);
        match read_run(&dir) {
            Ok(run) => {
                assert!(comes_again, "{outcome}");
                assert_eq!(run.run.samples, samples[..3]);
            }
            Err(error) => {
                assert!(!comes_again, "{outcome}");
                assert!(error.to_string().contains("is there twice"), "{error}");
            }
        }
    }
}

#[test]
fn a_trace_of_a_build_that_did_not_end_is_replaced_and_no_other() {
    let (_root, dir, _, samples) = cut_off(2);
    let trace = |at: usize| trace_path(&dir, &samples[at].slot.id).unwrap();
    fs::write(trace(1), "kept").unwrap();
    fs::write(trace(2), "half").unwrap();
    let writer = HeldRun::hold(&dir).unwrap().into_writer().unwrap();
    assert!(writer.trace_writer(&samples[1].slot.id).is_err());
    let mut third = writer.trace_writer(&samples[2].slot.id).unwrap();
    third.write(&SolveStatus::default()).unwrap();
    third.finish().unwrap();
    assert_eq!(fs::read_to_string(trace(1)).unwrap(), "kept");
    assert_eq!(read_trace(&dir, &samples[2].slot.id).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_file_is_not_followed() {
    let (root, dir, _, samples) = cut_off(1);
    let target = root.path().join("precious");
    fs::write(&target, "precious").unwrap();
    let link = |path: PathBuf| {
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink(&target, path).unwrap();
    };
    link(dir.join("samples.new"));
    link(trace_path(&dir, &samples[1].slot.id).unwrap());
    let writer = HeldRun::hold(&dir).unwrap().into_writer().unwrap();
    writer.trace_writer(&samples[1].slot.id).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
}
