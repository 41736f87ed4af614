//! Runs written, damaged and read back.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::model::{Event, Outcome, RunEnd, RunRecord, Sample};
use crate::report::fixture::{self, ARTICLE};
use crate::scenario::ScenarioError;
use crate::trace::SolveStatus;
use crate::trace::rawjson::{self, Tail};
use crate::trace::status::{Vertex, VertexLog};

fn at() -> Timestamp {
    "2026-11-23T20:45:00Z".parse().unwrap()
}

fn finished(sample: &Sample) -> Event {
    Event::SampleFinished {
        at: at(),
        sample: sample.clone(),
    }
}

/// A stored run of one round; its folder goes with the first.
fn stored() -> (TempDir, PathBuf, RunRecord, Vec<Sample>) {
    let (record, mut samples) = fixture::run(&ARTICLE, 1);
    fixture::fail(&mut samples[3], Outcome::Failed);
    let root = TempDir::new().unwrap();
    let mut writer = RunWriter::create(&root.path().join("a/results"), &record).unwrap();
    writer
        .append(&Event::RunStarted {
            at: at(),
            run: record.run.clone(),
        })
        .unwrap();
    for sample in &samples {
        writer
            .append(&Event::SampleStarted {
                at: at(),
                sample: sample.slot.id.clone(),
            })
            .unwrap();
        writer.append(&finished(sample)).unwrap();
    }
    writer
        .append(&Event::Warning {
            at: at(),
            message: "steal was high".into(),
        })
        .unwrap();
    writer
        .append(&Event::RunFinished {
            at: at(),
            end: RunEnd::Completed,
        })
        .unwrap();
    let dir = writer.dir().to_owned();
    (root, dir, record, samples)
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(text)).unwrap();
}

fn error(dir: &Path) -> String {
    let error = read_run(dir).unwrap_err().to_string();
    error.replace(&format!("{}/", dir.display()), "")
}

#[test]
fn what_is_written_is_read() {
    let (_root, dir, record, samples) = stored();
    let run = read_run(&dir).unwrap();
    assert_eq!(run.run.record, record);
    assert_eq!(run.run.samples, samples);
    assert_eq!(run.run.end, Some(RunEnd::Completed));
    assert_eq!(run.run.warnings, ["steal was high"]);
}

#[test]
fn of_many_runs_a_broken_one_is_named_and_hides_no_other() {
    let root = TempDir::new().unwrap();
    let (mut record, samples) = fixture::run(&ARTICLE, 1);
    let mut dirs = Vec::new();
    for number in 0..50 {
        record.run = format!("run-{number:02}");
        let mut writer = RunWriter::create(root.path(), &record).unwrap();
        for sample in samples.iter().take(number % 9) {
            writer.append(&finished(sample)).unwrap();
        }
        dirs.push(writer.dir().to_owned());
    }
    edit(&dirs[7].join(EVENTS_FILE), |text| {
        text.replacen('{', "[", 1)
    });
    fs::remove_file(dirs[40].join(EVENTS_FILE)).unwrap();
    assert_eq!(runs(root.path()), dirs);
    let read = read_runs(&dirs, |stored| (stored.dir, stored.run.samples.len()));
    for (number, (dir, read)) in dirs.into_iter().zip(read).enumerate() {
        match number {
            7 | 40 => {
                let error = read.unwrap_err().to_string();
                assert!(
                    error.contains(&format!("run-{number:02}/events.jsonl")),
                    "{error}"
                );
            }
            _ => assert_eq!(read.unwrap(), (dir, number % 9)),
        }
    }
}

