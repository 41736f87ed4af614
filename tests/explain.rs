//! Explanations of recorded builds, as they are stored and read back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use buildrace::explain::diff::{Diff, Fate, StepChange, diff};
use buildrace::explain::what_if::Change;
use buildrace::explain::{
    Conditions, Explanation, Lines, Node, RunExplanation, StepKind, StoredTrace, explain,
    explain_run,
};
use buildrace::model::{BuildKind, Platform};
use buildrace::store::{RunWriter, StoredRun, read_run, read_trace};
use buildrace::trace::status::{Vertex, VertexLog, VertexStatus};
use buildrace::trace::{SolveStatus, Trace, rawjson};

const RUN: &str = "20261123T225710Z-dbe9c9";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn dir() -> PathBuf {
    root().join("results").join(RUN)
}

fn stored(dir: &Path, sample: &str) -> StoredTrace {
    let mut trace = Trace::new();
    let mut reader = read_trace(dir, sample).unwrap();
    for status in reader.by_ref() {
        trace.push(&status.unwrap());
    }
    StoredTrace {
        trace,
        cut_off: reader.tail() == Some(&rawjson::Tail::CutOff),
    }
}

fn published() -> (StoredRun, RunExplanation) {
    let run = read_run(&dir()).unwrap();
    let no_lines = |_: &_, _: &_| Lines::default();
    let explained = explain_run(&run.run, None, no_lines, |sample| {
        Some(stored(&dir(), &sample.slot.id))
    });
    (run, explained)
}

fn of_sample(id: &str) -> Explanation {
    let (_, explained) = published();
    explained.sample(id).unwrap().explanation.clone()
}

/// The only step whose name begins so and has this in it.
fn step(explanation: &Explanation, begin: &str, part: &str) -> usize {
    let is_it = |name: &str| name.starts_with(begin) && name.contains(part);
    let steps = explanation.steps.iter().enumerate();
    let found: Vec<usize> = steps
        .filter(|(_, step)| is_it(&step.name))
        .map(|(at, _)| at)
        .collect();
    assert_eq!(found.len(), 1, "{begin} … {part}");
    found[0]
}

#[test]
fn every_sample_of_the_published_run_is_explained() {
    let (run, explained) = published();
    assert_eq!(explained.samples.len(), run.run.samples.len());
    for told in &explained.samples {
        let (sample, explanation) = (&told.sample, &told.explanation);
        assert!(explanation.complete, "{}", sample.slot.id);
        let counted: u32 = explanation.platforms.iter().map(|p| p.steps).sum();
        assert_eq!(counted, sample.steps, "{}", sample.slot.id);
        let cached: u32 = explanation.platforms.iter().map(|p| p.cached).sum();
        assert_eq!(cached, sample.cached_steps, "{}", sample.slot.id);
        let critical: Duration = explanation.make_up.iter().map(|part| part.time).sum();
        assert_eq!(critical, explanation.span);
        assert!(explanation.span <= sample.wall, "{}", sample.slot.id);
    }
}

#[test]
fn an_emulated_compiler_is_what_the_naive_build_waits_for() {
    let (_, explained) = published();
    let is_it = |told: &&_| {
        let told: &buildrace::explain::SampleExplanation = told;
        told.sample.slot.variant == "naive" && told.sample.slot.kind == BuildKind::MultiArch
    };
    let samples: Vec<_> = explained.samples.iter().filter(is_it).collect();
    assert_eq!(samples.len(), 3);
    for told in samples {
        let explanation = &told.explanation;
        let culprit = explanation.culprit.as_ref().unwrap();
        let arm64 = step(explanation, "[linux/arm64 build 4/4] RUN", "go build");
        assert_eq!(culprit.step, arm64);
        assert_eq!(explanation.steps[arm64].kind, StepKind::EmulatedRun);
        assert!(culprit.critical_share > 0.95, "{culprit:?}");
        assert!(culprit.slow_down.unwrap() > 2.0, "{culprit:?}");

        let slow_down = &explanation.instructions[0].slow_downs[0];
        let elsewhere = slow_down.elsewhere.as_ref().unwrap();
        assert_eq!(elsewhere.what, "cold of naive");
        let platform = Platform::linux("arm64");
        let wanted = Change::NativeNode { platform };
        let mut asked = explanation.what_if.iter();
        let node = asked.find(|answer| answer.change == wanted).unwrap();
        let near = |time: Duration, measured: Duration| {
            let ratio = time.as_secs_f64() / measured.as_secs_f64();
            assert!(
                (0.75..=1.25).contains(&ratio),
                "{time:?} {measured:?} {}",
                told.sample.slot.id
            );
        };
        let [changed] = &node.steps[..] else {
            panic!("{node:?}");
        };
        assert_eq!(changed.step, arm64);
        near(changed.low, elsewhere.time);
        near(changed.high, elsewhere.time);
        let measured = node.measured.as_ref().unwrap();
        assert_eq!(measured.what, "cold of naive");
        near(node.low, measured.span);
        near(node.high, measured.span);
    }
}

