use super::*;
use crate::explain::{Conditions, Node, explain};
use crate::ops::explain::lines_of;
use crate::trace::{SolveStatus, Trace};

/// A step: its name, whether it came from the cache, and the steps that it
/// builds on.
type Told<'a> = (&'a str, bool, &'a [usize]);

fn build(dockerfile: &str, steps: &[Told<'_>]) -> Explanation {
    let mut trace = Trace::default();
    let digest = |at: &usize| format!("sha256:{at}");
    for (at, (name, cached, inputs)) in steps.iter().enumerate() {
        let inputs: Vec<String> = inputs.iter().map(digest).collect();
        let status: SolveStatus = serde_json::from_value(serde_json::json!({
            "vertexes": [{
                "digest": digest(&at),
                "name": name,
                "inputs": inputs,
                "started": format!("2026-01-01T00:00:{:02}Z", 2 * at),
                "completed": format!("2026-01-01T00:00:{:02}Z", 2 * at + 1),
                "cached": cached,
            }],
        }))
        .unwrap();
        trace.push(&status);
    }
    let conditions = Conditions {
        node: Some(node()),
        lines: lines_of(dockerfile),
        ..Conditions::default()
    };
    explain(&trace, &conditions).unwrap()
}

fn node() -> Node {
    let (record, _) = crate::report::fixture::run(&crate::report::fixture::ARTICLE, 1);
    Node::of_run(&record).unwrap()
}

const BASE: &str = "FROM debian AS build
WORKDIR /app
COPY requirements.txt .
RUN cp requirements.txt /deps
COPY src src
RUN cat src/main.c > /out
";

fn base() -> Explanation {
    build(
        BASE,
        &[
            ("[build 1/6] FROM docker.io/library/debian", true, &[]),
            ("[internal] load build context", false, &[]),
            ("[build 2/6] WORKDIR /app", true, &[0]),
            ("[build 3/6] COPY requirements.txt .", true, &[2, 1]),
            ("[build 4/6] RUN cp requirements.txt /deps", true, &[3]),
            ("[build 5/6] COPY src src", false, &[4, 1]),
            ("[build 6/6] RUN cat src/main.c > /out", false, &[5]),
        ],
    )
}

#[test]
fn a_lost_cache_hit_is_told_with_its_line_and_cause() {
    let text = "FROM debian AS build
WORKDIR /app
# everything
COPY . .
RUN cp requirements.txt /deps
RUN cat src/main.c > /out
";
    let change = build(
        text,
        &[
            ("[build 1/5] FROM docker.io/library/debian", true, &[]),
            ("[internal] load build context", false, &[]),
            ("[build 2/5] WORKDIR /app", true, &[0]),
            ("[build 3/5] COPY . .", false, &[2, 1]),
            ("[build 4/5] RUN cp requirements.txt /deps", false, &[3]),
            ("[build 5/5] RUN cat src/main.c > /out", false, &[4]),
        ],
    );
    let start = build(
        text,
        &[
            ("[build 1/5] FROM docker.io/library/debian", true, &[]),
            ("[internal] load build context", false, &[]),
            ("[build 2/5] WORKDIR /app", true, &[0]),
            ("[build 3/5] COPY . .", false, &[2, 1]),
            ("[build 4/5] RUN cp requirements.txt /deps", false, &[3]),
            ("[build 5/5] RUN cat src/main.c > /out", false, &[4]),
        ],
    );
    let of = |edited| Blamed {
        explanation: &change,
        start: Some(&start),
        edited,
    };
    let found = lost_cache(&base(), &of(Some(vec!["src/main.c"]))).unwrap();
    assert_eq!(found.line, Some(5));
    let start = "RUN cp requirements.txt /deps is not cached any more: COPY . . at line 4: \
                 src/main.c changed; it built on COPY requirements.txt . before";
    assert!(found.sentence.starts_with(start), "{}", found.sentence);
    let unknown = lost_cache(&base(), &of(None)).unwrap();
    assert!(
        unknown.sentence.contains("unknown which"),
        "{}",
        unknown.sentence
    );
    let alone = Blamed {
        start: None,
        ..of(None)
    };
    let alone = lost_cache(&base(), &alone).unwrap();
    assert!(!alone.sentence.contains("COPY"), "{}", alone.sentence);
    let same = base();
    let same = Blamed {
        explanation: &same,
        start: None,
        edited: None,
    };
    assert_eq!(lost_cache(&base(), &same), None);
    assert_eq!(added(&base(), &base()), None);
}

#[test]
fn a_step_that_became_emulated_is_told_with_its_stage() {
    let old = build(
        "FROM --platform=$BUILDPLATFORM debian\nRUN make\n",
        &[
            (
                "[linux/amd64->arm64 1/2] FROM docker.io/library/debian",
                false,
                &[],
            ),
            ("[linux/amd64->arm64 2/2] RUN make", false, &[0]),
        ],
    );
    let text = "FROM debian\nRUN make\nRUN more\n";
    let new = build(
        text,
        &[
            (
                "[linux/arm64 1/3] FROM docker.io/library/debian",
                false,
                &[],
            ),
            ("[linux/arm64 2/3] RUN make", false, &[0]),
            ("[linux/arm64 3/3] RUN more", true, &[1]),
        ],
    );
    let found = emulated(&old, &new).unwrap();
    assert_eq!(found.line, Some(2));
    assert_eq!(
        found.sentence,
        "RUN make for linux/arm64 runs under an emulator; it ran on linux/amd64 before: the stage \
         of line 1 is not built on the builder's own platform"
    );
    let found = added(&old, &new).unwrap();
    assert_eq!(
        (found.line, found.sentence.as_str()),
        (Some(3), "RUN more for linux/arm64 is new")
    );
}
