//! Whether a step builds on another one than before.

use super::cause::Cause;
use super::sources::is_remote;
use crate::explain::{StepFacts, StepKind, links};

/// The step that one builds on now and the one that it built on, where they are
/// not the same instruction. `twins` are the places in the earlier build of the
/// steps of this one.
pub(super) fn moved(
    (now, at): (&[StepFacts], usize),
    (then, twin): (&[StepFacts], usize),
    twins: &[Option<usize>],
) -> Option<Cause> {
    let (parent_now, parent_then) = (parent(now, at)?, parent(then, twin)?);
    let (after, before) = (&now[parent_now], &then[parent_then]);
    let words = |step: &StepFacts| {
        let words: Vec<&str> = step.instruction.split_whitespace().collect();
        words.join(" ")
    };
    if twins[parent_now] == Some(parent_then) && words(after) == words(before) {
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
pub(super) fn parent(steps: &[StepFacts], at: usize) -> Option<usize> {
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
