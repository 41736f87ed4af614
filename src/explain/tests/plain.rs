//! Explanations of plain logs, beside those of the same builds' status streams.

use std::collections::BTreeMap;

use flate2::read::MultiGzDecoder;
use proptest::prelude::*;

use super::super::{Conditions, Explanation, FailureFacts, Node, explain};
use super::random::plan;
use super::{at, fold};
use crate::model::Platform;
use crate::trace::plain::printed::{github, gitlab, printed, text};
use crate::trace::status::Vertex;
use crate::trace::{Clock, Recorded, SolveStatus, plain, rawjson};

const NAIVE: &[u8] = include_bytes!(
    "../../../results/20261123T225710Z-dbe9c9/traces/r1-06-go-hello-naive-multi-arch.rawjson.gz"
);
const CROSS: &[u8] = include_bytes!(
    "../../../results/20261123T225710Z-dbe9c9/traces/r1-01-go-hello-cross-multi-arch.rawjson.gz"
);
const FAILING: &[u8] = include_bytes!("../../../tests/fixtures/traces/failing.rawjson");

fn stream(bytes: impl std::io::Read) -> Vec<SolveStatus> {
    rawjson::Reader::new(bytes).map(Result::unwrap).collect()
}

fn of_plain(log: &str) -> Explanation {
    let mut builds = plain::builds(log.as_bytes()).unwrap();
    assert_eq!(builds.len(), 1);
    let recorded: Recorded = builds.remove(0);
    let conditions = Conditions {
        cut_off: recorded.cut_off,
        clock: recorded.clock,
        failure: FailureFacts::from_recording(&recorded),
        ..conditions()
    };
    explain(&recorded.trace, &conditions).unwrap()
}

fn conditions() -> Conditions {
    Conditions {
        node: Some(Node::of(Platform::linux("amd64"))),
        ..Conditions::default()
    }
}

fn name(explanation: &Explanation, step: usize) -> &str {
    &explanation.steps[step].name
}

#[test]
fn the_plain_log_of_a_build_has_the_culprit_of_its_status_stream() {
    for bytes in [NAIVE, CROSS] {
        let stream = stream(MultiGzDecoder::new(bytes));
        let whole = explain(&fold(&stream), &conditions()).unwrap();
        let culprit = whole.culprit.as_ref().unwrap();
        let lines = printed(&stream);
        for (log, clock) in [
            (text(&lines), Clock::None),
            (github(&lines), Clock::Log),
            (gitlab(&lines), Clock::Log),
        ] {
            let told = of_plain(&log);
            assert_eq!((told.clock, told.complete), (clock, true));
            let found = told.culprit.as_ref().unwrap();
            assert_eq!(name(&told, found.step), name(&whole, culprit.step));
            assert_eq!(told.steps[found.step].kind, whole.steps[culprit.step].kind);
            let near = |a: f64, b: f64| (a - b).abs() < 0.02;
            assert!(near(found.critical_share, culprit.critical_share));
            let factor = |slow_down: Option<f64>| slow_down.unwrap_or(1.0);
            let (told_factor, factor) = (factor(found.slow_down), factor(culprit.slow_down));
            assert!(near(told_factor / factor, 1.0), "{told_factor} {factor}");

            let counts = |of: &Explanation| {
                let counts = of
                    .platforms
                    .iter()
                    .map(|p| (p.platform.to_string(), p.steps));
                counts.collect::<Vec<_>>()
            };
            assert_eq!(counts(&told), counts(&whole));
            assert_eq!(times(&told, &whole), times(&whole, &told));
            let span = |of: &Explanation| of.span.as_secs_f64();
            assert!(
                (span(&told) - span(&whole)).abs() < 0.5,
                "{} {}",
                span(&told),
                span(&whole)
            );
            // What takes from what is what BuildKit says.
            assert_eq!(links(&told), links(&whole));
            assert_eq!(told.begin.is_some(), clock == Clock::Log);
            assert_eq!(told.concurrency.is_some(), clock == Clock::Log);
            assert_eq!(told.what_if.is_empty(), clock == Clock::None);
        }
    }
}

/// Times of each name of one explanation, in tenths of a second; where the other's is within
/// rounding, that one.
fn times(of: &Explanation, other: &Explanation) -> BTreeMap<String, u64> {
    let tenths = |of: &Explanation| -> BTreeMap<String, f64> {
        let steps = of.steps.iter();
        steps
            .map(|step| (step.name.clone(), step.busy.as_secs_f64()))
            .collect()
    };
    let (own, other) = (tenths(of), tenths(other));
    let rounded = own.into_iter().map(|(name, time)| {
        let theirs = other.get(&name).copied().unwrap_or(f64::NAN);
        let near = (time - theirs).abs() <= 0.0501;
        (
            name,
            if near {
                0
            } else {
                (time * 10.0).round() as u64
            },
        )
    });
    rounded.collect()
}

