//! Slow-downs and what would have been: against arithmetic done by hand, and
//! against a plan's own times.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::graph::Graph;
use super::super::kind::kind_of;
use super::super::locks;
use super::super::what_if::{Change, NativeTime, Question, Share, WhatIf};
use super::super::{Conditions, Explanation, Instruction, NativeAlone, StepKind};
use super::random::{any_stream, linked_plan};
use super::{Build, busy_node, fold, is_near, place, secs};
use crate::model::Platform;
use crate::trace::{Clock, Trace};

const AMD64: &str = "[linux/amd64 build 2/2] RUN make";
const ARM64: &str = "[linux/arm64 build 2/2] RUN make";

/// Both platforms' RUN at the same time, the emulated one six times as long.
fn twins() -> Build {
    Build::default()
        .step("amd64", AMD64, &[], 0..10_000)
        .step("arm64", ARM64, &[], 0..60_000)
}

fn answer(explanation: &Explanation, is_it: impl Fn(&Change) -> bool) -> &WhatIf {
    let found = explanation
        .what_if
        .iter()
        .find(|answer| is_it(&answer.change));
    found.expect("it was asked")
}

fn assert_range(answer: &WhatIf, low: f64, high: f64) {
    let is = |time: Duration, expected: f64| (time.as_secs_f64() - expected).abs() < 1e-5;
    assert!(is(answer.low, low) && is(answer.high, high), "{answer:?}");
}

/// Two RUN steps for 10 s, one of them for 50 s more; the machine was busy
/// throughout, which is known within 2 %.
///
/// With a share `s` ≥ 1/2, both together keep all cores busy, and one `s` of
/// them: 10 + 50 s of 60 s. The least share that explains 98 % of 60 s is
/// (58.8 − 10) / 50 = 0.976; 102 % no share explains, so the greatest is 1.
///
/// At s = 0.976 both together run at 1 / (2 · 0.976) = 0.512295, so that alone
/// amd64 would take 10 · 0.512295 = 5.122951 s and arm64 50 s more, 55.122951:
/// 10.76 times as long. At s = 1: 5 s and 55 s, 11 times.
///
/// With a node of arm64's own both platforms take amd64's time alone, at the
/// same time: 5 to 5.122951 s. With native speed on the same node they share
/// it: twice 5.122951 s of work at 0.512295, or twice 5 s at a half, are 10 s.
#[test]
fn what_emulation_costs_is_told_as_measured_and_as_it_would_be_alone() {
    let explanation = twins().explain(&busy_node());
    let (amd64, arm64) = (place(&explanation, AMD64), place(&explanation, ARM64));
    let (low, high) = explanation.core_share;
    assert!((low - 0.976).abs() < 1e-6 && high == 1.0, "{low}..{high}");

    let [instruction] = &explanation.instructions[..] else {
        panic!("{:?}", explanation.instructions);
    };
    assert_eq!(instruction.steps.len(), 2);
    let [slow_down] = &instruction.slow_downs[..] else {
        panic!("{instruction:?}");
    };
    assert_eq!((slow_down.step, slow_down.native), (arm64, Some(amd64)));
    assert_eq!(slow_down.ratio, Some(6.0));
    let (low, high) = slow_down.alone.unwrap();
    assert!((low - 55.122951 / 5.122951).abs() < 1e-5, "{low}");
    assert!((high - 11.0).abs() < 1e-6, "{high}");

    let node = answer(&explanation, |change| {
        matches!(change, Change::NativeNode { .. })
    });
    let platform = Platform::linux("arm64");
    assert_eq!(node.change, Change::NativeNode { platform });
    assert_range(node, 5.0, 5.122951);
    let [changed] = &node.steps[..] else {
        panic!("{node:?}");
    };
    assert_eq!(changed.step, arm64);
    assert!(is_near(changed.low, secs(5.0)), "{changed:?}");
    assert!(changed.high.abs_diff(secs(5.122951)) < Duration::from_micros(10));

    let step = answer(&explanation, |change| {
        *change == Change::NativeStep { step: arm64 }
    });
    assert_range(step, 10.0, 10.0);

    let culprit = explanation.culprit.as_ref().unwrap();
    assert_eq!(culprit.step, arm64);
    assert_eq!(culprit.slow_down, Some(6.0));
    assert_eq!(
        culprit.against.as_deref(),
        Some("linux/amd64 of the same build")
    );
    assert_eq!(culprit.native_time, Some(secs(10.0)));
    assert_eq!(culprit.critical_share, 1.0);
    assert_eq!(explanation.emulated, secs(60.0));
}

