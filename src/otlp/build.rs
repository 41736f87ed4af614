//! A build as spans: one for the build, and below it one for each interval of
//! each step.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::span::{Span, Value};
use crate::explain::{Explanation, Interval, StepFacts};

/// What a build is called in a collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildName {
    /// `go-hello naive multi-arch, round 1`, or a file's name.
    pub title: String,
    /// Id of its run, where it is of one.
    pub run: Option<String>,
    /// Id of its sample, where it is one.
    pub sample: Option<String>,
}

/// The spans of a build; none where it is unknown when its steps ran. Their ids derive from
/// its name and begin, so that a build that is sent again is the same trace again.
pub fn spans(name: &BuildName, explanation: &Explanation) -> Vec<Span> {
    let Some(begin) = explanation.begin else {
        return Vec::new();
    };
    let identity = format!(
        "{}\0{}\0{}\0{}",
        name.title,
        name.run.as_deref().unwrap_or_default(),
        name.sample.as_deref().unwrap_or_default(),
        begin
    );
    let trace_id: [u8; 16] = id(&identity, "trace");
    let root: [u8; 8] = id(&identity, "build");
    // Times of a recording are what they are, 300 years apart if need be.
    let at = |since_begin: Duration| {
        let end = begin.checked_add(since_begin);
        end.unwrap_or(Timestamp::MAX)
    };
    let failure = explanation.failed.map(|failed| &explanation.steps[failed]);
    let mut spans = vec![Span {
        trace_id,
        span_id: root,
        parent: None,
        name: name.title.clone(),
        start: begin,
        end: at(explanation.span),
        attributes: build_attributes(name, explanation),
        error: failure.and_then(|step| step.error.clone()),
    }];
    for (place, step) in explanation.steps.iter().enumerate() {
        for (number, interval) in step.intervals.iter().enumerate() {
            spans.push(Span {
                trace_id,
                span_id: id(&identity, &format!("{place}.{number}")),
                parent: Some(root),
                name: step.name.clone(),
                start: at(interval.start),
                end: at(interval.end),
                attributes: step_attributes(step, is_critical(explanation, place, interval)),
                // The last interval is the one that failed.
                error: step
                    .error
                    .clone()
                    .filter(|_| number + 1 == step.intervals.len()),
            });
        }
    }
    spans
}

/// The first bytes of a digest: ids that no other build or span has.
fn id<const N: usize>(identity: &str, part: &str) -> [u8; N] {
    let digest = Sha256::digest(format!("{identity}\0{part}"));
    let mut id = [0; N];
    id.copy_from_slice(&digest[..N]);
    id
}

fn build_attributes(name: &BuildName, explanation: &Explanation) -> Vec<(String, Value)> {
    let mut attributes = vec![
        text("buildrace.run", name.run.clone()),
        text("buildrace.sample", name.sample.clone()),
        text(
            "buildrace.node",
            explanation.node.as_ref().map(ToString::to_string),
        ),
        Some((
            "buildrace.complete".to_owned(),
            Value::Bool(explanation.complete),
        )),
        Some((
            "buildrace.emulated_seconds".to_owned(),
            Value::Float(explanation.emulated.as_secs_f64()),
        )),
    ];
    attributes.extend(explanation.make_up.iter().map(|part| {
        Some((
            format!("buildrace.critical_path.{}_seconds", part.activity.as_str()),
            Value::Float(part.time.as_secs_f64()),
        ))
    }));
    attributes.into_iter().flatten().collect()
}

fn step_attributes(step: &StepFacts, is_critical: bool) -> Vec<(String, Value)> {
    let platform =
        |platform: &Option<crate::model::Platform>| platform.as_ref().map(ToString::to_string);
    let serves: Vec<String> = step.serves.iter().map(ToString::to_string).collect();
    let whole = |name: &str, value: Option<u64>| {
        let value = i64::try_from(value?).ok()?;
        Some((name.to_owned(), Value::Integer(value)))
    };
    let waits = step.waited_for_cache.iter();
    let waited: Duration = waits.map(|wait| wait.length).sum();
    let attributes = [
        text("buildrace.step.kind", Some(step.kind.to_string())),
        text("buildrace.step.digest", Some(step.digest.clone())),
        text("buildrace.step.instruction", Some(step.instruction.clone())),
        text("buildrace.step.stage", step.stage.clone()),
        whole(
            "buildrace.step.position",
            step.position.map(|(position, _)| position.into()),
        ),
        whole(
            "buildrace.step.line",
            step.line.and_then(|line| u64::try_from(line).ok()),
        ),
        text("buildrace.step.platform", platform(&step.platform)),
        text("buildrace.step.target", platform(&step.target)),
        Some((
            "buildrace.step.serves".to_owned(),
            Value::Texts(serves.clone()),
        ))
        .filter(|_| !serves.is_empty()),
        Some(("buildrace.step.cached".to_owned(), Value::Bool(step.cached))),
        Some((
            "buildrace.step.waited_for_cache_seconds".to_owned(),
            Value::Float(waited.as_secs_f64()),
        ))
        .filter(|_| !waited.is_zero()),
        Some((
            "buildrace.step.critical".to_owned(),
            Value::Bool(is_critical),
        )),
        whole("buildrace.step.bytes_moved", Some(step.bytes_moved)),
        whole("buildrace.step.log_bytes", Some(step.log_bytes)),
    ];
    attributes.into_iter().flatten().collect()
}

fn text(name: &str, value: Option<String>) -> Option<(String, Value)> {
    Some((name.to_owned(), Value::Text(value?)))
}

/// Whether a part of the critical path lies within an interval of a step.
fn is_critical(explanation: &Explanation, step: usize, interval: &Interval) -> bool {
    let path = explanation.critical_path.iter();
    path.filter(|part| part.step == Some(step))
        .any(|part| part.time.start >= interval.start && part.time.end <= interval.end)
}
