//! Two builds side by side.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::super::diff::{Diff, Fate, StepChange, diff};
use super::super::{Conditions, Explanation, StepFacts, StepKind, explain};
use super::random::{any_stream, plan};
use super::shared::{cross, naive};
use super::{Build, busy_node, fold, place};
use crate::model::Platform;

/// Every step of either build occurs as it should, and nothing else does.
fn holds(first: &Explanation, second: &Explanation, diff: &Diff) -> Result<(), TestCaseError> {
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    for change in &diff.steps {
        let StepChange {
            change: fate,
            first: one,
            second: other,
            ..
        } = *change;
        prop_assert!(one.is_none_or(|at| at < first.steps.len()));
        prop_assert!(other.is_none_or(|at| at < second.steps.len()));
        let expected = match fate {
            Fate::Same | Fate::Changed | Fate::Joined | Fate::Split => (true, true),
            Fate::New => (false, true),
            Fate::Gone => (true, false),
        };
        prop_assert_eq!((one.is_some(), other.is_some()), expected, "{:?}", change);
        // Of a joined or split step the other side serves several platforms
        // and is told of on its own.
        match fate {
            Fate::Joined => {
                let target = first.steps[one.unwrap()].target.as_ref().unwrap();
                let serves = &second.steps[other.unwrap()].serves;
                prop_assert!(serves.len() > 1 && serves.contains(target));
            }
            Fate::Split => {
                let target = second.steps[other.unwrap()].target.as_ref().unwrap();
                let serves = &first.steps[one.unwrap()].serves;
                prop_assert!(serves.len() > 1 && serves.contains(target));
            }
            Fate::Same | Fate::Changed | Fate::New | Fate::Gone => {}
        }
        firsts.extend(one.filter(|_| fate != Fate::Split));
        seconds.extend(other.filter(|_| fate != Fate::Joined));
        prop_assert!(change.seconds.is_finite() && change.critical_seconds.is_finite());
    }
    for (places, steps) in [(firsts, &first.steps), (seconds, &second.steps)] {
        let once: BTreeSet<usize> = places.iter().copied().collect();
        prop_assert_eq!(once.len(), places.len(), "a step occurs twice");
        prop_assert_eq!(once.len(), steps.len(), "a step does not occur");
    }
    let sum = |explanation: &Explanation, of: fn(&StepFacts) -> Duration| -> f64 {
        explanation
            .steps
            .iter()
            .map(|step| of(step).as_secs_f64())
            .sum()
    };
    let busy = [sum(first, |step| step.busy), sum(second, |step| step.busy)];
    let critical = [
        sum(first, |step| step.critical),
        sum(second, |step| step.critical),
    ];
    let seconds: f64 = diff.steps.iter().map(|change| change.seconds).sum();
    let near = |found: f64, [first, second]: [f64; 2]| {
        (found - (second - first)).abs() <= 1e-6 + (first + second) * 1e-9
    };
    prop_assert!(near(seconds, busy), "{seconds} {busy:?}");
    let seconds: f64 = diff
        .steps
        .iter()
        .map(|change| change.critical_seconds)
        .sum();
    prop_assert!(near(seconds, critical), "{seconds} {critical:?}");
    let sizes = diff.steps.iter().map(|change| change.seconds.abs());
    prop_assert!(sizes.is_sorted_by(|a, b| a >= b));
    Ok(())
}

/// What became of the first build's step of a name, and the second's name.
fn fate<'e>(
    first: &Explanation,
    second: &'e Explanation,
    diff: &Diff,
    name: &str,
) -> (Fate, Option<&'e str>) {
    let at = place(first, name);
    let mut found = diff.steps.iter();
    let change = found
        .find(|change| change.first == Some(at) && change.change != Fate::Split)
        .unwrap();
    let other = change.second.map(|other| second.steps[other].name.as_str());
    (change.change, other)
}

