//! One build as Chrome trace events, which Perfetto and `chrome://tracing`
//! open. The form is the "Trace Event Format" document's: an object with
//! `traceEvents`, times in microseconds.
//!
//! A process is a platform, a thread of it a lane: steps that ran at once are
//! in different lanes, since events of one thread must not overlap. The
//! critical path and the number of steps at once have processes of their own.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Subject;
use super::rows::{WHOLE_BUILD, by_platform};
use super::waits::waiting;
use crate::escape;
use crate::explain::{Explanation, Interval, StepFacts};
use crate::model::Platform;

/// What is no work.
const WAITING: &str = "waiting";
/// Characters of a text from outside.
const MAX_TEXT: usize = 1000;

/// One build as a JSON document. Text from outside is bounded, with control
/// characters written out.
pub fn trace_events(subject: &Subject, explanation: &Explanation) -> String {
    let mut events = Vec::new();
    let path = critical_path(explanation);
    process(&mut events, 1, "critical path");
    thread(&mut events, 1, 1, "critical path");
    events.extend(path);
    process(&mut events, 2, "steps at once");
    let points = explanation.concurrency.as_ref();
    let points = points.map_or(&[][..], |concurrency| &concurrency.points);
    events.extend(points.iter().map(|point| {
        json!({
            "ph": "C", "pid": 2, "tid": 0, "name": "steps at once",
            "ts": micros(point.at), "args": { "steps": point.steps },
        })
    }));
    let platforms = by_platform(explanation, 0..explanation.steps.len());
    for (number, (platform, places)) in platforms.into_iter().enumerate() {
        let pid = number + 3;
        let name = match platform {
            Some(place) => place.describe(),
            None => WHOLE_BUILD.to_owned(),
        };
        process(&mut events, pid, &name);
        let steps = places.into_iter().map(|place| &explanation.steps[place]);
        lanes(&mut events, pid, steps);
    }
    let document = json!({
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": other(subject, explanation),
    });
    format!("{document}\n")
}

/// Steps of a process, each interval in the first lane that is free.
fn lanes<'e>(events: &mut Vec<Value>, pid: usize, steps: impl Iterator<Item = &'e StepFacts>) {
    let mut lanes: Vec<Duration> = Vec::new();
    for step in steps {
        let worked = step
            .intervals
            .iter()
            .map(|time| (time, step_name(step), step.kind.as_str()));
        let waited = step
            .waited_for_cache
            .iter()
            .map(|wait| (&wait.time, waiting(step), WAITING));
        let mut all: Vec<_> = worked.chain(waited).collect();
        all.sort_by_key(|(time, ..)| (time.start, time.end));
        for (interval, name, kind) in all {
            let free = lanes.iter().position(|end| *end <= interval.start);
            let lane = free.unwrap_or_else(|| {
                lanes.push(Duration::ZERO);
                thread(events, pid, lanes.len(), &format!("lane {}", lanes.len()));
                lanes.len() - 1
            });
            lanes[lane] = interval.end;
            events.push(complete(
                (pid, lane + 1),
                &name,
                kind,
                interval,
                arguments(step),
            ));
        }
    }
}

/// What is of the whole build.
fn other(subject: &Subject, explanation: &Explanation) -> Map<String, Value> {
    let mut other = Map::new();
    let title = escape::terminal(&subject.title, MAX_TEXT);
    other.insert("title".into(), json!(title));
    let begin = explanation.begin.map(|begin| begin.to_string());
    other.insert("begin".into(), json!(begin));
    other.insert("complete".into(), json!(explanation.complete));
    if let Some(failure) = &explanation.failure {
        let message = escape::terminal(&failure.message, MAX_TEXT);
        let how = ["failed", "cancelled"][usize::from(failure.cancelled)];
        other.insert(how.into(), json!(message));
    }
    if let Some(node) = &explanation.node {
        other.insert("node".into(), json!(node.to_string()));
    }
    other
}

/// A step's name; an event must have one.
fn step_name(step: &StepFacts) -> String {
    match step.name.as_str() {
        "" => "a step without a name".to_owned(),
        name => escape::terminal(name, MAX_TEXT),
    }
}

fn critical_path(explanation: &Explanation) -> impl Iterator<Item = Value> {
    explanation.critical_path.iter().map(|part| {
        let (name, kind, arguments) = match part.step {
            Some(step) => {
                let step = &explanation.steps[step];
                let name = step_name(step);
                (
                    name,
                    step.kind.as_str(),
                    json!({ "digest": escape::terminal(&step.digest, MAX_TEXT) }),
                )
            }
            None => {
                let step = part.waits.map(|step| &explanation.steps[step]);
                let name = step.map_or_else(|| WAITING.to_owned(), waiting);
                (name, WAITING, json!({}))
            }
        };
        complete((1, 1), &name, kind, &part.time, arguments)
    })
}

fn process(events: &mut Vec<Value>, pid: usize, name: &str) {
    for (what, arguments) in [
        ("process_name", json!({ "name": name })),
        ("process_sort_index", json!({ "sort_index": pid })),
    ] {
        events.push(json!({ "ph": "M", "pid": pid, "name": what, "args": arguments }));
    }
}

fn thread(events: &mut Vec<Value>, pid: usize, tid: usize, name: &str) {
    let arguments = json!({ "name": name });
    events.push(json!({
        "ph": "M", "pid": pid, "tid": tid, "name": "thread_name", "args": arguments,
    }));
}

/// An event with a start and a length.
fn complete(
    (pid, tid): (usize, usize),
    name: &str,
    category: &str,
    time: &Interval,
    arguments: Value,
) -> Value {
    json!({
        "ph": "X", "pid": pid, "tid": tid, "name": name, "cat": category,
        "ts": micros(time.start), "dur": micros(time.length()), "args": arguments,
    })
}

fn arguments(step: &StepFacts) -> Value {
    let platform = |platform: &Option<Platform>| platform.as_ref().map(ToString::to_string);
    let serves: Vec<String> = step.serves.iter().map(ToString::to_string).collect();
    let error = step.error.as_ref();
    json!({
        "kind": step.kind,
        "digest": escape::terminal(&step.digest, MAX_TEXT),
        "instruction": escape::terminal(&step.instruction, MAX_TEXT),
        "stage": step.stage.as_ref().map(|stage| escape::terminal(stage, MAX_TEXT)),
        "line": step.line,
        "platform": platform(&step.platform),
        "target": platform(&step.target),
        "serves": serves,
        "cached": step.cached,
        "error": error.map(|error| escape::terminal(error, MAX_TEXT)),
        "critical_seconds": step.critical.as_secs_f64(),
        "bytes_moved": step.bytes_moved,
        "log_bytes": step.log_bytes,
    })
}

/// Microseconds, with the nanoseconds after the point.
fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
