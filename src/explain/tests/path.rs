//! The critical path, the make-up and the concurrency of builds of which it is
//! known what they waited for.

use std::time::Duration;

use proptest::prelude::*;

use super::super::{Activity, Conditions, Explanation, StepKind, explain};
use super::random::linked_plan;
use super::{Build, at, busy_node, fold};

/// The names of the path's steps, `-` for waiting.
fn names(explanation: &Explanation) -> Vec<&str> {
    let parts = explanation.critical_path.iter();
    parts
        .map(|part| {
            part.step
                .map_or("-", |at| explanation.steps[at].name.as_str())
        })
        .collect()
}

#[test]
fn the_path_goes_by_what_each_step_waited_for() {
    let build = Build::default()
        .step("f", "[linux/amd64 a 1/3] FROM x", &[], 0..100)
        .step("short", "[linux/amd64 a 2/3] RUN short", &["f"], 110..200)
        .step("long", "[linux/amd64 b 2/3] RUN long", &["f"], 110..900)
        .step(
            "end",
            "[linux/amd64 a 3/3] COPY --from=b",
            &["short", "long"],
            900..950,
        )
        .step("x", "exporting to image", &[], 960..1000);
    let explanation = build.explain(&busy_node());
    assert_eq!(
        names(&explanation),
        [
            "[linux/amd64 a 1/3] FROM x",
            "-",
            "[linux/amd64 b 2/3] RUN long",
            "[linux/amd64 a 3/3] COPY --from=b",
            "-",
            "exporting to image"
        ]
    );
    let make_up: Vec<(Activity, u128)> = explanation
        .make_up
        .iter()
        .map(|part| (part.activity, part.time.as_millis()))
        .collect();
    assert_eq!(
        make_up,
        [
            (Activity::Step(StepKind::NativeRun), 790),
            (Activity::Step(StepKind::BaseImage), 100),
            (Activity::Step(StepKind::FileOperation), 50),
            (Activity::Step(StepKind::Export), 40),
            (Activity::Waiting, 20),
        ]
    );
    let counts: Vec<(u128, u32)> = explanation
        .concurrency
        .as_ref()
        .unwrap()
        .points
        .iter()
        .map(|point| (point.at.as_millis(), point.steps))
        .collect();
    assert_eq!(
        counts,
        [
            (0, 1),
            (100, 0),
            (110, 2),
            (200, 1),
            (950, 0),
            (960, 1),
            (1000, 0)
        ]
    );
    let concurrency = explanation.concurrency.unwrap();
    assert_eq!(concurrency.max, 2);
    assert!((concurrency.mean - 1.07).abs() < 1e-9);
}

#[test]
fn a_step_that_takes_no_time_is_still_what_another_waited_for() {
    let build = Build::default()
        .step("early", "[a 1/4] COPY a a", &[], 0..100)
        .step("long", "[a 2/4] RUN make", &[], 0..900)
        .step("link", "[a 3/4] COPY b b", &["long"], 900..900)
        .but(|vertex| vertex.cached = true)
        .step("end", "[a 4/4] RUN end", &["early", "link"], 900..1000);
    let explanation = build.explain(&busy_node());
    assert_eq!(names(&explanation), ["[a 2/4] RUN make", "[a 4/4] RUN end"]);
}

#[test]
fn a_step_that_did_not_end_lasts_as_long_as_the_recording() {
    let build = Build::default()
        .step("a", "[a 1/2] RUN a", &[], 0..500)
        .step("b", "[a 2/2] RUN b", &["a"], 100..100)
        .but(|vertex| vertex.completed = None);
    let explanation = build.explain(&Conditions::default());
    assert!(!explanation.complete);
    assert!(explanation.steps[1].unfinished && !explanation.steps[0].unfinished);
    assert_eq!(explanation.steps[1].busy, Duration::from_millis(400));

    let cut_off = Conditions {
        cut_off: true,
        ..Conditions::default()
    };
    let whole = Build::default().step("a", "[a 1/2] RUN a", &[], 0..500);
    assert!(whole.explain(&Conditions::default()).complete);
    assert!(!whole.explain(&cut_off).complete);
}

#[test]
fn a_build_of_which_nothing_began_is_not_explained() {
    let build = Build::default()
        .step("a", "[a 1/2] RUN a", &[], 0..0)
        .but(|vertex| (vertex.started, vertex.completed) = (None, Some(at(5))));
    assert_eq!(explain(&build.trace(), &Conditions::default()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Steps that begin the moment their inputs end: the path is a chain of
    /// inputs from the first step to the last, and waits for nothing else.
    #[test]
    fn each_part_of_the_path_waited_for_the_one_before(plan in linked_plan()) {
        let mut plan = plan;
        for step in &mut plan.steps {
            step.lag = 0;
        }
        let trace = fold(&plan.stream());
        let explanation = explain(&trace, &Conditions::default()).unwrap();
        for pair in explanation.critical_path.windows(2) {
            let (Some(before), Some(after)) = (pair[0].step, pair[1].step) else {
                return Err(TestCaseError::fail("it waited"));
            };
            let inputs = &explanation.steps[after].inputs;
            prop_assert!(inputs.contains(&before), "{} is none of {:?}", before, inputs);
        }
        let last = explanation.critical_path.last().and_then(|part| part.step).unwrap();
        let ends = explanation.steps[last].intervals.last().unwrap().end;
        prop_assert_eq!(ends, explanation.span);
    }
}
