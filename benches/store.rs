//! Reading results back: what `list` and `report` do with every run, what a run's page takes, and
//! what a summary and a site of a thousand runs take, in time and memory.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use buildrace::model::{
    BuildKind, BuilderInfo, Event, HostInfo, HostUse, Outcome, Platform, RunEnd, RunRecord,
    SCHEMA_VERSION, Sample, ScenarioInfo, Slot, VariantInfo,
};
use buildrace::ops::{self, site};
use buildrace::report::chart::{Theme, headline};
use buildrace::report::{self, View};
use buildrace::store::{EVENTS_FILE, RUN_FILE, RunWriter, read_run, read_runs, runs};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group};
use jiff::Timestamp;

const ROUNDS: u32 = 125;
const SAMPLES: u64 = 1000;

/// Runs of many, and rounds of each: 104,000 samples.
const RUNS: usize = 1000;
/// The same where nothing is measured, as in a test.
const RUNS_TRIED: usize = 3;
const ROUNDS_OF_MANY: u32 = 13;

/// Names a folder of runs for a process that does one thing with all of them and
/// says what that took.
const FOLDER: &str = "BUILDRACE_BENCH_FOLDER";
/// What it does.
const WORK: &str = "BUILDRACE_BENCH_WORK";
type Work = fn(&[PathBuf]) -> usize;
/// Each with its name.
const WORKS: [(&str, Work); 2] = [
    ("summary", |dirs| summarise(dirs).len()),
    ("site without the runs' own pages", |dirs| {
        site::files(&site::read(dirs)).len()
    }),
];

/// A published run of 45 samples with their traces.
const PUBLISHED: &str = "results/20261124T190908Z-7003f2";

fn record(rounds: u32) -> RunRecord {
    let platforms = vec![Platform::linux("amd64"), Platform::linux("arm64")];
    let variants = ["naive", "cross"];
    let slots = (1..=rounds).flat_map(|round| {
        let kinds = variants
            .into_iter()
            .flat_map(|variant| BuildKind::STANDARD.map(|kind| (variant, kind)));
        (1..)
            .zip(kinds)
            .map(move |(position, (variant, kind))| Slot {
                id: format!("r{round}-{position:02}-hello-{variant}-{kind}"),
                scenario: "hello".into(),
                variant: variant.into(),
                kind,
                round,
                position,
            })
    });
    RunRecord {
        schema: SCHEMA_VERSION,
        run: "20261123T204500Z-3f9a1c".into(),
        buildrace: "0.1.0".into(),
        started: at(),
        command: Default::default(),
        commit: None,
        suite: None,
        export: None,
        ci_caches: vec![],
        left_out: Vec::new(),
        seed: 1,
        rounds,
        rules: Default::default(),
        timeout_seconds: 1800.0,
        scenarios: vec![ScenarioInfo {
            name: "hello".into(),
            title: "Hello".into(),
            digest: "a".repeat(64),
            sources_digest: "b".repeat(64),
            sources_from: None,
            reference: "naive".into(),
            platforms: platforms.clone(),
            native: platforms[0].clone(),
            variants: variants
                .iter()
                .map(|variant| VariantInfo {
                    name: variant.to_string(),
                    dockerfile: format!("{variant}.Dockerfile"),
                    digest: "c".repeat(64),
                    revision: None,
                    sources_digest: None,
                    builder: None,
                    emulators: None,
                    bake: None,
                })
                .collect(),
            kinds: BuildKind::STANDARD.to_vec(),
            built_once: vec![],
            edit: None,
            edits: Default::default(),
            gate: None,
        }],
        plan: slots.collect(),
        builder: BuilderInfo {
            driver: "docker".into(),
            found_by: "private engine".into(),
            engine_version: None,
            buildkit_version: None,
            storage: None,
            platforms,
            ..BuilderInfo::default()
        },
        host: HostInfo::default(),
        emulators: Vec::new(),
        base_images: Vec::new(),
    }
}

fn at() -> Timestamp {
    "2026-11-23T20:45:00Z".parse().expect("a time")
}

fn sample(slot: &Slot) -> Sample {
    Sample {
        slot: slot.clone(),
        platforms: vec![Platform::linux("amd64"), Platform::linux("arm64")],
        outcome: Outcome::Ok,
        wall: Duration::from_millis(u64::from(slot.round * 37 + slot.position)),
        server: Some(Duration::from_millis(7)),
        steps: 9,
        cached_steps: 3,
        context_bytes: 123_456,
        parts: vec![],
        image_bytes: None,
        output_checked: false,
        disturbances: Vec::new(),
        host: HostUse {
            cpu_busy: Some(0.9),
            cpu_steal: Some(0.01),
            load_before: Some(1.0),
            load_after: Some(2.0),
            ..HostUse::default()
        },
        failure: None,
    }
}

fn write(root: &Path, record: &RunRecord) -> RunWriter {
    let mut writer = RunWriter::create(root, record).expect("a writable folder");
    let mut append = |event| writer.append(&event).expect("room on the disk");
    for slot in &record.plan {
        append(Event::SampleStarted {
            at: at(),
            sample: slot.id.clone(),
        });
        append(Event::SampleFinished {
            at: at(),
            sample: sample(slot),
        });
    }
    append(Event::RunFinished {
        at: at(),
        end: RunEnd::Completed,
    });
    writer
}

