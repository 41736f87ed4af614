//! Builds that share a builder, or a recording.

use std::time::Duration;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::{Explanation, explain};
use super::holds::holds;
use super::random::{Plan, plan};
use super::{busy_node, fold};
use crate::trace::status::Vertex;
use crate::trace::{Builds, SolveStatus};

const BEGIN: Duration = Duration::from_secs(1_000_000_000);

fn at(since: Duration) -> Timestamp {
    Timestamp::UNIX_EPOCH + since
}

fn step(digest: &str, name: &str, start: Duration, end: Duration) -> SolveStatus {
    SolveStatus {
        vertexes: vec![Vertex {
            digest: digest.to_owned(),
            name: name.to_owned(),
            started: Some(at(start)),
            completed: Some(at(end)),
            ..Vertex::default()
        }],
        ..SolveStatus::default()
    }
}

/// What buildx would write of a build: its own step first, its export last.
fn whole(plan: &Plan, session: &str, begin: Duration) -> Vec<SolveStatus> {
    let definition = "[internal] load build definition from Dockerfile";
    let ends = plan.times(None).into_iter().map(|(_, end)| end);
    let end = begin + Duration::from_nanos(ends.max().unwrap_or(0));
    let mut stream = vec![step(session, definition, begin, begin)];
    stream.extend(plan.stream_at(at(begin)));
    stream.push(step(
        &format!("{session}-export"),
        "exporting to image",
        end,
        end,
    ));
    stream
}

fn explained(stream: &[SolveStatus]) -> Explanation {
    explain(&fold(stream), &busy_node()).expect("a step that began")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Steps that another build did before are told with its times.
    #[test]
    fn what_another_build_did_before_does_not_count(
        plan in plan(),
        shared in vec((1u64..1_000_000_000_000, 1u64..100_000_000_000, any::<bool>()), 1..5),
        places in vec(any::<Index>(), 5),
    ) {
        let own = whole(&plan, "a", BEGIN);
        let alone = explained(&own);
        let mut stream = own.clone();
        for (number, (before, time, goes_on)) in shared.into_iter().enumerate() {
            let start = BEGIN - Duration::from_nanos(before);
            let end = start + Duration::from_nanos(time);
            // One that goes on must not end after this build does.
            let end = match goes_on {
                true => end.min(BEGIN + alone.span),
                false => end.min(BEGIN),
            };
            let name = format!("[linux/amd64 other {number}/9] RUN other");
            let place = 1 + places[number].index(stream.len());
            stream.insert(place, step(&format!("other-{number}"), &name, start, end));
        }
        let explanation = explained(&stream);
        prop_assert_eq!(explanation.begin, alone.begin);
        prop_assert_eq!(explanation.span, alone.span);
        holds(&explanation)?;
        for shared in explanation.steps.iter().filter(|step| step.name.contains("other")) {
            prop_assert!(!shared.before.is_zero());
        }
    }

    /// However many builds one recording holds, each is explained as if it were
    /// alone.
    #[test]
    fn builds_of_one_recording_are_told_apart(
        plans in vec((plan(), 0u64..1_000_000, any::<bool>()), 1..4),
        sizes in vec(1usize..6, 1..4),
    ) {
        let mut builds = Builds::new();
        let mut alone = Vec::new();
        for (number, (plan, begin, said)) in plans.iter().enumerate() {
            // Told in larger pieces, as where the client was slow.
            let stream = whole(plan, &format!("session-{number}"), Duration::from_secs(*begin));
            alone.push(explained(&stream));
            let mut rest = &stream[..];
            for size in sizes.iter().cycle() {
                let (these, others) = rest.split_at((*size).min(rest.len()));
                let mut joined = SolveStatus::default();
                for status in these {
                    joined.vertexes.extend(status.vertexes.iter().cloned());
                    joined.logs.extend(status.logs.iter().cloned());
                }
                builds.push(&joined);
                rest = others;
                if rest.is_empty() {
                    break;
                }
            }
            if *said {
                builds.push_text("WARNING: something else");
            }
        }
        let found: Vec<Explanation> = builds
            .end(false)
            .iter()
            .map(|build| explain(&build.trace, &busy_node()).expect("a step that began"))
            .collect();
        prop_assert_eq!(found, alone);
    }
}
