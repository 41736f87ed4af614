//! What becomes of a build's end: its outcome, and the reason where it is not
//! `ok`.

use std::time::Duration;

use crate::buildkit::{BuildEnd, BuildError};
use crate::model::{BuildKind, Failure, Outcome, Platform, Sample, Slot};
use crate::trace::Trace;

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

pub(super) fn judge(end: &BuildEnd, trace: &Trace) -> (Outcome, Option<Failure>) {
    let Err(error) = &end.result else {
        return (Outcome::Ok, None);
    };
    let outcome = match error {
        BuildError::Failed { .. } | BuildError::Setup { .. } => Outcome::Failed,
        BuildError::TimedOut(_) => Outcome::TimedOut,
        BuildError::Cancelled => Outcome::Interrupted,
        BuildError::LostBuilder { .. } => Outcome::LostBuilder,
    };
    let failed_step = match error {
        BuildError::Failed { .. } => trace.failure(),
        _ => None,
    };
    let failure = failed_step.unwrap_or_else(|| trace.stopped(error.to_string()));
    (outcome, Some(failure))
}

pub(super) fn skipped(
    slot: &Slot,
    platforms: Vec<Platform>,
    after: BuildKind,
    outcome: Outcome,
) -> Sample {
    Sample {
        id: slot.sample.clone(),
        scenario: slot.scenario.clone(),
        variant: slot.variant.clone(),
        kind: slot.kind,
        round: slot.round,
        position: slot.position,
        platforms,
        outcome: Outcome::Skipped,
        wall: Duration::ZERO,
        server: None,
        steps: 0,
        cached_steps: 0,
        context_bytes: 0,
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
