//! Builds and streams made up at random.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::{Conditions, FailureFacts, Instruction, Lines, NativeAlone, Node};
use crate::model::Platform;
use crate::trace::status::{Vertex, VertexLog, VertexStatus};
use crate::trace::{Clock, SolveStatus};

/// Names of every kind; `{}` is where a number goes, so that some repeat.
const NAMES: [&str; 16] = [
    "[linux/amd64 build {}/9] RUN make",
    "[linux/arm64 build {}/9] RUN make",
    "[linux/arm64 build {}/9] RUN make all",
    "[linux/amd64->arm64 build {}/9] RUN make",
    "[linux/amd64 build {}/9] WORKDIR /src",
    "[linux/arm64 stage-1 {}/9] COPY --from=build /a /b",
    "[linux/amd64 stage-1 {}/9] COPY --from=build /a /b",
    "[linux/arm64 build 1/9] FROM docker.io/library/golang:1.24",
    "[build {}/9] RUN make",
    "[internal] preparing inline document",
    "[internal] setting cache mount permissions {}",
    "exporting to image",
    "exporting cache {}",
    "pushing layers",
    "RUN something",
    "",
];

/// Names of steps that tell when a build began.
const OWN: [&str; 4] = [
    "[internal] load build definition from Dockerfile",
    "[internal] load metadata for x",
    "[internal] load git source x",
    "resolve image config for x",
];

/// Names of steps that want one cache for themselves.
const LOCKED: [&str; 2] = [
    "[linux/amd64 build 1/9] RUN --mount=type=cache,target=/c,sharing=locked make",
    "[linux/arm64 test 1/9] RUN --mount=type=cache,target=/d,sharing=locked \
     --mount=type=cache,target=/c,sharing=locked make",
];

fn any_name() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        7 => name(),
        2 => select(&LOCKED[..]).prop_map(str::to_owned),
        1 => select(&OWN[..]).prop_map(str::to_owned),
    ]
}

fn name() -> impl Strategy<Value = String> + Clone {
    (select(&NAMES[..]), 1u8..9).prop_map(|(name, number)| name.replace("{}", &number.to_string()))
}

/// A step of a build that could have been.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) name: String,
    /// Places of earlier steps, in order.
    pub(super) inputs: Vec<usize>,
    /// Nanoseconds from its inputs' end to its start.
    pub(super) lag: u64,
    /// Nanoseconds that it takes.
    pub(super) time: u64,
    /// Nanoseconds after which it rests, and how long; a second interval
    /// follows.
    pub(super) rest: Option<(u64, u64)>,
    pub(super) cached: bool,
}

/// A build that could have been: steps begin after their inputs have ended.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) steps: Vec<Planned>,
}

/// How long things take: often whole seconds, so that moments coincide.
fn time() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => Just(0u64),
        1 => 1u64..1000,
        3 => (1u64..5000).prop_map(|milliseconds| milliseconds * 1_000_000),
        3 => (1u64..9).prop_map(|seconds| seconds * 1_000_000_000),
        2 => 1u64..90_000_000_000,
    ]
}

prop_compose! {
    fn planned()(
        name in name(),
        inputs in vec(any::<Index>(), 0..4),
        lag in prop_oneof![Just(0u64), 0u64..50_000_000],
        time in time(),
        rest in option::weighted(0.2, (any::<Index>(), 1u64..1_000_000_000)),
        cached in proptest::bool::weighted(0.2),
    ) -> (Planned, Vec<Index>) {
        let rest = rest.filter(|_| time > 1).map(|(after, rest)| {
            let most = usize::try_from(time - 1).unwrap();
            (1 + after.index(most) as u64, rest)
        });
        (Planned { name, inputs: Vec::new(), lag, time, rest, cached }, inputs)
    }
}

pub(super) fn plan() -> impl Strategy<Value = Plan> {
    vec(planned(), 1..25).prop_map(|planned| {
        let mut steps: Vec<Planned> = Vec::new();
        for (mut step, inputs) in planned {
            if !steps.is_empty() {
                step.inputs = inputs.iter().map(|i| i.index(steps.len())).collect();
                step.inputs.sort_unstable();
                step.inputs.dedup();
            }
            steps.push(step);
        }
        Plan { steps }
    })
}

