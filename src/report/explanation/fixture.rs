//! Builds to test the renderers of explanations with.

use std::time::Duration;

use jiff::Timestamp;

use crate::explain::{Conditions, Explanation, Node, RunExplanation, SampleExplanation, explain};
use crate::model::{BuildKind, Platform};
use crate::report::View;
use crate::report::fixture as runs;
use crate::trace::status::{Vertex, VertexLog, VertexStatus};
use crate::trace::{SolveStatus, Trace};

/// Hostile text of each kind: terminal escapes, HTML, Markdown, characters
/// that reorder or hide others, control characters, a line break.
pub(crate) const HOSTILE: &str = "\u{1b}[31m\u{9b}2J</text></title><script>alert(1)</script> \
     `|**[x](http://evil.example)** @everyone \u{202e}\u{200b}\0\r\n::error::x %0A\"'&";

/// A step, worked on from when to when in milliseconds.
pub(crate) fn step(id: &str, name: &str, inputs: &[&str], from: u64, to: u64) -> Vertex {
    Vertex {
        digest: format!("sha256:{id}"),
        name: name.to_owned(),
        inputs: inputs.iter().map(|id| format!("sha256:{id}")).collect(),
        started: Some(at(from)),
        completed: Some(at(to)),
        ..Vertex::default()
    }
}

fn at(milliseconds: u64) -> Timestamp {
    let begin: Timestamp = "2026-11-24T09:00:00Z".parse().unwrap();
    begin + Duration::from_millis(milliseconds)
}

pub(crate) fn trace(vertexes: Vec<Vertex>) -> Trace {
    let mut trace = Trace::new();
    trace.push(&SolveStatus {
        vertexes,
        ..SolveStatus::default()
    });
    trace
}

/// A two-core amd64 node, busy all the time.
pub(crate) fn conditions() -> Conditions {
    Conditions {
        node: Some(Node {
            cores: Some(2),
            ..Node::of(Platform::linux("amd64"))
        }),
        cpu_busy: Some(1.0),
        ..Conditions::default()
    }
}

pub(crate) fn explained(vertexes: Vec<Vertex>) -> Explanation {
    explain(&trace(vertexes), &conditions()).unwrap()
}

/// A naive build: arm64's compiler emulated beside amd64's, one COPY of amd64
/// from the cache.
pub(crate) fn naive_steps() -> Vec<Vertex> {
    let mut steps = vec![
        step(
            "df",
            "[internal] load build definition from Dockerfile",
            &[],
            0,
            100,
        ),
        step("ctx", "[internal] load build context", &[], 150, 400),
    ];
    for (platform, end) in [("amd64", 12_000), ("arm64", 60_000)] {
        let id = |name: &str| format!("{name}-{platform}");
        let name = |rest: &str| format!("[linux/{platform} build {rest}");
        steps.push(step(
            &id("from"),
            &name("1/3] FROM docker.io/library/golang:1.24@sha256:0123"),
            &[],
            150,
            300,
        ));
        let mut copy = step(
            &id("copy"),
            &name("2/3] COPY . ."),
            &[&id("from"), "ctx"],
            400,
            500,
        );
        copy.cached = platform == "amd64";
        steps.push(copy);
        steps.push(step(
            &id("run"),
            &name("3/3] RUN --mount=type=cache,target=/c CGO_ENABLED=0 go build -o /x ."),
            &[&id("copy")],
            520,
            end,
        ));
    }
    steps.push(step("export", "exporting to image", &[], 60_010, 60_500));
    steps
}

/// A cross-compiling build of the same.
pub(crate) fn cross_steps() -> Vec<Vertex> {
    let run = "RUN --mount=type=cache,target=/c CGO_ENABLED=0 GOARCH=$TARGETARCH go build -o /x .";
    vec![
        step(
            "df",
            "[internal] load build definition from Dockerfile",
            &[],
            0,
            100,
        ),
        step("ctx", "[internal] load build context", &[], 150, 400),
        step(
            "from",
            "[linux/amd64 build 1/3] FROM docker.io/library/golang:1.24",
            &[],
            150,
            300,
        ),
        step(
            "copy",
            "[linux/amd64 build 2/3] COPY . .",
            &["from", "ctx"],
            400,
            500,
        ),
        step(
            "run1",
            &format!("[linux/amd64 build 3/3] {run}"),
            &["copy"],
            520,
            10_000,
        ),
        step(
            "run2",
            &format!("[linux/amd64->arm64 build 3/3] {run}"),
            &["copy"],
            520,
            9_000,
        ),
    ]
}

/// A build that failed, another of whose steps was cancelled.
pub(crate) fn failing_steps() -> Vec<Vertex> {
    let mut failed = step("b", "[linux/amd64 build 2/2] RUN make", &["a"], 300, 1_000);
    failed.error = "process \"/bin/sh -c make\" did not complete successfully: exit code: 2".into();
    let mut cancelled = step("c", "[linux/arm64 build 2/2] RUN make", &["a"], 300, 1_050);
    cancelled.error =
        "process \"/bin/sh -c make\" did not complete successfully: exit code: 137: context canceled"
            .into();
    vec![
        step("a", "[linux/amd64 build 1/2] FROM debian", &[], 0, 300),
        failed,
        cancelled,
    ]
}

/// Of a naive and a cross-compiling variant one multi-arch sample each.
pub(crate) fn explained_run(naive: Explanation, cross: Explanation) -> (View, RunExplanation) {
    let (record, samples) = runs::run(&runs::ARTICLE, 1);
    let of = |variant: &str, explanation: Explanation| {
        let found = samples.iter().find(|sample| {
            sample.slot.variant == variant && sample.slot.kind == BuildKind::MultiArch
        });
        SampleExplanation {
            sample: found.unwrap().clone(),
            explanation,
        }
    };
    let explained = RunExplanation {
        samples: vec![of("naive", naive), of("cross", cross)],
    };
    (
        View::new(&runs::of(&record, &samples), &explained),
        explained,
    )
}

/// Everything that comes from outside is hostile, and some of it long.
pub(crate) fn hostile_trace() -> Trace {
    let long = "x".repeat(1 << 20);
    let mut failed = step(
        HOSTILE,
        &format!("[linux/arm64 {HOSTILE}build 2/3] RUN {HOSTILE}"),
        &["a"],
        300,
        2_000,
    );
    failed.error = format!("{HOSTILE}\n{long}{HOSTILE}");
    let mut trace = trace(vec![
        step(
            "a",
            &format!("[linux/amd64 build 1/3] FROM {HOSTILE}"),
            &[],
            0,
            300,
        ),
        step(
            "b",
            &format!("[linux/amd64 build 2/3] RUN {HOSTILE}"),
            &["a"],
            300,
            1_000,
        ),
        step(
            "c",
            &format!("[linux/amd64 build 3/3] RUN {long}"),
            &["b"],
            1_000,
            2_500,
        ),
        step("d", HOSTILE, &[], 100, 2_400),
        step("e", &long, &[], 100, 2_400),
        step("f", &format!("[internal] {HOSTILE}"), &[], 0, 50),
        failed,
    ]);
    trace.push(&SolveStatus {
        logs: vec![VertexLog {
            vertex: "sha256:b".into(),
            data: format!("{HOSTILE}{long}").into_bytes(),
            ..VertexLog::default()
        }],
        statuses: vec![VertexStatus {
            id: HOSTILE.into(),
            vertex: "sha256:b".into(),
            current: i64::MAX,
            total: i64::MIN,
            ..VertexStatus::default()
        }],
        ..SolveStatus::default()
    });
    trace
}
