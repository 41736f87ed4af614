//! Why a build took as long as it did: what each step is, what the build was
//! waiting for, what emulation costs, and what it would have taken otherwise.
//! Pure: a trace and what is known of its builder in, plain data out.

pub mod advice;
mod cause;
mod conditions;
mod cost;
pub mod diff;
mod facts;
mod graph;
mod kind;
mod lines;
mod links;
mod locks;
mod node;
mod path;
mod run;
mod tools;
pub mod what_if;
pub mod why;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::model::Platform;
use crate::trace::{Label, Step, Trace, label};
pub use conditions::{Conditions, Instruction, NativeAlone};
pub use facts::{
    Activity, CacheWait, Concurrency, ConcurrencyPoint, Culprit, Explanation, FailureFacts,
    InstructionFacts, Interval, MakeUp, NativeElsewhere, PathPart, PlatformFacts, SharedStep,
    SlowDown, StepFacts,
};
use graph::{Graph, GraphStep, Nanos, share_of};
pub use kind::StepKind;
pub use lines::Lines;
pub use node::{Execution, Node};
pub use run::{RunExplanation, SampleExplanation, StoredTrace, explain_run};
pub use tools::Tool;
use what_if::Share;

/// Explains a build; `None` where no step of it began.
pub fn explain(trace: &Trace, conditions: &Conditions) -> Option<Explanation> {
    let mut graph = Graph::of(trace)?;
    locks::find(&mut graph, conditions.clock);
    let node = conditions.node.as_ref();
    let inputs = trace.steps().iter().flat_map(|step| &step.inputs);
    let taken: HashSet<&str> = inputs.map(String::as_str).collect();
    let lines = conditions.lines.by_digest(trace);
    let kinds: Vec<StepKind> = graph
        .steps
        .iter()
        .map(|step| {
            let assumed = assumed_platform(&step.step.label, conditions);
            let is_taken = taken.contains(step.step.digest.as_str());
            kind::kind_of(step.step, assumed, node, is_taken)
        })
        .collect();
    let shares = shares(&graph, &kinds, conditions);
    let failure = failure(trace, conditions);
    let failed = failure.as_ref().and_then(|_| {
        let failed = trace.failed_step().or_else(|| trace.stood_at())?;
        let place = |step: &GraphStep<'_>| std::ptr::eq(step.step, failed);
        graph.steps.iter().position(place)
    });
    let critical_path = critical_path(&graph, failed);
    let steps = step_facts(&graph, &kinds, &critical_path, &lines, conditions);
    let is_part =
        steps.iter().any(|step| step.unfinished) || (failure.is_none() && trace.is_part());
    let complete = !conditions.cut_off && !is_part;
    let is_whole = complete && failure.is_none();
    let tells_when = conditions.clock.tells_when();
    let costs = cost::costs(&graph, &steps, is_whole, &shares, conditions);
    let emulated = steps.iter().filter(|s| s.kind == StepKind::EmulatedRun);
    Some(Explanation {
        complete,
        failed,
        failure,
        clock: conditions.clock,
        begin: tells_when.then_some(graph.begin),
        span: Duration::from_nanos(graph.length),
        node: node.map(|node| node.native.clone()),
        core_share: core_share(&shares),
        make_up: make_up(&critical_path, &steps, graph.length),
        critical_path,
        emulated: emulated.map(|step| step.busy).sum(),
        concurrency: tells_when.then(|| concurrency(&graph)),
        platforms: platforms(trace, conditions),
        shared: shared(&steps),
        instructions: costs.instructions,
        culprit: costs.culprit,
        what_if: costs.what_if,
        steps,
    })
}

/// Why a build has no result: a step failed; or its client said why; or steps
/// were cancelled, and nothing was exported.
fn failure(trace: &Trace, conditions: &Conditions) -> Option<FailureFacts> {
    if let Some(failure) = trace.failure() {
        return Some(FailureFacts {
            message: failure.message,
            cancelled: false,
            by_step: true,
        });
    }
    if conditions.failure.is_some() {
        return conditions.failure.clone();
    }
    let was_cancelled = trace.steps().iter().any(Step::was_cancelled);
    (was_cancelled && !trace.was_exported()).then(|| FailureFacts {
        message: "cancelled".to_owned(),
        cancelled: true,
        by_step: false,
    })
}