fn benches(criterion: &mut Criterion) {
    let root = tempfile::tempdir().expect("a temporary folder");
    let record = record(ROUNDS);
    let writer = write(root.path(), &record);
    let run = read_run(writer.dir()).expect("what was written");
    assert_eq!(run.run.samples.len() as u64, SAMPLES);

    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(SAMPLES));
    group.bench_function("read 1,000 samples", |bencher| {
        bencher.iter(|| read_run(black_box(writer.dir())).expect("what was written"));
    });
    group.bench_function("view of 1,000 samples", |bencher| {
        bencher.iter(|| View::new(black_box(&run.run), &Default::default()));
    });
    let view = View::new(&run.run, &Default::default());
    group.bench_function("render summary.md and headline.svg", |bencher| {
        bencher.iter(|| {
            (
                report::markdown(&view).len(),
                headline(&view, Theme::Light).len(),
            )
        });
    });
    group.finish();
}

/// A run under a thousand names.
fn many(root: &Path) -> Vec<PathBuf> {
    let record = record(ROUNDS_OF_MANY);
    let written = write(&root.join("one"), &record).dir().to_owned();
    let many = root.join("many");
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let runs_wanted = if is_measured { RUNS } else { RUNS_TRIED };
    for number in 0..runs_wanted {
        let id = format!("20261{:03}T204500Z-{number:06x}", 100 + number / 50);
        let dir = many.join(&id);
        fs::create_dir_all(&dir).expect("a writable folder");
        for name in [RUN_FILE, EVENTS_FILE] {
            let text = fs::read_to_string(written.join(name)).expect("what was written");
            fs::write(dir.join(name), text.replace(&record.run, &id)).expect("a writable folder");
        }
    }
    runs(&many)
}

/// What a summary of all runs begins with.
fn summarise(dirs: &[PathBuf]) -> Vec<View> {
    let views = read_runs(dirs, |stored| View::new(&stored.run, &Default::default()));
    let views: Result<Vec<View>, _> = views.into_iter().collect();
    views.expect("what was written")
}

/// A run's report from its stored files: everything, and the page alone.
fn one_report(criterion: &mut Criterion) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(PUBLISHED);
    let links = report::PageLinks::default();
    let made = || {
        let stored = read_run(&dir).expect("a published run");
        let explained = ops::report::explain(&stored).expect("its traces");
        (View::new(&stored.run, &explained), explained)
    };
    let mut group = criterion.benchmark_group("report");
    group.sample_size(20).sampling_mode(SamplingMode::Flat);
    group.bench_function("read and explain 45 samples", |bencher| {
        bencher.iter(|| made().0.samples.len());
    });
    let (view, explained) = made();
    group.bench_function("page of 45 samples", |bencher| {
        bencher.iter(|| report::page(&view, &explained, &links).len());
    });
    group.bench_function("all files of 45 samples", |bencher| {
        bencher.iter(|| ops::report::files(&view, &explained, &links).len());
    });
    group.finish();
}

fn thousand_runs(criterion: &mut Criterion) {
    let root = tempfile::tempdir().expect("a temporary folder");
    let dirs = many(root.path());
    let folder = root.path().join("many");
    for (work, _) in WORKS {
        // A process of its own, so that nobody else's memory counts.
        let program = std::env::current_exe().expect("a program");
        let mut program = Command::new(program);
        let ended = program.env(FOLDER, &folder).env(WORK, work).status();
        assert!(ended.expect("a process").success());
    }

    let samples = dirs.len() as u64 * u64::from(ROUNDS_OF_MANY) * 8;
    let mut group = criterion.benchmark_group("store");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(samples));
    group.bench_function("read 1,000 runs of 104 samples", |bencher| {
        bencher.iter(|| read_runs(&dirs, |stored| stored.run.samples.len()));
    });
    group.bench_function("summarise 1,000 runs of 104 samples", |bencher| {
        bencher.iter(|| summarise(&dirs).len());
    });
    group.bench_function(
        "site of 1,000 runs of 104 samples, without their own pages",
        |bencher| {
            bencher.iter(|| site::files(&site::read(&dirs)).len());
        },
    );
    group.finish();
}

/// Does one thing with the runs of a folder, and says what that took.
fn report_memory(folder: &Path, work: &str) {
    let (_, run) = WORKS
        .iter()
        .find(|(name, _)| *name == work)
        .expect("a work");
    let dirs = runs(folder);
    let begun = Instant::now();
    black_box(run(&dirs));
    let took = begun.elapsed();
    #[cfg(target_os = "linux")]
    let peak = procfs::process::Process::myself()
        .and_then(|this| this.status())
        .ok()
        .and_then(|status| status.vmhwm);
    #[cfg(not(target_os = "linux"))]
    let peak: Option<u64> = None;
    println!(
        "{work} of {} runs: {:.2} s, peak memory {}",
        dirs.len(),
        took.as_secs_f64(),
        peak.map_or("unknown".to_owned(), |kib| format!("{} MB", kib / 1024))
    );
}

criterion_group!(store, benches, one_report, thousand_runs);

fn main() {
    if let (Some(folder), Ok(work)) = (std::env::var_os(FOLDER), std::env::var(WORK)) {
        return report_memory(Path::new(&folder), &work);
    }
    store();
    Criterion::default().configure_from_args().final_summary();
}