/// A plan of which each step but the first takes from one that takes time,
/// and is worked on at a stretch: what it waits for is in the graph.
pub(super) fn linked_plan() -> impl Strategy<Value = Plan> {
    (plan(), any::<Index>()).prop_map(|(mut plan, pick)| {
        for (place, step) in plan.steps.iter_mut().enumerate() {
            step.time = step.time.max(1);
            step.rest = None;
            step.cached = false;
            if place == 0 {
                step.lag = 0;
            } else if step.inputs.is_empty() {
                step.inputs.push(pick.index(place));
            }
        }
        plan
    })
}

impl Plan {
    /// Start and end of each step, nanoseconds from the plan's begin; with
    /// the step `without` taking no time, which may still rest.
    pub(super) fn times(&self, without: Option<usize>) -> Vec<(u64, u64)> {
        let mut times: Vec<(u64, u64)> = Vec::new();
        for (place, step) in self.steps.iter().enumerate() {
            let ready = step.inputs.iter().map(|input| times[*input].1).max();
            let start = ready.unwrap_or(0) + step.lag;
            let time = match without == Some(place) {
                true => 0,
                false => step.time,
            };
            let rest = step.rest.map_or(0, |(_, rest)| rest);
            times.push((start, start + time + rest));
        }
        times
    }

    /// What BuildKit would tell of it.
    pub(super) fn stream(&self) -> Vec<SolveStatus> {
        self.stream_at("2026-11-24T09:00:00Z".parse().unwrap())
    }

    /// The same, begun at some other time.
    pub(super) fn stream_at(&self, begin: Timestamp) -> Vec<SolveStatus> {
        let at = |nanos: u64| Some(begin + Duration::from_nanos(nanos));
        let mut updates: Vec<(u64, Vertex)> = Vec::new();
        for (place, (start, end)) in self.times(None).into_iter().enumerate() {
            let step = &self.steps[place];
            let vertex = Vertex {
                digest: id(place),
                name: step.name.clone(),
                inputs: step.inputs.iter().map(|input| id(*input)).collect(),
                ..Vertex::default()
            };
            updates.push((0, vertex.clone()));
            let intervals = match step.rest {
                Some((after, rest)) => vec![(start, start + after), (start + after + rest, end)],
                None => vec![(start, end)],
            };
            for (start, end) in intervals {
                let mut vertex = vertex.clone();
                vertex.started = at(start);
                updates.push((start, vertex.clone()));
                vertex.completed = at(end);
                vertex.cached = step.cached;
                updates.push((end, vertex));
            }
        }
        updates.sort_by_key(|(moment, _)| *moment);
        let stream = updates.into_iter().map(|(_, vertex)| SolveStatus {
            logs: vec![VertexLog {
                vertex: vertex.digest.clone(),
                data: b"a line\n".to_vec(),
                ..VertexLog::default()
            }],
            vertexes: vec![vertex],
            ..SolveStatus::default()
        });
        stream.collect()
    }
}

fn id(place: usize) -> String {
    format!("sha256:{place}")
}

/// A moment as no engine's clock need have it, and often the same one.
fn moment() -> impl Strategy<Value = Timestamp> {
    let end = Timestamp::MAX.as_second();
    let begin = Timestamp::MIN.as_second();
    prop_oneof![
        8 => (0i64..12).prop_map(|second| Timestamp::from_second(second).unwrap()),
        4 => (0i32..20).prop_map(|nanosecond| Timestamp::new(3, nanosecond).unwrap()),
        2 => (0i64..20_000_000_000).prop_map(|nanos| Timestamp::from_nanosecond(nanos.into()).unwrap()),
        1 => (begin..=end).prop_map(|second| Timestamp::from_second(second).unwrap()),
        1 => Just(Timestamp::MAX),
        1 => Just(Timestamp::MIN),
    ]
}

/// Whether a digest is always told with the same name and inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    Consistent,
    Contradictory,
}

