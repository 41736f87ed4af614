use std::collections::BTreeMap;

use super::super::status::{Vertex, VertexLog, VertexStatus};
use super::*;
use proptest::prelude::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn vertex(name: &str, started: Option<i64>, completed: Option<i64>) -> Vertex {
    Vertex {
        digest: format!("sha256:{name}"),
        name: name.to_owned(),
        started: started.map(at),
        completed: completed.map(at),
        ..Vertex::default()
    }
}

fn fold(updates: impl IntoIterator<Item = Vertex>) -> Trace {
    let mut trace = Trace::new();
    for vertex in updates {
        trace.push(&SolveStatus {
            vertexes: vec![vertex],
            ..SolveStatus::default()
        });
    }
    trace
}

#[test]
fn running_steps_come_and_go() {
    let name = "[linux/arm64 build 2/2] RUN make";
    let mut trace = fold([
        vertex("[internal] load build context", Some(1), Some(2)),
        vertex(name, None, None),
    ]);
    assert!(trace.running().is_empty());
    trace.push(&SolveStatus {
        vertexes: vec![vertex(name, Some(3), None)],
        ..SolveStatus::default()
    });
    let running = trace.running();
    assert_eq!(running.len(), 1);
    assert_eq!(
        running[0].label.platform.as_ref().unwrap().to_string(),
        "linux/arm64"
    );
    trace.push(&SolveStatus {
        vertexes: vec![vertex(name, Some(3), Some(9))],
        ..SolveStatus::default()
    });
    assert!(trace.running().is_empty());
    assert_eq!(trace.server_span(), Some(Duration::from_secs(8)));
    assert_eq!((trace.count(), trace.cached_count()), (1, 0));
}

#[test]
fn the_cause_is_told_not_the_steps_that_it_cancelled() {
    let process = "process \"x\" did not complete successfully: exit code: ";
    let mut victim = vertex("[linux/amd64 b 1/1] RUN sleep", Some(1), Some(3));
    victim.error = format!("{process}137: context canceled: context canceled");
    let mut cause = vertex("[linux/arm64 b 1/1] RUN make", Some(2), Some(4));
    cause.error = format!("{process}2");
    let mut trace = fold([victim, cause.clone()]);
    trace.push(&SolveStatus {
        logs: vec![VertexLog {
            vertex: cause.digest.clone(),
            data: b"make: *** [all] Error 1\n".to_vec(),
            ..VertexLog::default()
        }],
        ..SolveStatus::default()
    });
    let failure = trace.failure().unwrap();
    assert_eq!(failure.step.as_deref(), Some(cause.name.as_str()));
    assert_eq!(failure.exit_code, Some(2));
    assert_eq!(failure.log_tail, ["make: *** [all] Error 1"]);
}

#[test]
fn a_stopped_build_tells_where_it_stood() {
    let trace = fold([
        vertex("[internal] load build context", Some(1), None),
        vertex("[linux/arm64 b 1/2] RUN make", Some(2), None),
        vertex("[linux/amd64 b 1/2] RUN make", Some(2), Some(3)),
    ]);
    let failure = trace.stopped("no result within 5s");
    assert_eq!(failure.message, "no result within 5s");
    assert_eq!(
        failure.step.as_deref(),
        Some("[linux/arm64 b 1/2] RUN make")
    );
}

fn any_vertex() -> impl Strategy<Value = Vertex> {
    (
        "[a-c]{0,1}",
        "\\PC{0,40}|\\[[^\\]]{0,20}\\] .{0,20}",
        proptest::option::of(0i64..50),
        proptest::option::of(0i64..50),
        any::<bool>(),
        "|.{0,30}|did not complete successfully: exit code: [0-9]{0,12}.{0,20}",
        proptest::collection::vec("[a-e]", 0..4),
    )
        .prop_map(
            |(digest, name, started, completed, cached, error, inputs)| Vertex {
                digest,
                name,
                inputs,
                started: started.map(at),
                completed: completed.map(at),
                cached,
                error,
                ..Vertex::default()
            },
        )
}

