//! Which steps were executed once for several platforms.

use std::time::Duration;

use super::super::{Conditions, Explanation};
use super::{Build, busy_node, place};
use crate::model::Platform;

/// The names of what was executed once, and what that saved.
fn shared(explanation: &Explanation) -> Vec<(&str, Duration)> {
    let shared = explanation.shared.iter();
    shared
        .map(|shared| (explanation.steps[shared.step].name.as_str(), shared.saved))
        .collect()
}

/// Compiles on amd64 for both: one WORKDIR, one context.
pub(super) fn cross() -> Build {
    Build::default()
        .step("defn", "[internal] load build definition from cross.Dockerfile", &[], 0..10)
        .step("ctx", "[internal] load build context", &[], 10..60)
        .step("go", "[linux/amd64 build 1/3] FROM golang@sha256:aa", &[], 10..40)
        .but(|vertex| vertex.cached = true)
        .step("da", "[linux/amd64 stage-1 1/2] FROM debian@sha256:bb", &[], 10..30)
        .step("dr", "[linux/arm64 stage-1 1/2] FROM debian@sha256:bb", &[], 10..30)
        .step("wd", "[linux/amd64 build 2/3] WORKDIR /src", &["go"], 40..70)
        .step("ra", "[linux/amd64 build 3/3] RUN --mount=target=. GOARCH=$TARGETARCH go build -o /out/hello .", &["wd", "ctx"], 70..10_070)
        .step("rr", "[linux/amd64->arm64 build 3/3] RUN --mount=target=. GOARCH=$TARGETARCH go build -o /out/hello .", &["wd", "ctx"], 70..11_070)
        .step("ca", "[linux/amd64 stage-1 2/2] COPY --from=build /out/hello /", &["da", "ra"], 10_070..10_090)
        .step("cr", "[linux/arm64 stage-1 2/2] COPY --from=build /out/hello /", &["dr", "rr"], 11_070..11_090)
        .step("x", "exporting to image", &[], 11_090..11_200)
}

/// Compiles for each platform on that platform.
pub(super) fn naive() -> Build {
    let mut build = Build::default()
        .step(
            "defn",
            "[internal] load build definition from naive.Dockerfile",
            &[],
            0..10,
        )
        .step("ctx", "[internal] load build context", &[], 10..60);
    for (platform, end) in [("amd64", 10_100), ("arm64", 60_100)] {
        let id = |step: &str| format!("{step}-{platform}");
        let name = |rest: &str| format!("[linux/{platform} {rest}");
        let (from, debian, dir) = (id("go"), id("debian"), id("wd"));
        let (copy, run, last) = (id("cp"), id("run"), id("last"));
        build = build
            .step(
                &from,
                &name("build 1/4] FROM golang@sha256:cc"),
                &[],
                10..40,
            )
            .step(
                &debian,
                &name("stage-1 1/2] FROM debian@sha256:bb"),
                &[],
                10..30,
            )
            .step(&dir, &name("build 2/4] WORKDIR /src"), &[&from], 40..70)
            .step(&copy, &name("build 3/4] COPY . ."), &[&dir, "ctx"], 70..100)
            .step(
                &run,
                &name("build 4/4] RUN go build -o /out/hello ."),
                &[&copy],
                100..end,
            )
            .step(
                &last,
                &name("stage-1 2/2] COPY --from=build /out/hello /"),
                &[&debian, &run],
                end..end + 20,
            );
    }
    build.step("x", "exporting to image", &[], 60_120..60_200)
}

#[test]
fn a_cross_build_shares_what_comes_before_the_target_is_known() {
    let explanation = cross().explain(&busy_node());
    let expected = [
        ("[internal] load build context", Duration::from_millis(50)),
        (
            "[linux/amd64 build 2/3] WORKDIR /src",
            Duration::from_millis(30),
        ),
    ];
    assert_eq!(shared(&explanation), expected);
    let serves = |name| &explanation.steps[place(&explanation, name)].serves;
    let both = vec![Platform::linux("amd64"), Platform::linux("arm64")];
    assert_eq!(serves("[linux/amd64 build 2/3] WORKDIR /src"), &both);
    assert_eq!(
        serves("[linux/amd64 stage-1 1/2] FROM debian@sha256:bb"),
        &both[..1]
    );
    assert_eq!(
        serves("[linux/arm64 stage-1 1/2] FROM debian@sha256:bb"),
        &both[1..]
    );
    assert_eq!(serves("exporting to image"), &[]);
}

#[test]
fn a_naive_build_shares_only_its_context() {
    let explanation = naive().explain(&busy_node());
    let expected = [("[internal] load build context", Duration::from_millis(50))];
    assert_eq!(shared(&explanation), expected);
}

#[test]
fn what_came_from_the_cache_was_not_executed_once() {
    let mut build = cross();
    for vertex in &mut build.vertexes {
        vertex.cached |= vertex.digest == "wd";
    }
    let explanation = build.explain(&busy_node());
    let dir = &explanation.steps[place(&explanation, "[linux/amd64 build 2/3] WORKDIR /src")];
    assert_eq!(dir.serves.len(), 2);
    let names: Vec<&str> = shared(&explanation).iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["[internal] load build context"]);
}

#[test]
fn a_step_for_three_platforms_is_saved_twice() {
    let mut build = Build::default().step("c", "[internal] load build context", &[], 0..70);
    for platform in ["amd64", "arm64", "riscv64"] {
        let name = format!("[linux/{platform} 2/2] COPY . .");
        build = build.step(platform, &name, &["c"], 70..80);
    }
    let explanation = build.explain(&Conditions::default());
    let expected = [("[internal] load build context", Duration::from_millis(140))];
    assert_eq!(shared(&explanation), expected);
}

#[test]
fn a_ring_of_steps_serves_nothing_and_ends() {
    let build = Build::default()
        .step(
            "a",
            "[linux/amd64 a 1/2] RUN a",
            &["b", "a", "nothing"],
            0..70,
        )
        .step("b", "[linux/arm64 a 1/2] RUN a", &["a"], 0..70);
    let explanation = build.explain(&busy_node());
    for step in &explanation.steps {
        assert_eq!(step.serves, []);
        assert_eq!(step.inputs.len(), 1);
    }
    assert_eq!(shared(&explanation), []);
}
