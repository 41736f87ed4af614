//! What becomes of a build's end: its outcome, and the reason where it is not
//! `ok`.

use std::time::Duration;

use crate::buildkit::{BuildEnd, BuildError};
use crate::model::{BuildKind, Failure, NO_STEP, Outcome, Platform, Sample, Slot};
use crate::trace::{Trace, label};

/// One line on the builds that others ran meanwhile, however many.
pub(super) fn disturbances(others: &[String]) -> Vec<String> {
    match others {
        [] => vec![],
        [one] => vec![format!(
            "build {one}, not of this run, used the builder too"
        )],
        [first, rest @ ..] => vec![format!(
            "build {first} and {} more, not of this run, used the builder too",
            rest.len()
        )],
    }
}

/// Of a build that failed without a step of it having failed, what else there
/// is to know: where it stood, and who got in its way.
fn unexplained(message: &str, trace: &Trace, disturbances: &[String]) -> String {
    let begun = trace.steps().iter().filter(|step| !step.name.is_empty());
    let last = begun
        .filter(|step| step.started().is_some())
        .max_by_key(|step| (!step.label.internal, step.started()));
    let mut told = match last {
        Some(step) => {
            let name = label::shown(&step.name);
            let name = name.lines().next().unwrap_or_default();
            format!("{message}{NO_STEP}failed; the last one begun was {name})")
        }
        None => format!("{message}{NO_STEP}had begun)"),
    };
    for disturbance in disturbances {
        told.push_str("; ");
        told.push_str(disturbance);
    }
    told
}

/// Whether BuildKit refused to use a remote cache as it was described, before any step
/// began (`control/control.go`).
fn is_unusable_cache(message: &str) -> bool {
    // Of several targets it is named first.
    let of_target = message.strip_prefix("target ");
    let message = of_target
        .and_then(|rest| Some(rest.split_once(": ")?.1))
        .unwrap_or(message);
    message.starts_with("unknown cache exporter")
        || message.starts_with("failed to configure ") && message.contains(" cache exporter")
}

/// The outcome of a build; `disturbances` is what got in its way, and `imports`
/// whether it was to import a remote cache.
pub(super) fn outcome_of(
    end: &BuildEnd,
    trace: &Trace,
    disturbances: &[String],
    imports: bool,
) -> (Outcome, Option<Failure>) {
    let Err(error) = &end.result else {
        // A build goes on without a cache that cannot be imported.
        return match trace.failed_transfer() {
            Some(step) => (Outcome::NotTransferred, Some(trace.failure_of(step))),
            None if imports && !trace.imports_cache() => {
                let message = "no cache was imported: there is none".to_owned();
                (Outcome::NotTransferred, Some(trace.stopped(message)))
            }
            None => (Outcome::Ok, None),
        };
    };
    let outcome = match error {
        BuildError::Failed { message }
            if trace.failed_transfer().is_some() || is_unusable_cache(message) =>
        {
            Outcome::NotTransferred
        }
        BuildError::Failed { .. } | BuildError::Setup { .. } => Outcome::Failed,
        BuildError::TimedOut(_) => Outcome::TimedOut,
        BuildError::Cancelled => Outcome::Interrupted,
        BuildError::LostBuilder { .. } => Outcome::LostBuilder,
    };
    let failed_step = match error {
        BuildError::Failed { .. } => trace.failure(),
        _ => None,
    };
    let failure = failed_step.unwrap_or_else(|| {
        let message = error.to_string();
        trace.stopped(match error {
            BuildError::Failed { .. } => unexplained(&message, trace, disturbances),
            _ => message,
        })
    });
    (outcome, Some(failure))
}

pub(super) fn skipped(
    slot: &Slot,
    platforms: Vec<Platform>,
    after: BuildKind,
    outcome: Outcome,
) -> Sample {
    Sample {
        slot: slot.clone(),
        platforms,
        outcome: Outcome::Skipped,
        wall: Duration::ZERO,
        server: None,
        steps: 0,
        cached_steps: 0,
        context_bytes: 0,
        parts: vec![],
        image_bytes: None,
        output_checked: false,
        disturbances: vec![],
        host: Default::default(),
        failure: Some(Failure {
            message: format!(
                "not built: it starts from what {after} leaves, and that was {outcome}"
            ),
            step: None,
            exit_code: None,
            log_tail: vec![],
        }),
    }
}