#[test]
fn a_cross_compiling_build_emulates_nothing_and_shares_its_folder() {
    let (_, explained) = published();
    let is_it = |told: &&buildrace::explain::SampleExplanation| {
        told.sample.slot.variant == "cross" && told.sample.slot.kind == BuildKind::MultiArch
    };
    let samples: Vec<_> = explained.samples.iter().filter(is_it).collect();
    assert_eq!(samples.len(), 3);
    for told in samples {
        let explanation = &told.explanation;
        let kinds = explanation.steps.iter().map(|step| step.kind);
        assert!(!kinds.clone().any(|kind| kind == StepKind::EmulatedRun));
        assert_eq!(kinds.filter(|kind| *kind == StepKind::CrossRun).count(), 1);
        assert_eq!(explanation.emulated, Duration::ZERO);
        let shared = explanation.shared.iter();
        let shared: Vec<&str> = shared
            .map(|shared| explanation.steps[shared.step].instruction.as_str())
            .collect();
        assert!(shared.contains(&"WORKDIR /src"), "{shared:?}");
        assert!(shared.contains(&"load build context"), "{shared:?}");
    }
}

/// Each step of either build occurs once, and the changes add up.
fn assert_complete(first: &Explanation, second: &Explanation, diff: &Diff) {
    let places = |of: fn(&StepChange) -> Option<usize>, but: Fate| {
        let changes = diff.steps.iter().filter(|change| change.change != but);
        let mut places: Vec<usize> = changes.filter_map(of).collect();
        places.sort_unstable();
        places
    };
    let firsts: Vec<usize> = (0..first.steps.len()).collect();
    let seconds: Vec<usize> = (0..second.steps.len()).collect();
    assert_eq!(places(|change| change.first, Fate::Split), firsts);
    assert_eq!(places(|change| change.second, Fate::Joined), seconds);
    let busy = |explanation: &Explanation| -> f64 {
        let steps = explanation.steps.iter();
        steps.map(|step| step.busy.as_secs_f64()).sum()
    };
    let changes: f64 = diff.steps.iter().map(|change| change.seconds).sum();
    assert!((changes - (busy(second) - busy(first))).abs() < 1e-6);
}

#[test]
fn the_naive_build_against_the_cross_compiling_one() {
    let first = of_sample("r1-06-go-hello-naive-multi-arch");
    let second = of_sample("r1-01-go-hello-cross-multi-arch");
    let diff = diff(&first, &second);
    assert_complete(&first, &second, &diff);
    let became = |begin: &str, part: &str| {
        let at = step(&first, begin, part);
        let mut changes = diff.steps.iter();
        let change = changes.find(|c| c.first == Some(at) && c.change != Fate::Split);
        let change = change.unwrap();
        (change.change, change.second)
    };
    let cross_arm64 = step(&second, "[linux/amd64->arm64 build 3/3] RUN", "go build");
    let cross_amd64 = step(&second, "[linux/amd64 build 3/3] RUN", "go build");
    let dir = step(&second, "[linux/amd64 build 2/3]", "WORKDIR");
    let golang = step(&second, "[linux/amd64 build 1/3]", "FROM");
    for (begin, part, expected) in [
        (
            "[linux/arm64 build 4/4]",
            "go build",
            (Fate::Changed, Some(cross_arm64)),
        ),
        (
            "[linux/amd64 build 4/4]",
            "go build",
            (Fate::Changed, Some(cross_amd64)),
        ),
        (
            "[linux/arm64 build 2/4]",
            "WORKDIR",
            (Fate::Joined, Some(dir)),
        ),
        (
            "[linux/amd64 build 2/4]",
            "WORKDIR",
            (Fate::Same, Some(dir)),
        ),
        (
            "[linux/arm64 build 1/4]",
            "FROM",
            (Fate::Joined, Some(golang)),
        ),
        (
            "[linux/amd64 build 1/4]",
            "FROM",
            (Fate::Same, Some(golang)),
        ),
        ("[linux/arm64 build 3/4]", "COPY . .", (Fate::Gone, None)),
        ("[linux/amd64 build 3/4]", "COPY . .", (Fate::Gone, None)),
    ] {
        assert_eq!(became(begin, part), expected, "{begin} {part}");
    }
    // What nothing took the place of is new; here nothing is.
    assert!(diff.steps.iter().all(|change| change.change != Fate::New));
}