/// The assumptions on how RUN steps share cores between which the truth lies:
/// near each other where it is known how busy the machine was.
fn shares(graph: &Graph<'_>, kinds: &[StepKind], conditions: &Conditions) -> Vec<Share> {
    let running = graph.concurrency(|at| kinds[at].is_run());
    let known = conditions
        .cpu_busy
        .and_then(|busy| Share::explaining(busy, graph.length, &running));
    let (low, high) = known.unwrap_or((Share::NONE, Share::ALL));
    vec![low, high]
}

fn core_share(shares: &[Share]) -> (f64, f64) {
    let values = shares.iter().map(|share| share.value());
    values.fold((1.0, 0.0), |(low, high), value| {
        (value.min(low), value.max(high))
    })
}

fn critical_path(graph: &Graph<'_>, failed: Option<usize>) -> Vec<PathPart> {
    let stretches = path::critical_path(graph, failed);
    let parts = stretches.into_iter().map(|stretch| PathPart {
        time: interval(stretch.span),
        step: stretch.step,
        waits: stretch.waits,
    });
    parts.collect()
}

fn interval(span: graph::Span) -> Interval {
    Interval {
        start: Duration::from_nanos(span.start),
        end: Duration::from_nanos(span.end),
    }
}

fn step_facts(
    graph: &Graph<'_>,
    kinds: &[StepKind],
    critical_path: &[PathPart],
    lines: &HashMap<&str, usize>,
    conditions: &Conditions,
) -> Vec<StepFacts> {
    let mut critical = vec![Duration::ZERO; graph.steps.len()];
    for part in critical_path {
        if let Some(step) = part.step {
            critical[step] += part.time.length();
        }
    }
    let facts = graph.steps.iter().zip(kinds).zip(critical);
    let facts = facts.map(|((found, &kind), critical)| {
        let GraphStep {
            step,
            spans,
            waits,
            inputs,
            serves,
            ..
        } = found;
        let label = &step.label;
        // BuildKit's own work and the transfer of sources are of no platform.
        let assumed = assumed_platform(label, conditions).filter(|_| label.position.is_some());
        // As a FROM that the builder resolves itself.
        let image = label.image_of_client();
        let instruction = image.map(|image| format!("FROM {image}"));
        StepFacts {
            digest: step.digest.clone(),
            name: label::shown(&step.name),
            kind,
            node: label.node.clone(),
            stage: label.stage.clone().filter(|_| image.is_none()),
            position: label.position,
            instruction: instruction.unwrap_or_else(|| label.instruction.clone()),
            line: lines.get(step.digest.as_str()).copied(),
            platform: label.platform.as_ref().or(assumed).cloned(),
            target: label.made_for().or(assumed).cloned(),
            serves: serves.clone(),
            inputs: inputs.clone(),
            cached: step.cached && !was_executed(step),
            error: step.error.clone(),
            cancelled: step.was_cancelled(),
            intervals: spans.iter().copied().map(interval).collect(),
            busy: Duration::from_nanos(found.busy()),
            waited_for_cache: waits.iter().map(cache_wait).collect(),
            critical,
            before: Duration::from_nanos(found.before),
            bytes_moved: step.bytes_moved(),
            log_bytes: step.log_bytes,
            unfinished: step.is_running(),
        }
    });
    facts.collect()
}

fn cache_wait(wait: &graph::Wait) -> CacheWait {
    let time = interval(wait.span);
    CacheWait {
        id: wait.id.clone(),
        time,
        length: time.length(),
        holder: wait.holder,
    }
}

