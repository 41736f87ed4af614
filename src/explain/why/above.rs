//! What stands above a step: the causes that it follows from, and the first step that is
//! not what it was.

use super::cause::Cause;
use super::roots::{Found, place};
use super::variables;
use crate::explain::StepFacts;

/// Causes above a step that are held against its own.
const MAX_CAUSES: usize = 100;

/// The causes that a step follows from, that of the step right above it first.
pub(super) fn causes<'f>(above: Option<&'f Found>, found: &'f [Option<Found>]) -> Vec<&'f Found> {
    let mut causes = Vec::new();
    let mut next = above;
    while let Some(known) = next.filter(|_| causes.len() < MAX_CAUSES) {
        causes.push(known);
        next = known.above.and_then(|root| found[root].as_ref());
    }
    causes
}

/// What is left of a cause where others, of steps above, are known.
///
/// # Errors
/// Nothing is: the one that says the rest of it.
pub(super) fn left_of<'f>(cause: Cause, known: &[&'f Found]) -> Result<Cause, &'f Found> {
    known.iter().try_fold(cause, |cause, found| {
        without_known(cause, &found.cause).ok_or(*found)
    })
}

/// What is left of a cause where another one, of a step above, is known; `None`
/// where it says nothing more.
fn without_known(cause: Cause, known: &Cause) -> Option<Cause> {
    match (cause, known) {
        (cause, known) if cause == *known => None,
        (Cause::Argument { variables }, Cause::Argument { variables: above }) => {
            let variables = variables::without(variables, above);
            (!variables.is_empty()).then_some(Cause::Argument { variables })
        }
        (Cause::Environment { variables }, Cause::Environment { variables: above }) => {
            let variables = variables::without(variables, above);
            (!variables.is_empty()).then_some(Cause::Environment { variables })
        }
        (Cause::Files(files), Cause::Files(above)) => {
            let files = files.without(above);
            (!files.changes.is_empty()).then_some(Cause::Files(files))
        }
        (cause, _) => Some(cause),
    }
}

/// For each step the first of the instructions that it builds on that changed. Every step is
/// seen once, however many build on it.
pub(super) fn first_changed(
    steps: &[StepFacts],
    is_changed: impl Fn(usize) -> bool,
) -> Vec<Option<usize>> {
    let is_instruction = |at: usize| steps[at].position.is_some();
    let changed: Vec<bool> = (0..steps.len())
        .map(|at| is_instruction(at) && is_changed(at))
        .collect();
    let inputs = |at: usize| {
        let inputs = steps[at].inputs.iter().copied();
        inputs.filter(|input| is_instruction(*input))
    };
    let mut first: Vec<Option<usize>> = vec![None; steps.len()];
    let mut entered = vec![false; steps.len()];
    let mut left = vec![false; steps.len()];
    for at in 0..steps.len() {
        let mut open = vec![at];
        while let Some(next) = open.last().copied() {
            if !entered[next] {
                entered[next] = true;
                open.extend(inputs(next).filter(|input| !entered[*input]));
                continue;
            }
            open.pop();
            if !left[next] {
                left[next] = true;
                let own = inputs(next).filter(|input| changed[*input]);
                let above = inputs(next).filter_map(|input| first[input]);
                first[next] = own.chain(above).min_by_key(|at| place(&steps[*at]));
            }
        }
    }
    first
}