proptest! {
    #[test]
    fn any_input_folds(updates in proptest::collection::vec(any_vertex(), 0..60), data: Vec<u8>) {
        let mut trace = fold(updates);
        trace.push(&SolveStatus {
            logs: vec![VertexLog { vertex: "a".into(), data, ..VertexLog::default() }],
            ..SolveStatus::default()
        });
        prop_assert!(trace.cached_count() <= trace.count());
        trace.failure();
        trace.stopped("x");
        let window = trace.server_window();
        prop_assert_eq!(window.is_some(), trace.steps().iter().any(Step::has_started));
        let length = window.map(|(first, last)| Duration::try_from(last.duration_since(first)).unwrap());
        prop_assert_eq!(trace.server_span(), length);
        for (at, step) in trace.steps().iter().enumerate() {
            prop_assert_eq!(trace.index_of(&step.digest), Some(at));
            let last = step.completed();
            prop_assert!(last.is_none_or(|last| last <= window.unwrap().1));
            for pair in step.intervals().windows(2) {
                prop_assert!(pair[0].end.unwrap() < pair[1].start);
            }
            step.busy();
        }
    }

    /// Names and errors of one digest agree in a real stream, so only
    /// times and cache hits differ between the updates here.
    #[test]
    fn order_and_repetition_do_not_matter(
        times in proptest::collection::vec((0usize..4, proptest::option::of(0i64..30), proptest::option::of(0i64..30), any::<bool>()), 1..60),
        seed in any::<prop::sample::Index>(),
    ) {
        let updates: Vec<Vertex> = times.iter().map(|(n, started, completed, cached)| {
            let mut vertex = vertex(&format!("[linux/arm64 b {n}/4] RUN {n}"), *started, *completed);
            vertex.cached = *cached;
            vertex
        }).collect();
        let mut turned = updates.clone();
        turned.reverse();
        turned.rotate_left(seed.index(updates.len()));
        turned.extend(updates.iter().cloned());
        let steps = |updates| {
            let mut steps = fold(updates).steps;
            steps.sort_by(|a, b| a.digest.cmp(&b.digest));
            steps
        };
        prop_assert_eq!(steps(updates), steps(turned));
    }

    /// Progress and output may be told before the step that they are of,
    /// and progress again.
    #[test]
    fn bytes_are_those_of_each_step(
        parts in proptest::collection::vec((0usize..4, "[a-c]", -3i64..100), 0..40),
        logs in proptest::collection::vec((0usize..4, proptest::collection::vec(any::<u8>(), 0..50)), 0..20),
        at in any::<prop::sample::Index>(),
        again in any::<prop::sample::Index>(),
    ) {
        let digest = |n: usize| format!("sha256:{n}");
        let progress: Vec<SolveStatus> = parts.iter().map(|(n, id, current)| SolveStatus {
            statuses: vec![VertexStatus { id: id.clone(), vertex: digest(*n), current: *current, ..VertexStatus::default() }],
            ..SolveStatus::default()
        }).collect();
        let mut stream = progress.clone();
        stream.extend(progress.iter().take(again.index(progress.len() + 1)).cloned());
        stream.extend(logs.iter().map(|(n, data)| SolveStatus {
            logs: vec![VertexLog { vertex: digest(*n), data: data.clone(), ..VertexLog::default() }],
            ..SolveStatus::default()
        }));
        // The last digest is never reported as a step.
        let vertexes = (0..3).map(|n| Vertex { digest: digest(n), inputs: vec![digest(n + 1), "x".into()], ..Vertex::default() });
        let reported = SolveStatus { vertexes: vertexes.collect(), ..SolveStatus::default() };
        stream.insert(at.index(stream.len() + 1), reported.clone());
        stream.push(reported);
        let mut trace = Trace::new();
        for status in &stream {
            trace.push(status);
        }
        prop_assert_eq!(trace.steps().len(), 3);
        prop_assert_eq!(trace.index_of(&digest(3)), None);
        for (n, step) in trace.steps().iter().enumerate() {
            prop_assert_eq!(&step.inputs, &[digest(n + 1), "x".to_owned()]);
            let mut most: BTreeMap<&str, u64> = BTreeMap::new();
            for (_, id, current) in parts.iter().filter(|(of, ..)| *of == n) {
                let most = most.entry(id).or_default();
                *most = (*most).max(u64::try_from(*current).unwrap_or(0));
            }
            prop_assert_eq!(step.bytes_moved(), most.values().sum::<u64>());
            let own = logs.iter().filter(|(of, _)| *of == n);
            let written: usize = own.map(|(_, data)| data.len()).sum();
            prop_assert_eq!(step.log_bytes, written as u64);
            prop_assert_eq!(step.log.is_empty(), written == 0);
        }
    }
}

#[test]
fn a_step_of_several_targets_has_the_same_name_whichever_told_of_it_first() {
    let of = |target: &str| Vertex {
        digest: "sha256:shared".into(),
        ..vertex(&format!("[{target} build 2/2] RUN make"), Some(1), Some(2))
    };
    for names in [["app", "web"], ["web", "app"]] {
        let trace = fold(names.map(of));
        assert_eq!(trace.steps()[0].name, "[app build 2/2] RUN make");
        assert_eq!(trace.steps()[0].label.stage.as_deref(), Some("app build"));
    }
}
