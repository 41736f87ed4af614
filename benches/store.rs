//! Reading results back: what `list` and `report` do with every run.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use buildrace::model::{
    BuildKind, BuilderInfo, Event, HostInfo, HostUse, Outcome, Platform, RunEnd, RunRecord,
    SCHEMA_VERSION, Sample, ScenarioInfo, Slot, VariantInfo,
};
use buildrace::report::chart::{Theme, headline};
use buildrace::report::{self, View};
use buildrace::store::{RunWriter, read_run};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;

const ROUNDS: u32 = 125;
const SAMPLES: u64 = 1000;

fn record() -> RunRecord {
    let platforms = vec![Platform::linux("amd64"), Platform::linux("arm64")];
    let variants = ["naive", "cross"];
    let slots = (1..=ROUNDS).flat_map(|round| {
        let kinds = variants
            .into_iter()
            .flat_map(|variant| BuildKind::ALL.map(|kind| (variant, kind)));
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
        left_out: Vec::new(),
        seed: 1,
        rounds: ROUNDS,
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
                })
                .collect(),
            kinds: BuildKind::ALL.to_vec(),
            built_once: vec![],
            edit: None,
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
    let record = record();
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

criterion_group!(store, benches);
criterion_main!(store);
