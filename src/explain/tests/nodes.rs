//! Builds on several nodes: whose a step is, and that nodes share no cores.

use super::super::what_if::Change;
use super::super::{Conditions, Explanation, Node, StepKind};
use super::{Build, is_near, place, secs};
use crate::model::{NodeInfo, Platform};

fn node(name: &str, native: &str) -> NodeInfo {
    NodeInfo {
        name: name.into(),
        native: Platform::linux(native),
        given: Vec::new(),
        platforms: vec![Platform::linux("amd64"), Platform::linux("arm64")],
        buildkit_version: None,
    }
}

/// Two nodes that build a platform each; `farm1` takes longer. A build for one
/// platform does not name it at every step.
fn farm() -> Explanation {
    let build = Build::default()
        .step("a", "[node:farm0 2/2] RUN make", &[], 0..4_000)
        .step("r", "[node:farm1 2/2] RUN make", &[], 0..6_000)
        .step("x", "[node:farm0] exporting to image", &["a"], 4_000..4_500);
    build.explain(&Conditions {
        node: Some(Node {
            cores: Some(2),
            nodes: vec![node("farm0", "amd64"), node("farm1", "arm64")],
            ..Node::of(Platform::linux("amd64"))
        }),
        built: vec![Platform::linux("amd64"), Platform::linux("arm64")],
        ..Conditions::default()
    })
}

#[test]
fn a_step_is_of_its_nodes_only_platform_and_native_there() {
    let farm = farm();
    for (name, node, architecture) in [
        ("[farm0 2/2] RUN make", "farm0", "amd64"),
        ("[farm1 2/2] RUN make", "farm1", "arm64"),
    ] {
        let step = &farm.steps[place(&farm, name)];
        assert_eq!(step.node.as_deref(), Some(node));
        assert_eq!(step.platform, Some(Platform::linux(architecture)));
        assert_eq!(step.kind, StepKind::NativeRun);
    }
    let export = &farm.steps[place(&farm, "[farm0] exporting to image")];
    assert_eq!(export.platform, None);
}

#[test]
fn steps_on_different_nodes_do_not_slow_each_other_down() {
    let farm = farm();
    let longest = place(&farm, "[farm1 2/2] RUN make");
    let mut answers = farm.what_if.iter();
    let without = answers.find(|answer| answer.change == Change::NoStep { step: longest });
    let without = without.unwrap();
    // All that is left is what the other node does, as fast as before.
    assert!(is_near(without.low, secs(4.5)), "{without:?}");
    assert!(is_near(without.high, secs(4.5)), "{without:?}");
    // Nobody knows what cores another machine has.
    let mut changes = farm.what_if.iter().map(|answer| &answer.change);
    assert!(!changes.any(|change| matches!(change, Change::Cores { .. })));
}
