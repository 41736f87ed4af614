use super::*;
use crate::trace::SolveStatus;

/// A build whose steps are `name`, and whether it was executed or cached.
fn built(steps: &[(&str, bool)]) -> Trace {
    let mut trace = Trace::default();
    for (at, (name, executed)) in steps.iter().enumerate() {
        let started = format!("2026-01-01T00:00:{:02}Z", 2 * at);
        let completed = format!("2026-01-01T00:00:{:02}Z", 2 * at + 1);
        let status: SolveStatus = serde_json::from_value(serde_json::json!({
            "vertexes": [{
                "digest": format!("sha256:{at}"),
                "name": name,
                "started": started,
                "completed": completed,
                "cached": !executed,
            }],
        }))
        .unwrap();
        trace.push(&status);
    }
    trace
}

const BASE: [(&str, bool); 5] = [
    ("[internal] load build definition from Dockerfile", true),
    ("[1/4] FROM docker.io/library/debian:trixie-slim", true),
    ("[2/4] WORKDIR /app", false),
    ("[3/4] COPY src .", true),
    ("[4/4] RUN --mount=type=cache,target=/c make", true),
];

fn cached(steps: &[(&'static str, bool)]) -> Vec<(&'static str, bool)> {
    steps.iter().map(|(name, _)| (*name, false)).collect()
}

/// `same`, `unknown`, or the digests that differ.
fn told(base: &[(&str, bool)], change: &[(&str, bool)], other_dockerfile: bool) -> String {
    match compare(&built(base), built(change), other_dockerfile) {
        Probed::Same { steps } => format!("same {steps}"),
        Probed::Differs { steps, .. } => Vec::from_iter(steps).join(" "),
        Probed::Unknown(_) => "unknown".to_owned(),
        Probed::Interrupted => unreachable!(),
    }
}

#[test]
fn a_change_is_the_base_if_all_of_it_comes_from_the_bases_cache() {
    assert_eq!(told(&BASE, &cached(&BASE), true), "same 3");
    // What is gone is no work, and numbers move.
    let shorter = [("[2/3] WORKDIR /app", false), ("[3/3] COPY src .", false)];
    assert_eq!(told(&BASE, &shorter, true), "same 2");
    let mut executed = cached(&BASE);
    executed[3].1 = true;
    assert_eq!(told(&BASE, &executed, true), "sha256:3");
}

#[test]
fn what_the_builder_held_before_is_no_proof() {
    // BuildKit leaves the id of a cache mount out of a step's key.
    let mut mount = cached(&BASE);
    mount[4].0 = "[4/4] RUN --mount=type=cache,target=/c,id=other make";
    assert_eq!(told(&BASE, &mount, true), "sha256:4");
    // A frontend that does not know the keys of the probe.
    let mut old = BASE;
    old[4].1 = false;
    assert_eq!(told(&old, &cached(&BASE), true), "unknown");
    old = BASE;
    old[3].1 = false;
    assert_eq!(told(&old, &cached(&BASE), true), "unknown");
    // The same for another platform.
    let both = [
        ("[linux/amd64 1/1] COPY src .", true),
        ("[linux/arm64 1/1] COPY src .", false),
    ];
    assert_eq!(told(&both, &cached(&both), true), "same 2");
    // A file that the Dockerfile writes.
    let inline = [("[2/2] COPY <<EOF /etc/x", true)];
    assert_eq!(told(&inline, &cached(&inline), true), "unknown");
    assert_eq!(told(&inline, &cached(&inline), false), "same 1");
}