/// Where it is not known how busy the machine was: from no sharing (10 s at
/// full speed) to all cores each (5 s of work).
#[test]
fn not_knowing_how_busy_the_machine_was_gives_a_wide_range() {
    let conditions = Conditions {
        cpu_busy: None,
        ..busy_node()
    };
    let explanation = twins().explain(&conditions);
    assert_eq!(explanation.core_share, (0.0, 1.0));
    let node = answer(&explanation, |change| {
        matches!(change, Change::NativeNode { .. })
    });
    assert_range(node, 5.0, 10.0);
    let alone = explanation.instructions[0].slow_downs[0].alone.unwrap();
    assert!((alone.0 - 6.0).abs() < 1e-9 && (alone.1 - 11.0).abs() < 1e-9);
}

/// A native time that was measured alone says more than the twin's, which
/// shared the node; a step that failed says nothing.
#[test]
fn a_time_measured_alone_is_told_first() {
    let instruction = Instruction {
        stage: Some("build".into()),
        position: 2,
    };
    let native = NativeAlone {
        what: "cold of naive".into(),
        time: secs(5.0),
        has_cache_mount: false,
    };
    let conditions = Conditions {
        elsewhere: HashMap::from([(instruction, native)]),
        ..busy_node()
    };
    let explanation = twins().explain(&conditions);
    let culprit = explanation.culprit.as_ref().unwrap();
    assert_eq!(culprit.slow_down, Some(12.0));
    assert_eq!(culprit.against.as_deref(), Some("cold of naive"));

    // Without a twin it is all that is known: 60 s become 5 s.
    let alone = Build::default().step("arm64", ARM64, &[], 0..60_000);
    let explanation = alone.explain(&conditions);
    let slow_down = &explanation.instructions[0].slow_downs[0];
    assert_eq!((slow_down.native, slow_down.alone), (None, None));
    let step = answer(&explanation, |change| {
        matches!(change, Change::NativeStep { .. })
    });
    assert_range(step, 5.0, 5.0);

    let failed = alone.but(|vertex| vertex.error = "exit code: 1".into());
    let explanation = failed.explain(&conditions);
    assert_eq!(explanation.instructions, []);
    let asked = explanation.what_if.iter().map(|answer| &answer.change);
    let of_native = asked.filter(|change| {
        matches!(
            change,
            Change::NativeStep { .. } | Change::NativeNode { .. }
        )
    });
    assert_eq!(of_native.count(), 0);
}

/// A RUN that is alone on two busy cores for 10 s. Twice the cores halve it if
/// it can use them, and leave it as it is if not. Half of the cores double it
/// whatever it can use: it kept between 98 % and all of both busy.
#[test]
fn other_numbers_of_cores() {
    let build = Build::default().step("amd64", AMD64, &[], 0..10_000);
    let on = |cores| Conditions {
        cores,
        ..busy_node()
    };
    let cores = |explanation: &Explanation, number: u32| {
        let wanted = Change::Cores {
            from: 2,
            to: number,
        };
        answer(explanation, |change| *change == wanted).clone()
    };
    assert_range(&cores(&build.explain(&on(None)), 4), 5.0, 10.0);
    assert_range(&cores(&build.explain(&on(Some(8))), 8), 2.5, 10.0);
    assert_range(&cores(&build.explain(&on(Some(1))), 1), 19.6, 20.0);
    // No number of cores builds nothing, and what there is is no question.
    for none in [0, 2] {
        let explanation = build.explain(&on(Some(none)));
        let asked = explanation.what_if.iter().map(|answer| &answer.change);
        assert!(
            asked
                .clone()
                .all(|change| !matches!(change, Change::Cores { .. }))
        );
    }
}

/// A platform's node is asked of only where each of its steps is known.
#[test]
fn a_native_node_is_not_promised_of_half_of_its_steps() {
    let build = twins().step(
        "more",
        "[linux/arm64 stage-1 2/2] RUN more",
        &["arm64"],
        60_000..61_000,
    );
    let explanation = build.explain(&busy_node());
    let nodes = explanation.what_if.iter();
    let nodes = nodes.filter(|answer| matches!(answer.change, Change::NativeNode { .. }));
    assert_eq!(nodes.count(), 0);
    // A second step at native speed still counts: 1 s stays, 50 s go.
    let arm64 = place(&explanation, ARM64);
    let step = answer(&explanation, |change| {
        *change == Change::NativeStep { step: arm64 }
    });
    assert!(step.low > secs(10.9) && step.high < secs(11.1), "{step:?}");
}

fn kinds(graph: &Graph<'_>) -> Vec<StepKind> {
    let node = busy_node().node;
    let steps = graph.steps.iter();
    steps
        .map(|step| kind_of(step.step, None, node.as_ref(), true))
        .collect()
}