#[test]
fn samples_csv_has_a_row_a_sample() {
    let (_root, dir, ..) = stored();
    let text = fs::read_to_string(dir.join(SAMPLES_FILE)).unwrap();
    let mut lines = text.lines();
    let columns = lines.next().unwrap();
    assert!(columns.starts_with(
        "run,scenario,variant,kind,round,position,platforms,outcome,wall_seconds,server_seconds,steps,cached_steps,"
    ));
    assert!(lines.next().unwrap().starts_with(
        "20261123T204500Z-3f9a1c,go-hello,naive,cold,1,1,linux/amd64,ok,5.310000,5.097600,8,0,r1-01,1234,0.9300,0.0120,"
    ));
    assert!(
        lines
            .nth(2)
            .unwrap()
            .contains(",noop,1,4,linux/amd64 linux/arm64,failed,")
    );
    assert_eq!(text.lines().count(), 9);
}

#[test]
fn a_spreadsheet_gets_no_formula_and_no_control_character() {
    let (record, mut samples) = fixture::run(&ARTICLE, 1);
    fixture::fail(&mut samples[0], Outcome::Failed);
    let failure = samples[0].failure.as_mut().unwrap();
    failure.step = Some("=HYPERLINK(\"http://evil.example\")\n\u{1b}[2J".into());
    failure.message = "@SUM(1)".into();
    let row = csv::row(&record.run, &samples[0]);
    let line = csv::line(&row);
    assert_eq!(line.matches('\n').count(), 1);
    assert!(
        line.ends_with(
            ",\"'=HYPERLINK(\"\"http://evil.example\"\")\\n\\x1b[2J\",2,'@SUM(1),,,,,\n"
        )
    );
}

#[test]
fn results_are_never_overwritten() {
    let (root, dir, record, _) = stored();
    let before = fs::read(dir.join(EVENTS_FILE)).unwrap();
    let error = RunWriter::create(&root.path().join("a/results"), &record).unwrap_err();
    assert!(matches!(error, StoreError::Exists(path) if path == dir));
    assert_eq!(fs::read(dir.join(EVENTS_FILE)).unwrap(), before);
}

#[test]
fn a_folder_that_cannot_be_made_leaves_nothing() {
    let (record, _) = fixture::run(&ARTICLE, 1);
    let root = TempDir::new().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let error = RunWriter::create(&file.join("results"), &record).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("/file/results:") && message.contains("--results"),
        "{message}"
    );

    // The folder's own name is taken by something that cannot be written into.
    let results = root.path().join("new/results");
    fs::create_dir_all(&results).unwrap();
    fs::write(results.join(format!(".{}.new", record.run)), "").unwrap();
    RunWriter::create(&results, &record).unwrap_err();
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    assert!(!results.join(&record.run).exists());
}

