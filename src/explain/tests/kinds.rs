//! Kinds, platforms and lines of whole builds, with more or less known of the
//! node.

use std::time::Duration;

use super::super::{Conditions, Lines, Node, PlatformFacts, StepKind};
use super::{Build, busy_node, place};
use crate::model::Platform;

/// A build for one platform: its names tell none.
fn single() -> Build {
    Build::default()
        .step("c", "[internal] load build context", &[], 0..10)
        .step("f", "[build 1/3] FROM golang", &[], 0..100)
        .step("r", "[build 2/3] RUN make", &["f"], 100..5000)
        .step("w", "[build 3/3] COPY . .", &["r", "c"], 5000..5100)
        .but(|vertex| vertex.cached = true)
        .step(
            "s",
            "[linux/amd64 tools 1/1] RUN make tools",
            &["f"],
            100..1000,
        )
}

#[test]
fn without_its_platform_a_run_is_neither_native_nor_emulated() {
    let explanation = single().explain(&busy_node());
    let run = &explanation.steps[place(&explanation, "[build 2/3] RUN make")];
    assert_eq!((run.kind, &run.platform), (StepKind::UnknownRun, &None));
    assert_eq!(explanation.emulated, Duration::ZERO);
    let amd64 = PlatformFacts {
        platform: Platform::linux("amd64"),
        steps: 1,
        cached: 0,
    };
    assert_eq!(explanation.platforms, [amd64]);
}

#[test]
fn without_its_node_no_run_is_known_to_be_emulated() {
    let conditions = Conditions {
        platform: Some(Platform::linux("arm64")),
        ..Conditions::default()
    };
    let explanation = single().explain(&conditions);
    let runs = explanation.steps.iter().filter(|step| step.kind.is_run());
    let kinds: Vec<StepKind> = runs.map(|step| step.kind).collect();
    assert_eq!(kinds, [StepKind::UnknownRun; 2]);
    assert_eq!(explanation.node, None);
    let culprit = explanation.culprit.unwrap();
    assert_eq!(explanation.steps[culprit.step].name, "[build 2/3] RUN make");
    assert_eq!(culprit.slow_down, None);
}

#[test]
fn a_build_for_one_platform_is_for_the_one_that_is_given() {
    let arm64 = Platform::linux("arm64");
    let lines = |is_pinned| {
        let mut lines = Lines::default();
        for text in ["FROM golang", "RUN make", "COPY . ."] {
            lines.add(Some("build".to_owned()), is_pinned, text, 1);
        }
        lines
    };
    let conditions = Conditions {
        platform: Some(arm64.clone()),
        lines: lines(false),
        ..busy_node()
    };
    // A stage that names its platform itself, or may, runs nobody knows where:
    // a compiler for the other platform must not be called emulated.
    for lines in [lines(true), Lines::default()] {
        let explanation = single().explain(&Conditions {
            lines,
            ..conditions.clone()
        });
        let run = &explanation.steps[place(&explanation, "[build 2/3] RUN make")];
        assert_eq!((run.kind, &run.platform), (StepKind::UnknownRun, &None));
    }
    let explanation = single().explain(&conditions);
    let step = |name| &explanation.steps[place(&explanation, name)];
    let run = step("[build 2/3] RUN make");
    assert_eq!(run.kind, StepKind::EmulatedRun);
    assert_eq!(run.platform, Some(arm64.clone()));
    assert_eq!(run.target, Some(arm64.clone()));
    // A name that tells another has the last word.
    let tools = step("[linux/amd64 tools 1/1] RUN make tools");
    assert_eq!(tools.kind, StepKind::NativeRun);
    assert_eq!(tools.platform, Some(Platform::linux("amd64")));
    // The context is of no platform.
    assert_eq!(step("[internal] load build context").platform, None);
    let facts = |platform: &str, steps, cached| PlatformFacts {
        platform: Platform::linux(platform),
        steps,
        cached,
    };
    // FROM is none of the steps that are counted.
    let expected = [facts("amd64", 1, 0), facts("arm64", 2, 1)];
    assert_eq!(explanation.platforms, expected);
    assert_eq!(explanation.emulated, Duration::from_millis(4900));
    // The same build on a node of that platform emulates nothing of it.
    let native = Conditions {
        node: Some(Node::of(arm64)),
        ..conditions
    };
    let explanation = single().explain(&native);
    let run = &explanation.steps[place(&explanation, "[build 2/3] RUN make")];
    assert_eq!(run.kind, StepKind::NativeRun);
}

#[test]
fn lines_are_those_of_the_dockerfile_only() {
    let stage = || Some("build".to_owned());
    let mut lines = Lines::default();
    lines.add(stage(), false, "FROM golang", 1);
    lines.add(stage(), false, "RUN make", 7);
    // The build ran something else there, as a base image's trigger does.
    lines.add(stage(), false, "RUN make test", 9);
    let explanation = single().explain(&Conditions {
        lines,
        ..busy_node()
    });
    let line = |name| explanation.steps[place(&explanation, name)].line;
    assert_eq!(line("[build 1/3] FROM golang"), Some(1));
    assert_eq!(line("[build 2/3] RUN make"), Some(7));
    assert_eq!(line("[build 3/3] COPY . ."), None);
    assert_eq!(line("[linux/amd64 tools 1/1] RUN make tools"), None);
    assert_eq!(line("[internal] load build context"), None);
}
