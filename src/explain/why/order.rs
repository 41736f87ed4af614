//! Whether a step builds on another one than before.

use super::{Asking, Cause, is_remote};
use crate::explain::{StepFacts, StepKind, links};

/// The step that one builds on now and the one that it built on, where they are
/// not the same instruction.
pub(super) fn moved(asking: &Asking<'_>, at: usize) -> Option<Cause> {
    let now = parent(&asking.build.explanation.steps, at)?;
    let then = parent(&asking.earlier.explanation.steps, asking.before[at]?)?;
    let [after, before] = [
        &asking.build.explanation.steps[now],
        &asking.earlier.explanation.steps[then],
    ];
    let words = |step: &StepFacts| {
        let words: Vec<&str> = step.instruction.split_whitespace().collect();
        words.join(" ")
    };
    if asking.before[now] == Some(then) && words(after) == words(before) {
        return None;
    }
    let both_images = [after, before].map(|step| step.kind == StepKind::BaseImage);
    if both_images == [true, true] {
        return None;
    }
    Some(Cause::Order {
        before: before.instruction.clone(),
        after: after.instruction.clone(),
    })
}

/// The instruction or base image that a step continues: the first of those that it
/// takes from.
fn parent(steps: &[StepFacts], at: usize) -> Option<usize> {
    let mut inputs = steps[at].inputs.iter().copied();
    let found = inputs.find(|input| {
        let step = &steps[*input];
        step.position.is_some() || (step.kind == StepKind::BaseImage && !is_remote(step))
    })?;
    // It only joins: what was copied is meant.
    let Some(copied) = steps[found].instruction.strip_prefix(links::LINK) else {
        return Some(found);
    };
    let mut parts = steps[found].inputs.iter().copied();
    parts
        .find(|input| steps[*input].instruction == copied)
        .or(Some(found))
}