fn tolerable(span: Duration) -> Duration {
    Duration::from_micros(1).max(span.mul_f64(1e-9))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// With nothing changed, the replay takes what the build took.
    #[test]
    fn a_replay_with_nothing_changed_takes_what_was_recorded(
        stream in any_stream(),
        share in prop_oneof![Just(0.0), Just(1.0), 0.0f64..1.0],
    ) {
        let trace = fold(&stream);
        if let Some(mut graph) = Graph::of(&trace) {
            locks::find(&mut graph, Clock::BuildKit);
            let kinds = kinds(&graph);
            let span = Duration::from_nanos(graph.length);
            let question = Question::new(&graph, &kinds, &[Share::of(share)]);
            let (low, high) = question.unchanged();
            prop_assert_eq!(low, high);
            prop_assert!(is_near(low, span), "{:?} is not {:?}", low, span);
        }
    }

    /// Where steps do not slow each other down, one that is faster makes no
    /// build slower, and one that is slower makes none faster.
    #[test]
    fn a_faster_step_makes_no_build_slower(
        stream in any_stream(),
        step in any::<Index>(),
        parts in 0u64..1000,
    ) {
        let trace = fold(&stream);
        if let Some(graph) = Graph::of(&trace) {
            let span = Duration::from_nanos(graph.length);
            let question = Question::new(&graph, &kinds(&graph), &[Share::NONE]);
            let step = step.index(graph.steps.len());
            let busy = graph.steps[step].busy();
            let faster = NativeTime::Alone(u64::try_from(u128::from(busy) * u128::from(parts) / 1000).unwrap());
            let at_most = span.saturating_add(tolerable(span));
            let faster = question.native_step(step, faster);
            prop_assert!(faster.high <= at_most, "{faster:?} of {span:?}");
            let none = question.no_step(step);
            prop_assert!(none.high <= faster.high + tolerable(span), "{none:?} {faster:?}");
            let slower = question.native_step(step, NativeTime::Alone(busy.saturating_mul(2)));
            prop_assert!(slower.low + tolerable(span) >= span, "{slower:?} of {span:?}");
        }
    }

    /// A plan says itself what it takes without one of its steps.
    #[test]
    fn a_step_that_takes_no_time_saves_what_the_plan_says(plan in linked_plan(), step in any::<Index>()) {
        let trace = fold(&plan.stream());
        let graph = Graph::of(&trace).unwrap();
        let question = Question::new(&graph, &kinds(&graph), &[Share::NONE]);
        let step = step.index(plan.steps.len());
        let digest = format!("sha256:{step}");
        let place = graph.steps.iter().position(|found| found.step.digest == digest).unwrap();
        let ends = plan.times(Some(step)).into_iter().map(|(_, end)| end);
        let expected = Duration::from_nanos(ends.max().unwrap());
        let found = question.no_step(place);
        prop_assert!(is_near(found.low, expected) && is_near(found.high, expected), "{found:?} {expected:?}");
    }

    /// An emulated step at its own time again changes nothing, and no time is
    /// negative or of no number, however steps share.
    #[test]
    fn answers_are_times(stream in any_stream(), share in 0.0f64..1.0, step in any::<Index>()) {
        let trace: Trace = fold(&stream);
        if let Some(graph) = Graph::of(&trace) {
            let span = Duration::from_nanos(graph.length);
            let shares = [Share::of(share), Share::ALL];
            let question = Question::new(&graph, &kinds(&graph), &shares);
            let step = step.index(graph.steps.len());
            let same = question.native_step(step, NativeTime::AsStep(step));
            prop_assert!(is_near(same.low, span) && is_near(same.high, span), "{same:?} {span:?}");
            for answer in [question.no_step(step), question.cores(2, 4), question.cores(4, 1)] {
                prop_assert!(answer.low <= answer.high);
            }
            if let Some((low, high)) = question.alone_ratio(step, 0) {
                prop_assert!(0.0 <= low && low <= high && high.is_finite());
            }
        }
    }
}

#[test]
fn an_emulated_step_that_costs_next_to_nothing_is_not_to_blame() {
    let build = |emulated: u64| {
        Build::default()
            .step("a", "[linux/amd64 b 1/2] RUN slow", &[], 0..10_000)
            .step("b", "[linux/amd64 b 2/2] RUN test", &["a"], 10_000..10_100)
            .step(
                "c",
                "[linux/arm64 b 2/2] RUN test",
                &["a"],
                10_000..10_000 + emulated,
            )
            .explain(&busy_node())
    };
    let blamed = |explanation: &Explanation| {
        let culprit = explanation.culprit.as_ref().unwrap();
        explanation.steps[culprit.step].name.clone()
    };
    assert_eq!(blamed(&build(300)), "[linux/amd64 b 1/2] RUN slow");
    assert_eq!(blamed(&build(3_000)), "[linux/arm64 b 2/2] RUN test");
}