#[test]
fn builds_of_the_published_run_are_the_same_as_themselves() {
    let (_, explained) = published();
    for told in &explained.samples {
        let explanation = &told.explanation;
        let diff = diff(explanation, explanation);
        assert_complete(explanation, explanation, &diff);
        for change in &diff.steps {
            assert_eq!(change.change, Fate::Same);
            assert_eq!((change.first, change.seconds), (change.second, 0.0));
        }
    }
}

#[test]
fn a_recording_of_buildx_is_explained_as_our_own_is() {
    let file = root().join("tests/fixtures/traces/cross-cold.rawjson");
    let bytes = fs::read(file).unwrap();
    let stream: Vec<SolveStatus> = rawjson::Reader::new(&bytes[..])
        .map(|status| status.unwrap())
        .collect();
    let results = tempfile::tempdir().unwrap();
    let record = read_run(&dir()).unwrap().run.record;
    let run = RunWriter::create(results.path(), &record).unwrap();
    let sample = "r1-01-go-hello-cross-multi-arch";
    let mut writer = run.trace_writer(sample).unwrap();
    for status in &stream {
        writer.write(status).unwrap();
    }
    writer.finish().unwrap();

    let mut trace = Trace::new();
    for status in &stream {
        trace.push(status);
    }
    let ours = stored(run.dir(), sample);
    assert!(!ours.cut_off);
    let conditions = Conditions {
        node: Some(Node::of(Platform::linux("amd64"))),
        cpu_busy: Some(0.9),
        ..Conditions::default()
    };
    let direct = explain(&trace, &conditions).unwrap();
    assert!(direct.complete && direct.steps.len() > 10);
    assert_eq!(explain(&ours.trace, &conditions).unwrap(), direct);
}

/// A gibibyte of output and as many parts as nobody has: what is kept is
/// bounded by the number of steps. Other tests of this file run beside it and
/// take some megabytes.
#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_what_steps_print() {
    const STEPS: usize = 20;
    const MIB: usize = 1024 * 1024;
    let resident = || {
        let status = procfs::process::Process::myself()
            .unwrap()
            .status()
            .unwrap();
        status.vmrss.unwrap() * 1024
    };
    let digest = |step: usize| format!("sha256:{step}");
    let update = |step: usize, part: usize| SolveStatus {
        vertexes: vec![Vertex {
            digest: digest(step),
            name: format!("[build {step}/{STEPS}] RUN {}", "x".repeat(MIB)),
            error: "e".repeat(MIB),
            ..Vertex::default()
        }],
        // As much at a time as is kept, so that each piece pushes out the last.
        logs: vec![
            VertexLog {
                vertex: digest(step),
                data: vec![b'x'; MIB / 128],
                ..VertexLog::default()
            };
            128
        ],
        statuses: (0..100)
            .map(|n| VertexStatus {
                id: format!("{} {part} {n}", "layer".repeat(60)),
                vertex: digest(step),
                current: 1000,
                ..VertexStatus::default()
            })
            .collect(),
        ..SolveStatus::default()
    };
    let before = resident();
    let mut trace = Trace::new();
    for part in 0..1024 {
        trace.push(&update(part % STEPS, part));
    }
    let grown = resident().saturating_sub(before);
    let printed: u64 = trace.steps().iter().map(|step| step.log_bytes).sum();
    assert_eq!(printed, 1 << 30);
    assert!(grown < 100 * MIB as u64, "{grown} bytes are kept");
    assert_eq!(trace.steps().len(), STEPS);
}
