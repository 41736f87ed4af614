//! Folding a status stream: a live display does it while it draws.

use std::hint::black_box;
use std::time::Duration;

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

criterion_group!(trace, benches);
criterion_main!(trace);