fn links(of: &Explanation) -> Vec<(String, Vec<String>)> {
    let mut links: Vec<(String, Vec<String>)> = of
        .steps
        .iter()
        .map(|step| {
            let mut inputs: Vec<String> = step
                .inputs
                .iter()
                .map(|input| of.steps[*input].name.clone())
                .collect();
            inputs.sort_unstable();
            (step.name.clone(), inputs)
        })
        .collect();
    links.sort_unstable();
    links
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../tests/fixtures/plain/", $name))
    };
}

/// What buildx 0.13.1 wrote of one Dockerfile, built three times.
#[test]
fn logs_of_a_real_printer_tell_what_a_recording_of_the_same_build_does() {
    let recording = stream(fixture!("multi.rawjson").as_bytes());
    let whole = explain(&fold(&recording), &conditions()).unwrap();
    let culprit = name(&whole, whole.culprit.as_ref().unwrap().step);
    assert!(culprit.starts_with("[linux/arm64 build 4/4] RUN i=0"));
    for (log, clock) in [
        (fixture!("multi.log"), Clock::None),
        (fixture!("stamped.log"), Clock::Log),
    ] {
        let told = of_plain(log);
        assert_eq!((told.clock, told.complete), (clock, true));
        assert_eq!(name(&told, told.culprit.as_ref().unwrap().step), culprit);
        assert_eq!(links(&told), links(&whole));
        assert_eq!(told.platforms, whole.platforms);
        let shared = |of: &Explanation| of.shared.len();
        assert_eq!(shared(&told), shared(&whole));
        // What ran on both platforms was slowed down by about as much.
        let slow_down = |of: &Explanation| of.instructions[0].slow_downs[0].ratio.unwrap();
        let ratio = slow_down(&told) / slow_down(&whole);
        assert!((0.3..3.0).contains(&ratio), "{ratio}");
    }
}

#[test]
fn a_failed_build_failed_at_the_same_step() {
    let stream = stream(FAILING);
    let whole = explain(&fold(&stream), &conditions()).unwrap();
    let lines = printed(&stream);
    for log in [text(&lines), github(&lines)] {
        let told = of_plain(&log);
        assert_eq!(
            told.failed.map(|step| name(&told, step)),
            whole.failed.map(|step| name(&whole, step))
        );
        assert_eq!(told.failure, whole.failure);
    }
}

#[test]
fn a_step_of_another_build_does_not_stretch_this_one() {
    // 40 s of which 30 s were over when this build joined.
    let log = "\
2026-11-28T10:00:30.0Z #1 [internal] load build definition from Dockerfile
2026-11-28T10:00:30.0Z #1 DONE 0.0s
2026-11-28T10:00:30.0Z #2 [1/2] FROM debian
2026-11-28T10:00:30.0Z #2 CACHED
2026-11-28T10:00:40.0Z #3 [2/2] RUN make
2026-11-28T10:00:40.0Z #3 DONE 40.0s
";
    let told = of_plain(log);
    assert_eq!(told.span.as_secs_f64(), 10.0);
    let run = &told.steps[super::place(&told, "[2/2] RUN make")];
    assert_eq!(run.before.as_secs_f64(), 30.0);
}

proptest! {
    #[test]
    fn what_is_printed_is_read(plan in plan()) {
        let mut stream = vec![SolveStatus {
            vertexes: vec![Vertex {
                digest: "sha256:definition".into(),
                name: "[internal] load build definition from Dockerfile".into(),
                started: Some(at(0)),
                completed: Some(at(0)),
                ..Vertex::default()
            }],
            ..SolveStatus::default()
        }];
        stream.extend(plan.stream());
        let lines = printed(&stream);
        let whole = explain(&fold(&stream), &conditions()).unwrap();
        let told = |of: &Explanation| {
            let mut told: Vec<(String, bool, u64)> = of
                .steps
                .iter()
                .map(|step| (step.name.clone(), step.cached, step.log_bytes))
                .collect();
            told.sort_unstable();
            told
        };
        for log in [text(&lines), github(&lines)] {
            let explanation = of_plain(&log);
            prop_assert_eq!(told(&explanation).len(), told(&whole).len());
            let runs = |of: &Explanation| {
                let mut times: Vec<u64> = of
                    .steps
                    .iter()
                    .filter(|step| step.kind.is_run() && !step.cached)
                    .map(|step| step.busy.as_secs())
                    .collect();
                times.sort_unstable();
                times
            };
            let (told, whole) = (runs(&explanation), runs(&whole));
            prop_assert_eq!(told.len(), whole.len());
            for (told, whole) in told.iter().zip(&whole) {
                prop_assert!(told.abs_diff(*whole) <= 1, "{told} {whole}\n{log}");
            }
        }
    }
}