#[test]
fn a_naive_dockerfile_against_a_cross_compiling_one() {
    let (first, second) = (naive().explain(&busy_node()), cross().explain(&busy_node()));
    let diff = diff(&first, &second);
    holds(&first, &second, &diff).unwrap();
    assert!(
        (diff.seconds - (11.2 - 60.2)).abs() < 1e-9,
        "{}",
        diff.seconds
    );
    let fate = |name| fate(&first, &second, &diff, name);
    let changed = |name| (Fate::Changed, Some(name));
    let same = |name| (Fate::Same, Some(name));
    assert_eq!(
        fate("[linux/arm64 build 4/4] RUN go build -o /out/hello ."),
        changed(
            "[linux/amd64->arm64 build 3/3] RUN --mount=target=. GOARCH=$TARGETARCH go build -o /out/hello ."
        )
    );
    assert_eq!(
        fate("[linux/amd64 build 4/4] RUN go build -o /out/hello ."),
        changed(
            "[linux/amd64 build 3/3] RUN --mount=target=. GOARCH=$TARGETARCH go build -o /out/hello ."
        )
    );
    let dir = "[linux/amd64 build 2/3] WORKDIR /src";
    assert_eq!(fate("[linux/amd64 build 2/4] WORKDIR /src"), same(dir));
    assert_eq!(
        fate("[linux/arm64 build 2/4] WORKDIR /src"),
        (Fate::Joined, Some(dir))
    );
    assert_eq!(
        fate("[linux/arm64 build 1/4] FROM golang@sha256:cc"),
        (
            Fate::Joined,
            Some("[linux/amd64 build 1/3] FROM golang@sha256:aa")
        )
    );
    for copy in [
        "[linux/amd64 build 3/4] COPY . .",
        "[linux/arm64 build 3/4] COPY . .",
    ] {
        assert_eq!(fate(copy), (Fate::Gone, None));
    }
    for last in [
        "[linux/amd64 stage-1 2/2] COPY --from=build /out/hello /",
        "[linux/arm64 stage-1 2/2] COPY --from=build /out/hello /",
    ] {
        assert_eq!(fate(last), same(last));
    }
    assert_eq!(
        fate("[internal] load build definition from naive.Dockerfile"),
        same("[internal] load build definition from cross.Dockerfile")
    );
    // The greatest change comes first: the emulated compilation, 60 s to 11 s.
    let run = &first.steps[diff.steps[0].first.unwrap()];
    assert_eq!(
        run.name,
        "[linux/arm64 build 4/4] RUN go build -o /out/hello ."
    );
    assert!((diff.steps[0].seconds - (11.0 - 60.0)).abs() < 1e-9);
}

#[test]
fn what_is_joined_one_way_is_split_the_other() {
    let (first, second) = (cross().explain(&busy_node()), naive().explain(&busy_node()));
    let diff = diff(&first, &second);
    holds(&first, &second, &diff).unwrap();
    let splits = diff
        .steps
        .iter()
        .filter(|change| change.change == Fate::Split);
    let mut names: Vec<&str> = splits
        .map(|change| second.steps[change.second.unwrap()].name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "[linux/arm64 build 1/4] FROM golang@sha256:cc",
            "[linux/arm64 build 2/4] WORKDIR /src"
        ]
    );
}

#[test]
fn a_stage_may_have_another_name_and_an_instruction_another_place() {
    let build = |stage: &str, run: &str| {
        Build::default()
            .step("f", &format!("[{stage} 1/3] FROM golang"), &[], 0..10)
            .step("r", &format!("[{stage} 2/3] RUN {run}"), &["f"], 10..20)
            .step(
                "o",
                &format!("[{stage} 3/3] RUN something else entirely"),
                &["r"],
                20..30,
            )
    };
    let conditions = Conditions::default();
    let first = build("build", "make all").explain(&conditions);
    let renamed = build("builder", "make all").explain(&conditions);
    let found = diff(&first, &renamed);
    holds(&first, &renamed, &found).unwrap();
    for change in &found.steps {
        assert_eq!(
            (change.change, change.first),
            (Fate::Changed, change.second)
        );
    }
    // Another command in its place is no change of it.
    let other = build("build", "apt-get install vim").explain(&conditions);
    let found = diff(&first, &other);
    holds(&first, &other, &found).unwrap();
    let fate = fate(&first, &other, &found, "[build 2/3] RUN make all");
    assert_eq!(fate, (Fate::Gone, None));
}