/// A stream as a broken or hostile builder may send it: rings, steps that
/// take from themselves or from what is not there, times in any order, steps
/// that do not end, or are worked on many times. Each update by itself.
pub(super) fn hostile(telling: Telling) -> impl Strategy<Value = Vec<SolveStatus>> {
    let told = (any_name(), vec(0usize..14, 0..5));
    let of_digests = vec(told.clone(), 12);
    let vertex = (
        0usize..12,
        told,
        option::weighted(0.8, moment()),
        option::weighted(0.7, moment()),
        proptest::bool::weighted(0.1),
    );
    let burst = option::weighted(0.3, (0usize..12, 60i64..150, 1i32..2_000_000_000));
    let part = (0usize..14, "[a-c]", -5i64..1_000_000);
    let log = (0usize..14, vec(any::<u8>(), 0..20));
    let pieces = (vec(vertex, 0..40), burst, vec(part, 0..6), vec(log, 0..6));
    (of_digests, pieces).prop_map(move |(of_digests, (vertexes, burst, parts, logs))| {
        let vertex = |digest: usize, told: &(String, Vec<usize>)| {
            let (name, inputs) = match telling {
                Telling::Consistent => &of_digests[digest],
                Telling::Contradictory => told,
            };
            Vertex {
                digest: id(digest),
                name: name.clone(),
                inputs: inputs.iter().map(|input| id(*input)).collect(),
                ..Vertex::default()
            }
        };
        let mut stream = Vec::new();
        for (digest, told, started, completed, cached) in vertexes {
            stream.push(one(Vertex {
                started,
                completed,
                cached,
                ..vertex(digest, &told)
            }));
        }
        if let Some((digest, count, length)) = burst {
            for second in 0..count {
                let mut vertex = vertex(digest, &of_digests[digest]);
                vertex.started = Some(Timestamp::from_second(second * 3).unwrap());
                stream.push(one(vertex.clone()));
                let length = Duration::from_nanos(length.unsigned_abs().into());
                vertex.completed = vertex.started.map(|start| start + length);
                stream.push(one(vertex));
            }
        }
        stream.extend(
            parts
                .into_iter()
                .map(|(digest, part, current)| SolveStatus {
                    statuses: vec![VertexStatus {
                        id: part,
                        vertex: id(digest),
                        current,
                        ..VertexStatus::default()
                    }],
                    ..SolveStatus::default()
                }),
        );
        stream.extend(logs.into_iter().map(|(digest, data)| SolveStatus {
            logs: vec![VertexLog {
                vertex: id(digest),
                data,
                ..VertexLog::default()
            }],
            ..SolveStatus::default()
        }));
        stream
    })
}

fn one(vertex: Vertex) -> SolveStatus {
    SolveStatus {
        vertexes: vec![vertex],
        ..SolveStatus::default()
    }
}

/// A stream of a build that could have been, or of none.
pub(super) fn any_stream() -> impl Strategy<Value = Vec<SolveStatus>> {
    prop_oneof![
        plan().prop_map(|plan| plan.stream()),
        hostile(Telling::Contradictory),
    ]
}

prop_compose! {
    /// Anything that may be known of a build, true or not.
    pub(super) fn conditions()(
        node in option::of(select(&["amd64", "arm64", "riscv64"][..])),
        cores in option::of(0u32..9),
        platform in option::of(select(&["amd64", "arm64"][..])),
        cpu_busy in option::of(prop_oneof![4 => 0.0..1.0, 1 => any::<f64>()]),
        elsewhere in option::of((1u32..9, 0u64..100_000_000_000)),
        other_cores in option::of(prop_oneof![0u32..9, any::<u32>()]),
        cut_off in any::<bool>(),
        cancelled in proptest::bool::weighted(0.1),
    ) -> Conditions {
        let elsewhere = elsewhere.map(|(position, nanos)| {
            let stage = Some("build".to_owned());
            let time = Duration::from_nanos(nanos);
            let native = NativeAlone { what: "cold of naive".into(), time, has_cache_mount: false };
            (Instruction { stage, position }, native)
        });
        Conditions {
            node: node.map(|node| Node { cores, ..Node::of(Platform::linux(node)) }),
            platform: platform.map(Platform::linux),
            built: Vec::new(),
            cpu_busy,
            lines: Lines::default(),
            elsewhere: HashMap::from_iter(elsewhere),
            cores: other_cores,
            cut_off,
            clock: Clock::BuildKit,
            failure: cancelled.then(|| FailureFacts {
                message: "context canceled".into(),
                cancelled: true,
                by_step: false,
            }),
        }
    }
}