/// The platform that a step whose name holds none is taken to run on.
///
/// It is the one that was built, unless its stage may run elsewhere: a stage
/// that is `FROM --platform=…`. Where the Dockerfile is not known, any may be
/// that; one that runs natively all the same loses nothing by it.
fn assumed_platform<'c>(label: &Label, conditions: &'c Conditions) -> Option<&'c Platform> {
    let name = label.node.as_deref();
    let platform = match (name, &conditions.node) {
        (Some(name), Some(node)) => node.only_one_of(name, &conditions.built)?,
        _ => conditions.platform.as_ref()?,
    };
    let is_native = |node: &Node| node.execution_on(name, platform) == Execution::Native;
    let is_sure = match conditions.lines.is_pinned(label) {
        Some(is_pinned) => !is_pinned,
        None => conditions.node.as_ref().is_some_and(is_native),
    };
    is_sure.then_some(platform)
}

/// Whether a step was executed in this build, though it was taken from the
/// cache afterwards: a second target that needs it finds it there. A step
/// without inputs reports the same when it is only looked up.
fn was_executed(step: &Step) -> bool {
    // What a linked COPY's result needs is merged from the cache, too.
    let is_link = step.label.instruction.starts_with(links::LINK);
    step.executed && !step.inputs.is_empty() && !is_link
}

fn make_up(critical_path: &[PathPart], steps: &[StepFacts], length: Nanos) -> Vec<MakeUp> {
    let mut times: BTreeMap<Activity, Duration> = BTreeMap::new();
    for part in critical_path {
        let activity = match part.step {
            Some(step) => Activity::Step(steps[step].kind),
            None if part.waits.is_some() => Activity::WaitingForCache,
            None => Activity::Waiting,
        };
        *times.entry(activity).or_default() += part.time.length();
    }
    let whole = Duration::from_nanos(length);
    let parts = times.into_iter().map(|(activity, time)| MakeUp {
        activity,
        time,
        share: share_of(time, whole),
    });
    let mut parts: Vec<MakeUp> = parts.collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.time));
    parts
}

fn concurrency(graph: &Graph<'_>) -> Concurrency {
    let points = graph.concurrency(|_| true);
    let busy: u128 = graph.steps.iter().map(|s| u128::from(s.busy())).sum();
    Concurrency {
        mean: if graph.length == 0 {
            0.0
        } else {
            busy as f64 / graph.length as f64
        },
        max: points.iter().map(|(_, steps)| *steps).max().unwrap_or(0),
        points: points
            .into_iter()
            .map(|(at, steps)| ConcurrencyPoint {
                at: Duration::from_nanos(at),
                steps,
            })
            .collect(),
    }
}

/// Instructions and cache hits by the platform that they ran on.
fn platforms(trace: &Trace, conditions: &Conditions) -> Vec<PlatformFacts> {
    let mut platforms: BTreeMap<&Platform, (u32, u32)> = BTreeMap::new();
    for counted in trace.instructions() {
        let label = counted.label;
        let assumed = assumed_platform(label, conditions);
        if let Some(platform) = label.platform.as_ref().or(assumed) {
            let (steps, cached) = platforms.entry(platform).or_default();
            let is_cached = |step: &&Step| step.cached && !was_executed(step);
            *steps += 1;
            *cached += u32::from(counted.steps.iter().all(is_cached));
        }
    }
    let platforms = platforms.into_iter();
    platforms
        .map(|(platform, (steps, cached))| PlatformFacts {
            platform: platform.clone(),
            steps,
            cached,
        })
        .collect()
}

/// Steps that were executed once for several platforms.
fn shared(steps: &[StepFacts]) -> Vec<SharedStep> {
    let was_executed = |facts: &StepFacts| {
        let ended = !facts.cached && facts.error.is_none() && !facts.unfinished;
        ended && facts.kind != StepKind::Internal && facts.serves.len() > 1
    };
    let mut shared: Vec<SharedStep> = steps
        .iter()
        .enumerate()
        .filter(|(_, facts)| was_executed(facts))
        .map(|(step, facts)| {
            let again = u32::try_from(facts.serves.len() - 1).unwrap_or(u32::MAX);
            SharedStep {
                step,
                saved: facts.busy.saturating_mul(again),
            }
        })
        .collect();
    shared.sort_by_key(|shared| std::cmp::Reverse(shared.saved));
    shared
}

#[cfg(test)]
mod tests;