#[test]
fn an_instruction_that_is_there_twice_is_told_apart_by_its_place() {
    let build = |second: u64| {
        Build::default()
            .step("a", "[build 2/4] RUN make", &[], 50..60)
            .step("b", "[build 4/4] RUN make", &[], second..80)
    };
    let conditions = Conditions::default();
    let (first, second) = (
        build(0).explain(&conditions),
        build(70).explain(&conditions),
    );
    for change in diff(&first, &second).steps {
        let one = &first.steps[change.first.unwrap()];
        let other = &second.steps[change.second.unwrap()];
        assert_eq!((change.change, &one.name), (Fate::Same, &other.name));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn each_step_of_either_build_occurs_once(one in any_stream(), other in any_stream()) {
        let conditions = busy_node();
        let (one, other) = (explain(&fold(&one), &conditions), explain(&fold(&other), &conditions));
        if let Some((one, other)) = one.zip(other) {
            let found = diff(&one, &other);
            holds(&one, &other, &found)?;
            prop_assert_eq!(diff(&one, &other), found);
        }
    }

    #[test]
    fn a_build_is_the_same_as_itself(stream in any_stream()) {
        if let Some(explanation) = explain(&fold(&stream), &busy_node()) {
            let found = diff(&explanation, &explanation);
            holds(&explanation, &explanation, &found)?;
            prop_assert_eq!(found.seconds, 0.0);
            for change in &found.steps {
                prop_assert_eq!((change.change, change.first), (Fate::Same, change.second));
                prop_assert_eq!((change.seconds, change.critical_seconds), (0.0, 0.0));
            }
        }
    }

    /// The same Dockerfile at another speed: no step is new or gone.
    #[test]
    fn a_slower_build_of_the_same_is_the_same(plan in plan(), times in 2u64..9) {
        let mut slower = plan.clone();
        for step in &mut slower.steps {
            step.time *= times;
            step.rest = None;
        }
        let first = explain(&fold(&plan.stream()), &busy_node()).unwrap();
        let second = explain(&fold(&slower.stream()), &busy_node()).unwrap();
        let found = diff(&first, &second);
        holds(&first, &second, &found)?;
        let place = |step: &StepFacts| (step.position, step.stage.clone(), step.instruction.clone());
        for change in &found.steps {
            prop_assert_eq!(change.change, Fate::Same);
            let (one, other) = (&first.steps[change.first.unwrap()], &second.steps[change.second.unwrap()]);
            prop_assert_eq!(place(one), place(other));
        }
    }
}

#[test]
fn a_base_image_is_the_same_one_however_the_builder_gets_it() {
    let pulled = Build::default().step(
        "a",
        "[linux/amd64 build 1/2] FROM docker.io/library/golang:1.24@sha256:0a",
        &[],
        0..10,
    );
    let pulled = pulled.step("b", "[linux/amd64 build 2/2] RUN x", &["a"], 10..20);
    let given = "[context golang:1.24::linux/amd64] OCI load from client";
    let given = Build::default().step("c", given, &[], 0..10);
    let given = given.step("d", "[linux/amd64 build 1/2] RUN x", &["c"], 10..20);
    let (first, second) = (pulled.explain(&busy_node()), given.explain(&busy_node()));
    let step = &second.steps[0];
    assert_eq!(step.instruction, "FROM golang:1.24");
    assert_eq!((step.kind, &step.stage), (StepKind::BaseImage, &None));
    assert_eq!(step.target, Some(Platform::linux("amd64")));
    let diff = diff(&first, &second);
    holds(&first, &second, &diff).unwrap();
    let fates: Vec<Fate> = diff.steps.iter().map(|change| change.change).collect();
    assert_eq!(fates, [Fate::Same, Fate::Same]);
}
