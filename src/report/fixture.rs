//! Runs to test renderers and the store with.

use std::time::Duration;

use crate::model::{
    BaseImage, BuildKind, BuilderInfo, EmulatorInfo, Failure, HostInfo, HostUse, Invocation,
    LeftOut, Outcome, Platform, Rules, Run, RunRecord, SCHEMA_VERSION, Sample, ScenarioInfo, Slot,
    VariantInfo,
};

/// Times of a variant, seconds: cold, multi-arch, incremental, noop.
pub(crate) type Times = [f64; 4];

/// The figures of the article's kind of race.
pub(crate) const ARTICLE: [(&str, Times); 2] = [
    ("naive", [5.31, 60.03, 57.06, 0.52]),
    ("cross", [5.40, 7.61, 0.6, 0.48]),
];

/// A run of one scenario on a two-core machine with QEMU and stand-ins.
pub(crate) fn record(variants: &[&str], rounds: u32) -> RunRecord {
    let platforms = vec![Platform::linux("amd64"), Platform::linux("arm64")];
    let mut plan = Vec::new();
    for round in 1..=rounds {
        let slots = variants
            .iter()
            .flat_map(|variant| BuildKind::STANDARD.map(|kind| (*variant, kind)));
        for (position, (variant, kind)) in (1..).zip(slots) {
            plan.push(Slot {
                id: format!("r{round}-{position:02}"),
                scenario: "go-hello".into(),
                variant: variant.to_owned(),
                kind,
                round,
                position,
            });
        }
    }
    RunRecord {
        schema: SCHEMA_VERSION,
        run: "20261123T204500Z-3f9a1c".into(),
        buildrace: "0.1.0".into(),
        started: "2026-11-23T20:45:00Z".parse().unwrap(),
        command: Invocation::new("run", ["go-hello".to_owned()]),
        commit: Some("9c1e4f0d2b7a6853c0d9e8f7a6b5c4d3e2f10987".into()),
        suite: None,
        export: None,
        ci_caches: vec![],
        left_out: Vec::new(),
        seed: 42,
        rounds,
        rules: Rules::default(),
        timeout_seconds: 1800.0,
        scenarios: vec![ScenarioInfo {
            name: "go-hello".into(),
            title: "A small Go HTTP service".into(),
            digest: "aa".repeat(32),
            sources_digest: "bb".repeat(32),
            sources_from: None,
            reference: variants[0].to_owned(),
            platforms: platforms.clone(),
            native: Platform::linux("amd64"),
            variants: variants
                .iter()
                .map(|variant| VariantInfo {
                    name: variant.to_string(),
                    dockerfile: format!("dockerfiles/go-hello/{variant}.Dockerfile"),
                    digest: "cc".repeat(32),
                    revision: None,
                    sources_digest: None,
                    builder: None,
                    emulators: None,
                    bake: None,
                })
                .collect(),
            kinds: BuildKind::STANDARD.to_vec(),
            built_once: Vec::new(),
            edit: None,
            edits: std::collections::BTreeMap::new(),
            gate: None,
        }],
        plan,
        builder: BuilderInfo {
            driver: "docker".into(),
            found_by: "private engine".into(),
            engine_version: Some("26.1.5+dfsg1".into()),
            buildkit_version: Some("v0.13.2".into()),
            storage: Some("overlayfs".into()),
            platforms: platforms.clone(),
            ..BuilderInfo::default()
        },
        host: HostInfo {
            cpu_model: Some("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz".into()),
            cores: Some(2),
            memory_bytes: Some(8_335_560_704),
            kernel: Some("6.1.0-37-amd64".into()),
            os: Some("Debian GNU/Linux 12 (bookworm)".into()),
            governor: None,
        },
        emulators: vec![EmulatorInfo {
            platform: Platform::linux("arm64"),
            handler: "qemu-aarch64".into(),
            interpreter_digest: Some("dd".repeat(32)),
            version: Some("10.0.2".into()),
            flags: "OCF".into(),
        }],
        base_images: ["debian:trixie-slim", "golang:1.24-trixie"]
            .into_iter()
            .flat_map(|name| {
                platforms.iter().map(move |platform| BaseImage {
                    name: name.into(),
                    platform: platform.clone(),
                    digest: Some(format!("sha256:{}", "ee".repeat(32))),
                    stand_in: true,
                    node: None,
                })
            })
            .collect(),
    }
}

/// The sample of a slot, ok after so many seconds.
pub(crate) fn sample(record: &RunRecord, slot: &Slot, seconds: f64) -> Sample {
    let scenario = &record.scenarios[0];
    Sample {
        slot: slot.clone(),
        platforms: match slot.kind {
            BuildKind::Cold => vec![scenario.native.clone()],
            _ => scenario.platforms.clone(),
        },
        outcome: Outcome::Ok,
        wall: Duration::from_secs_f64(seconds),
        server: Some(Duration::from_secs_f64(seconds * 0.96)),
        steps: 8,
        cached_steps: if slot.kind == BuildKind::Noop { 8 } else { 0 },
        context_bytes: 1234,
        parts: vec![],
        image_bytes: None,
        output_checked: false,
        disturbances: Vec::new(),
        host: HostUse {
            cpu_busy: Some(0.93),
            cpu_steal: Some(0.012),
            ..HostUse::default()
        },
        failure: None,
    }
}

