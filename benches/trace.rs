//! Folding a status stream, which a live display does while it draws, and
//! explaining the build that it tells of.

use std::hint::black_box;
use std::time::Duration;

use buildrace::explain::diff::diff;
use buildrace::explain::{Conditions, Node, explain};
use buildrace::model::Platform;
use buildrace::trace::status::{Vertex, VertexLog, VertexStatus};
use buildrace::trace::{SolveStatus, Trace, rawjson};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;

const VERTICES: usize = 1000;

/// 1,000 vertices on two platforms, each reported when known, begun and ended,
/// with 20 pieces of log and 10 of progress between.
fn stream() -> Vec<SolveStatus> {
    let begin: Timestamp = "2026-11-23T20:45:00Z".parse().expect("a time");
    let at = |milliseconds: usize| Some(begin + Duration::from_millis(milliseconds as u64));
    let vertex = |n: usize| Vertex {
        digest: format!("sha256:{n:064x}"),
        name: format!(
            "[linux/{} build {n}/{VERTICES}] RUN make target-{n}",
            ["amd64", "amd64->arm64"][n % 2]
        ),
        inputs: vec![format!("sha256:{:064x}", n / 2)],
        ..Vertex::default()
    };
    let mut stream = vec![SolveStatus {
        vertexes: (0..VERTICES).map(vertex).collect(),
        ..SolveStatus::default()
    }];
    for n in 0..VERTICES {
        let mut begun = vertex(n);
        begun.started = at(n * 100);
        let mut ended = begun.clone();
        ended.completed = at(n * 100 + 250);
        let one = |vertex| SolveStatus {
            vertexes: vec![vertex],
            ..SolveStatus::default()
        };
        stream.push(one(begun));
        for piece in 0..20 {
            stream.push(SolveStatus {
                logs: vec![VertexLog {
                    vertex: format!("sha256:{n:064x}"),
                    stream: 1,
                    data: format!("compiling {piece} of target {n} {}\n", "x".repeat(80)).into(),
                    timestamp: at(n * 100 + piece),
                }],
                ..SolveStatus::default()
            });
        }
        for piece in 0..10 {
            stream.push(SolveStatus {
                statuses: vec![VertexStatus {
                    id: "transferring".into(),
                    vertex: format!("sha256:{n:064x}"),
                    current: piece * 1000,
                    ..VertexStatus::default()
                }],
                ..SolveStatus::default()
            });
        }
        stream.push(one(ended));
    }
    stream
}

/// 500 instructions for two platforms, one of them emulated: 1,000 steps, each
/// with 50 pieces of log and 50 of progress. Each takes from the one before it
/// and from a step of the other platform that many have in common.
fn twins() -> Vec<SolveStatus> {
    let begin: Timestamp = "2026-11-23T20:45:00Z".parse().expect("a time");
    let at = |milliseconds: usize| Some(begin + Duration::from_millis(milliseconds as u64));
    let digest = |n: usize| format!("sha256:{n:064x}");
    let mut stream = Vec::new();
    for n in 0..VERTICES {
        // An emulated step takes six times as long as its native twin.
        let (instruction, platform) = (n / 2 + 1, n % 2);
        let length = [100, 600][platform];
        let start = (instruction - 1) * length;
        let mut vertex = Vertex {
            digest: digest(n),
            name: format!(
                "[linux/{} build {instruction}/500] RUN make target-{instruction}",
                ["amd64", "arm64"][platform]
            ),
            inputs: n
                .checked_sub(2)
                .into_iter()
                .chain(n.checked_sub(101))
                .map(digest)
                .collect(),
            started: at(start),
            ..Vertex::default()
        };
        let one = |vertex: &Vertex| SolveStatus {
            vertexes: vec![vertex.clone()],
            ..SolveStatus::default()
        };
        stream.push(one(&vertex));
        for piece in 0..50 {
            stream.push(SolveStatus {
                logs: vec![VertexLog {
                    vertex: digest(n),
                    stream: 1,
                    data: format!("compiling {piece} of target {n} {}\n", "x".repeat(75)).into(),
                    timestamp: at(start + piece),
                }],
                statuses: vec![VertexStatus {
                    id: format!("layer {}", piece % 5),
                    vertex: digest(n),
                    current: piece as i64 * 1000,
                    ..VertexStatus::default()
                }],
                ..SolveStatus::default()
            });
        }
        vertex.completed = at(start + length);
        stream.push(one(&vertex));
    }
    stream
}

fn explaining(criterion: &mut Criterion) {
    let stream = twins();
    let entries: usize = stream.iter().map(|s| s.logs.len() + s.statuses.len()).sum();
    assert_eq!(entries, 100_000);
    let conditions = Conditions {
        node: Some(Node {
            cores: Some(4),
            ..Node::of(Platform::linux("amd64"))
        }),
        cpu_busy: Some(0.8),
        ..Conditions::default()
    };
    let trace = fold(&stream);
    let explanation = explain(&trace, &conditions).expect("it began");
    assert_eq!(explanation.steps.len(), VERTICES);
    assert_eq!(explanation.instructions.len(), VERTICES / 2);

    let mut group = criterion.benchmark_group("explain");
    group.sample_size(20);
    group.bench_function("1,000 steps", |bencher| {
        bencher.iter(|| explain(black_box(&trace), &conditions));
    });
    group.bench_function("difference of 1,000 steps to themselves", |bencher| {
        bencher.iter(|| diff(black_box(&explanation), black_box(&explanation)));
    });
    group.throughput(Throughput::Elements(entries as u64));
    group.bench_function(
        "fold 100,000 entries of 1,000 steps and explain",
        |bencher| {
            bencher.iter(|| explain(&fold(black_box(&stream)), &conditions));
        },
    );
    group.finish();
}

fn fold(stream: &[SolveStatus]) -> Trace {
    let mut trace = Trace::new();
    for status in stream {
        trace.push(status);
    }
    trace
}

fn benches(criterion: &mut Criterion) {
    let stream = stream();
    let mut json = Vec::new();
    for status in &stream {
        rawjson::write(status, &mut json).expect("memory takes it");
    }
    let trace = fold(&stream);
    assert_eq!(trace.count() as usize, VERTICES);

    let mut group = criterion.benchmark_group("trace");
    group.throughput(Throughput::Elements(stream.len() as u64));
    group.bench_function("fold 1,000 vertices", |bencher| {
        bencher.iter(|| fold(black_box(&stream)));
    });
    group.bench_function("what a display asks", |bencher| {
        bencher.iter(|| {
            let trace = black_box(&trace);
            (trace.running().len(), trace.count(), trace.cached_count())
        });
    });
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("read rawjson", |bencher| {
        bencher.iter(|| rawjson::Reader::new(black_box(json.as_slice())).count());
    });
    group.finish();
}

criterion_group!(trace, benches, explaining);
criterion_main!(trace);