#[test]
fn a_record_with_a_name_that_leads_elsewhere_is_refused() {
    let root = TempDir::new().unwrap();
    for name in [
        "../escape",
        "a/b",
        "",
        ".hidden",
        "-flag",
        "a\nb",
        &"x".repeat(201),
    ] {
        let (mut record, _) = fixture::run(&ARTICLE, 1);
        record.run = name.into();
        assert!(RunWriter::create(root.path(), &record).is_err(), "{name:?}");
        let (mut record, _) = fixture::run(&ARTICLE, 1);
        record.plan[0].id = name.into();
        assert!(RunWriter::create(root.path(), &record).is_err(), "{name:?}");
    }
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn a_full_disk_is_named_with_the_file() {
    let error = StoreError::Write {
        path: "results/x/events.jsonl".into(),
        error: io::Error::from_raw_os_error(28),
    };
    assert!(error.is_disk_full());
    let message = error.to_string();
    assert!(message.starts_with("cannot write results/x/events.jsonl: No space left on device"));
    assert!(message.contains("free some space"), "{message}");
    assert!(!message.contains('\n'));
}

/// `{:#}` joins an error with its sources: a cause that is in the text and a
/// source too would be told twice.
#[test]
fn a_cause_is_told_once() {
    let cause = || io::Error::other("the cable is loose");
    let path = Path::new("x");
    let errors = [
        anyhow::Error::from(StoreError::write(path)(cause())),
        anyhow::Error::from(StoreError::read(path)(cause())),
        anyhow::Error::from(ScenarioError::Io {
            action: "copy",
            path: path.to_owned(),
            error: cause(),
        }),
        anyhow::Error::from(rawjson::RawJsonError::Io {
            value: 1,
            error: cause(),
        }),
    ];
    for error in errors {
        let told = format!("{error:#}");
        assert_eq!(told.matches("the cable is loose").count(), 1, "{told}");
    }
}

#[test]
fn a_last_line_that_was_cut_off_is_left_out() {
    let (_root, dir, _, samples) = stored();
    let path = dir.join(EVENTS_FILE);
    edit(&path, |text| {
        let whole: Vec<&str> = text.lines().collect();
        // Up to within the last sample's line.
        format!("{}\n{}", whole[..16].join("\n"), &whole[16][..40])
    });
    let run = read_run(&dir).unwrap();
    assert_eq!(run.run.samples, samples[..7]);
    assert_eq!(run.run.end, None);
    assert_eq!(run.run.warnings.len(), 1);
    assert!(
        run.run.warnings[0].starts_with("events.jsonl:17 was cut off"),
        "{:?}",
        run.run.warnings
    );
}

#[test]
fn anything_else_malformed_is_an_error_with_file_and_line() {
    type Change = fn(String) -> String;
    let cases: [(&str, Change, &str); 8] = [
        (
            EVENTS_FILE,
            |text| text.replacen("{\"event\":\"sample-started\"", "\u{1b}[31m", 1),
            "events.jsonl:2: expected value; the file was changed or damaged",
        ),
        (
            EVENTS_FILE,
            |text| {
                text.replacen(
                    "\"sample\":{\"id\":\"r1-02\"",
                    "\"sample\":{\"id\":\"../r1-02\"",
                    1,
                )
            },
            "events.jsonl:5: sample \"../r1-02\" is not in the plan of run.json; the file was changed or damaged",
        ),
        (
            EVENTS_FILE,
            |text| text.replacen("\"position\":2,", "\"position\":3,", 1),
            "events.jsonl:5: sample \"r1-02\" is not what the plan of run.json says of it; the file was changed or damaged",
        ),
        (
            EVENTS_FILE,
            |text| text.replacen("\"id\":\"r1-02\"", "\"id\":\"r1-03\"", 1),
            "events.jsonl:5: sample \"r1-03\" is not what the plan of run.json says of it; the file was changed or damaged",
        ),
        (
            EVENTS_FILE,
            |text| {
                let third = text.lines().nth(2).unwrap().to_owned();
                format!("{text}{third}\n")
            },
            "events.jsonl:20: sample \"r1-01\" is there twice; the file was changed or damaged",
        ),
        (
            EVENTS_FILE,
            |text| text.replacen("20261123T204500Z-3f9a1c", "other", 1),
            "events.jsonl:1: it is of run \"other\", and run.json of \"20261123T204500Z-3f9a1c\"; the file was changed or damaged",
        ),
        (
            RUN_FILE,
            |text| text.replacen("\"seed\": 42", "\"seed\": -1", 1),
            "run.json:12: invalid value: integer `-1`, expected u64; the file was changed or damaged",
        ),
        (
            RUN_FILE,
            |text| text.replacen("\"r1-02\"", "\"../../etc/passwd\"", 1),
            "run.json:1: \"../../etc/passwd\" cannot name a file of results: letters, digits, '.', '_' and '-' only, 128 at most, not beginning with '.' or '-'; the file was changed or damaged",
        ),
    ];
    for (file, change, expected) in cases {
        let (_root, dir, ..) = stored();
        edit(&dir.join(file), change);
        assert_eq!(error(&dir), expected);
    }
}

#[test]
fn files_of_a_later_version_are_refused_whatever_else_they_hold() {
    let (_root, dir, ..) = stored();
    fs::write(dir.join(RUN_FILE), "{\"schema\": 7, \"run\": [1]}").unwrap();
    let message = error(&dir);
    assert!(
        message.starts_with("run.json has version 7 of the result files"),
        "{message}"
    );
}

#[test]
fn a_folder_that_is_no_run_says_so() {
    let root = TempDir::new().unwrap();
    let message = error(root.path());
    assert!(
        message.starts_with("cannot read run.json: No such file"),
        "{message}"
    );
}

fn statuses(count: usize) -> Vec<SolveStatus> {
    let status = |n: usize| SolveStatus {
        vertexes: vec![Vertex {
            digest: format!("sha256:{n}"),
            name: format!("[linux/arm64 build {n}/{count}] RUN step {n}"),
            ..Vertex::default()
        }],
        logs: vec![VertexLog {
            vertex: format!("sha256:{n}"),
            data: vec![b'x'; 300],
            ..VertexLog::default()
        }],
        ..SolveStatus::default()
    };
    (1..=count).map(status).collect()
}

fn read_all(mut reader: rawjson::Reader<impl Read>) -> (Vec<SolveStatus>, Option<Tail>) {
    let read = reader.by_ref().map(Result::unwrap).collect();
    (read, reader.tail().cloned())
}

#[test]
fn a_trace_is_read_back_and_up_to_where_it_was_cut() {
    let (record, _) = fixture::run(&ARTICLE, 1);
    let root = TempDir::new().unwrap();
    let writer = RunWriter::create(root.path(), &record).unwrap();
    let statuses = statuses(40);
    let mut trace = writer.trace_writer("r1-01").unwrap();
    let path = trace.path().to_owned();
    for status in &statuses[..30] {
        trace.write(status).unwrap();
    }
    trace.flush().unwrap();
    let flushed = fs::metadata(&path).unwrap().len();
    for status in &statuses[30..] {
        trace.write(status).unwrap();
    }
    trace.finish().unwrap();
    let read = || read_all(read_trace(writer.dir(), "r1-01").unwrap());
    assert_eq!(read(), (statuses.clone(), Some(Tail::Whole)));

    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(flushed).unwrap();
    assert_eq!(read(), (statuses[..30].to_vec(), Some(Tail::CutOff)));

    assert!(matches!(
        writer.trace_writer("../x"),
        Err(StoreError::Name(_))
    ));
    assert!(matches!(
        read_trace(writer.dir(), "../x"),
        Err(StoreError::Name(_))
    ));
}

#[cfg(target_os = "linux")]
#[test]
fn a_trace_that_the_disk_does_not_take_is_an_error() {
    let mut trace = trace::TraceWriter::create_on(fs::File::create("/dev/full").unwrap());
    let mut status = SolveStatus::default();
    // Too much and too random for any buffer.
    let noise = (0u32..200_000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes());
    status.logs.push(VertexLog {
        data: noise.collect(),
        ..VertexLog::default()
    });
    let error = trace.write(&status).unwrap_err();
    assert!(error.is_disk_full(), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Wherever a crash cuts the events, what was finished before is read.
    #[test]
    fn events_cut_anywhere_are_read(cut: prop::sample::Index) {
        let (_root, dir, _, samples) = stored();
        let path = dir.join(EVENTS_FILE);
        let length = fs::metadata(&path).unwrap().len() as usize;
        let at = cut.index(length + 1);
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(at as u64).unwrap();
        let run = read_run(&dir).unwrap();
        prop_assert_eq!(&run.run.samples[..], &samples[..run.run.samples.len()]);
        if at == length {
            prop_assert_eq!(run.run.samples.len(), samples.len());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, events in any::<bool>()) {
        let (_root, dir, ..) = stored();
        fs::write(dir.join(if events { EVENTS_FILE } else { RUN_FILE }), bytes).unwrap();
        let _ = read_run(&dir);
    }
}