/// A run with the given times, each round a little off the one before.
pub(crate) fn run(variants: &[(&str, Times)], rounds: u32) -> (RunRecord, Vec<Sample>) {
    let names: Vec<&str> = variants.iter().map(|(name, _)| *name).collect();
    let record = record(&names, rounds);
    let samples = record.plan.iter().map(|slot| {
        let (_, times) = variants.iter().find(|(n, _)| *n == slot.variant).unwrap();
        let kind = BuildKind::STANDARD
            .iter()
            .position(|k| *k == slot.kind)
            .unwrap();
        // A fixed scatter of a few percent.
        let step = (slot.round * slot.position * 7 + slot.round * 5) % 11;
        let scatter = if rounds > 1 {
            f64::from(step) * 0.006
        } else {
            0.0
        };
        sample(&record, slot, times[kind] * (1.0 + scatter))
    });
    let samples = samples.collect();
    (record, samples)
}

/// The run of a record and its samples.
pub(crate) fn of(record: &RunRecord, samples: &[Sample]) -> Run {
    Run {
        samples: samples.to_vec(),
        ..Run::new(record.clone())
    }
}

/// Ends a sample otherwise.
pub(crate) fn fail(sample: &mut Sample, outcome: Outcome) {
    sample.outcome = outcome;
    sample.failure = Some(match outcome {
        Outcome::Failed => Failure {
            message: "[linux/arm64 build 4/4] RUN go build ended with exit code 2".into(),
            step: Some("[linux/arm64 build 4/4] RUN go build -o /out/hello .".into()),
            exit_code: Some(2),
            log_tail: vec![
                "# example.com/hello".into(),
                "./main.go:7:2: \u{1b}[31mundefined\u{1b}[0m: fmt.Printn".into(),
            ],
        },
        _ => Failure {
            message: format!("{outcome} after a while"),
            step: Some("[linux/arm64 build 4/4] RUN go build -o /out/hello .".into()),
            exit_code: None,
            log_tail: Vec::new(),
        },
    });
}

/// Text that tries everything: terminal escapes, Markdown, HTML, SVG, CSV, and
/// 10 kB more.
pub(crate) fn hostile() -> String {
    format!(
        "=cmd|' /C calc'!A0 \u{1b}]0;owned\u{7}\u{1b}[2J</text></svg></pre><script>alert(1)</script>\
         `code` | **bold** [link](http://evil.example) @everyone #1\n\n# heading\r\n\u{202e}{}",
        "long ".repeat(2048)
    )
}

/// A run in which every text from outside is [`hostile`].
pub(crate) fn hostile_run() -> (RunRecord, Vec<Sample>) {
    let (mut record, mut samples) = run(&ARTICLE, 1);
    let text = hostile();
    let variant = |name: &str| format!("{name}{text}");
    record.command.operands.push(text.clone());
    record.suite = Some(text.clone());
    record.left_out = vec![LeftOut {
        scenario: text.clone(),
        variant: Some(text.clone()),
        reason: text.clone(),
    }];
    record.builder.found_by = text.clone();
    record.builder.driver = text.clone();
    record.builder.engine_version = Some(text.clone());
    record.builder.buildkit_version = Some(text.clone());
    record.builder.storage = Some(text.clone());
    record.host.cpu_model = Some(text.clone());
    record.host.kernel = Some(text.clone());
    record.host.os = Some(text.clone());
    record.host.governor = Some(text.clone());
    record.buildrace = text.clone();
    for emulator in &mut record.emulators {
        emulator.handler = text.clone();
        emulator.version = Some(text.clone());
    }
    for image in &mut record.base_images {
        image.name = text.clone();
        image.digest = Some(text.clone());
    }
    let scenario = &mut record.scenarios[0];
    scenario.name = text.clone();
    scenario.title = text.clone();
    scenario.reference = variant("naive");
    for info in &mut scenario.variants {
        info.name = variant(&info.name);
    }
    for sample in &mut samples {
        sample.slot.scenario = text.clone();
        sample.slot.variant = variant(&sample.slot.variant);
        sample.disturbances = vec![text.clone()];
    }
    let failed = samples.last_mut().unwrap();
    failed.outcome = Outcome::Failed;
    failed.failure = Some(Failure {
        message: text.clone(),
        step: Some(text.clone()),
        exit_code: Some(1),
        log_tail: vec![text.clone(), String::new(), "</pre>".into()],
    });
    (record, samples)
}
