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
    match compare(built(base), built(change), other_dockerfile) {
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
    let mount = |digest, id| {
        let name = format!("[1/1] RUN --mount=type=cache,target=/c,id={id} make");
        linked(&[(digest, &name, &[], id == "one")])
    };
    let told_of = |change| match compare(mount("a", "one"), change, true) {
        Probed::Differs { steps, .. } => Vec::from_iter(steps).join(" "),
        other => format!("{other:?}"),
    };
    assert_eq!(told_of(mount("b", "other")), "b");
    // What a stage is called is in no digest.
    assert_eq!(told_of(mount("a", "renamed")), "Same { steps: 1 }");
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

/// A build whose steps are digest, name, what it takes from, and whether it was
/// executed.
fn linked(steps: &[(&str, &str, &[&str], bool)]) -> Trace {
    let mut trace = Trace::default();
    for (digest, name, inputs, executed) in steps {
        let status: SolveStatus = serde_json::from_value(serde_json::json!({
            "vertexes": [{
                "digest": digest,
                "name": name,
                "inputs": inputs,
                "started": "2026-01-01T00:00:00Z",
                "completed": "2026-01-01T00:00:01Z",
                "cached": !executed,
            }],
        }))
        .unwrap();
        trace.push(&status);
    }
    trace
}

#[test]
fn what_holds_no_sent_file_is_the_bases_by_its_digest() {
    let from = ("from", "[1/4] FROM docker.io/library/debian", &[][..], true);
    let build = |tools, load, copy, make, executed| {
        linked(&[
            from,
            (tools, "[2/4] RUN make tools", &["from"], executed),
            (load, "[internal] load build context", &[], true),
            (copy, "[3/4] COPY src .", &[tools, load], executed),
            (make, "[4/4] RUN make", &[copy], executed),
        ])
    };
    let base = || build("tools", "load-1", "copy-1", "make-1", true);
    let told = |change: Trace| match compare(base(), change, true) {
        Probed::Differs { steps, .. } => Vec::from_iter(steps).join(" "),
        other => format!("{other:?}"),
    };
    // Whatever files are in has another digest in every build.
    let same = build("tools", "load-2", "copy-2", "make-2", false);
    assert_eq!(told(same), "Same { steps: 3 }");
    // An old frontend gives RUN no host name, and somebody built the change
    // before: of the same text, and with another environment.
    let other = build("tools-j1", "load-2", "copy-2", "make-2", false);
    assert_eq!(told(other), "tools-j1");
}

#[test]
fn steps_of_another_frontend_are_steps() {
    let base = || {
        linked(&[
            ("syntax", "docker-image://docker.io/x/nix:1", &[], true),
            ("local", "local://context", &[], true),
            ("install", "/bin/sh -c install", &["local"], true),
        ])
    };
    let change = |executed| {
        linked(&[
            ("syntax", "docker-image://docker.io/x/nix:1", &[], true),
            ("local-2", "local://context", &[], true),
            ("install-2", "/bin/sh -c install", &["local-2"], executed),
            ("e", "exporting to image", &[], true),
        ])
    };
    match compare(base(), change(true), false) {
        Probed::Differs { steps, .. } => assert_eq!(Vec::from_iter(steps), ["install-2"]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        compare(base(), change(false), false),
        Probed::Same { .. }
    ));
}
