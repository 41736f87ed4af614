//! Steps that BuildKit joins, or that tell no inputs: what takes from them is
//! found all the same.

use super::{Build, busy_node, place};
use crate::explain::Explanation;

fn serves(explanation: &Explanation, name: &str) -> Vec<String> {
    let step = &explanation.steps[place(explanation, name)];
    step.serves.iter().map(ToString::to_string).collect()
}

#[test]
fn a_linked_copy_is_executed_once_for_all_platforms() {
    // As BuildKit 0.13 tells it: one COPY onto nothing, of whichever platform
    // came first, and a LINK without inputs on each.
    let explanation = Build::default()
        .step("f1", "[linux/amd64 app 1/3] FROM debian", &[], 0..100)
        .step("f2", "[linux/arm64 app 1/3] FROM debian", &[], 0..100)
        .step(
            "c",
            "[linux/arm64 app 2/3] COPY --link a /a",
            &[],
            100..30_000,
        )
        .step(
            "l1",
            "[linux/amd64 app 2/3] LINK COPY --link a /a",
            &[],
            30_000..30_100,
        )
        .step(
            "l2",
            "[linux/arm64 app 2/3] LINK COPY --link a /a",
            &[],
            30_000..30_100,
        )
        .step("r1", "[linux/amd64 app 3/3] RUN x", &["l1"], 30_100..31_000)
        .step("r2", "[linux/arm64 app 3/3] RUN x", &["l2"], 30_100..32_000)
        .explain(&busy_node());
    let both = ["linux/amd64", "linux/arm64"];
    assert_eq!(
        serves(&explanation, "[linux/arm64 app 2/3] COPY --link a /a"),
        both
    );
    assert_eq!(
        serves(&explanation, "[linux/amd64 app 1/3] FROM debian"),
        both[..1]
    );
    assert_eq!(explanation.shared.len(), 1);
    let copy = &explanation.steps[explanation.shared[0].step];
    assert_eq!(copy.critical.as_millis(), 29_900);
}

#[test]
fn a_step_that_was_joined_to_another_platforms_is_found_there() {
    let copy = |platform: &str| format!("[linux/{platform} files 1/1] COPY a /a");
    let explanation = Build::default()
        .step("c1", &copy("amd64"), &[], 0..20_000)
        .step("c2", &copy("arm64"), &[], 0..0)
        .but(|vertex| (vertex.started, vertex.completed) = (None, None))
        .step("r1", "[linux/amd64 app 2/2] RUN x", &["c1"], 20_000..21_000)
        .step("r2", "[linux/arm64 app 2/2] RUN x", &["c2"], 20_000..22_000)
        .explain(&busy_node());
    assert_eq!(
        serves(&explanation, &copy("amd64")),
        ["linux/amd64", "linux/arm64"]
    );
    let first = explanation.critical_path[0];
    assert_eq!(first.step, Some(place(&explanation, &copy("amd64"))));
}

#[test]
fn what_was_executed_and_then_found_in_the_cache_was_executed() {
    let name = "[linux/amd64 deps 2/2] RUN make deps";
    let explanation = Build::default()
        .step("f", "[linux/amd64 deps 1/2] FROM debian", &[], 0..100)
        .step("r", name, &["f"], 100..60_000)
        .step("r", name, &["f"], 60_100..60_100)
        .but(|vertex| vertex.cached = true)
        .explain(&busy_node());
    assert!(!explanation.steps[place(&explanation, name)].cached);
    assert_eq!(explanation.platforms[0].cached, 0);
}

#[test]
fn a_failed_build_is_told_by_what_failed() {
    let explanation = Build::default()
        .step("p", "[linux/amd64 test 1/2] RUN prepare", &[], 0..30_000)
        .step(
            "t",
            "[linux/amd64 test 2/2] RUN test",
            &["p"],
            30_000..60_000,
        )
        .but(|vertex| {
            vertex.error = "process \"x\" did not complete successfully: exit code: 1".into();
        })
        .step("v", "[linux/arm64 app 1/1] RUN slow", &[], 0..60_100)
        .but(|vertex| vertex.error = "context canceled".into())
        .explain(&busy_node());
    let name = |place: usize| explanation.steps[place].name.as_str();
    assert_eq!(
        name(explanation.failed.unwrap()),
        "[linux/amd64 test 2/2] RUN test"
    );
    let path: Vec<_> = explanation
        .critical_path
        .iter()
        .map(|part| part.step.map(name))
        .collect();
    assert_eq!(
        path,
        [
            Some("[linux/amd64 test 1/2] RUN prepare"),
            Some("[linux/amd64 test 2/2] RUN test"),
            None
        ]
    );
    assert!(name(explanation.culprit.as_ref().unwrap().step).contains("test"));
    assert_eq!(explanation.what_if, []);
}

#[test]
fn nobody_is_to_blame_for_an_unchanged_build() {
    let explanation = Build::default()
        .step("m", "[internal] load metadata for debian", &[], 0..90)
        .step("f", "[linux/amd64 app 1/2] FROM debian", &[], 90..100)
        .step("f2", "[linux/arm64 app 1/2] FROM debian", &[], 90..99)
        .step("r", "[linux/amd64 app 2/2] RUN x", &["f"], 101..101)
        .but(|vertex| vertex.cached = true)
        .step("r2", "[linux/arm64 app 2/2] RUN x", &["f2"], 101..101)
        .but(|vertex| vertex.cached = true)
        .explain(&busy_node());
    assert_eq!(explanation.culprit, None);
}
