//! Which steps a step takes from, where the status stream says so and where
//! it has to be inferred.
//!
//! BuildKit joins steps of different digests when it finds that they do the
//! same (`setEdge` in `solver/jobs.go` of moby/buildkit): a COPY onto nothing
//! is the same for every platform. The one that was joined to the other never
//! begins, so what takes from it takes from the other. And the steps that a
//! `COPY --link` is made of report no inputs.

use std::collections::{HashMap, HashSet};

use crate::model::Platform;
use crate::trace::{Step, Trace};

/// What identifies an instruction on whichever platform: its stage, position
/// and text.
type Same<'t> = (Option<&'t str>, u32, &'t str);

/// How `COPY --link` is named where its result is put on what was before it.
pub(super) const LINK: &str = "LINK ";

/// For each step of a trace the places of those that it takes from, in order.
pub(super) fn links(trace: &Trace) -> Vec<Vec<usize>> {
    let steps = trace.steps();
    // By digest, so that the order in which steps were reported does not matter.
    let mut in_order: Vec<usize> = (0..steps.len()).collect();
    in_order.sort_by_key(|at| &steps[*at].digest);
    let mut begun: HashMap<Same<'_>, Vec<usize>> = HashMap::new();
    for &at in &in_order {
        let step = &steps[at];
        if step.has_started()
            && let Some(key) = same(step)
        {
            begun.entry(key).or_default().push(at);
        }
    }
    let stages = last_of_each_position(steps, &in_order);
    let taken: HashSet<&str> = steps
        .iter()
        .flat_map(|step| step.inputs.iter().map(String::as_str))
        .collect();
    let links = steps.iter().enumerate().map(|(at, step)| {
        let mut inputs: Vec<usize> = step
            .inputs
            .iter()
            .filter_map(|digest| trace.index_of(digest))
            .map(|input| {
                // One that was executed had its inputs, whoever made them.
                let was_executed = step.has_started() && !step.cached;
                if was_executed && !steps[input].has_started() {
                    joined_to(&steps[input], &begun).unwrap_or(input)
                } else {
                    input
                }
            })
            .collect();
        if inputs.is_empty()
            && let Some(copied) = step.label.instruction.strip_prefix(LINK)
            && let Some((position, _)) = step.label.position
        {
            let stage = step.label.stage.as_deref();
            let copies = begun.get(&(stage, position, copied));
            inputs.extend(copies.and_then(|copies| {
                let own = |copy: &&usize| steps[**copy].label.platform == step.label.platform;
                copies.iter().find(own).or(copies.first()).copied()
            }));
            let platform = step.label.platform.as_ref();
            let before = position
                .checked_sub(1)
                .and_then(|before| stages.get(&(stage, platform, before)));
            inputs.extend(before.copied());
        }
        // A result that never began was joined to one that did.
        if !step.has_started() && !taken.contains(step.digest.as_str()) {
            inputs.extend(joined_to(step, &begun));
        }
        inputs.retain(|input| *input != at);
        inputs.sort_unstable();
        inputs.dedup();
        inputs
    });
    links.collect()
}

/// The step that another was joined to: one that began, of the same
/// instruction.
fn joined_to(step: &Step, begun: &HashMap<Same<'_>, Vec<usize>>) -> Option<usize> {
    begun.get(&same(step)?)?.first().copied()
}

fn same(step: &Step) -> Option<Same<'_>> {
    let (position, _) = step.label.position?;
    Some((
        step.label.stage.as_deref(),
        position,
        &step.label.instruction,
    ))
}

/// The step that a stage's position on a platform ends with: of a linked COPY
/// the one that puts it on what was before it.
fn last_of_each_position<'t>(
    steps: &'t [Step],
    in_order: &[usize],
) -> HashMap<(Option<&'t str>, Option<&'t Platform>, u32), usize> {
    let mut last = HashMap::new();
    for &at in in_order {
        let step = &steps[at];
        let label = &step.label;
        if let Some((position, _)) = label.position
            && step.has_started()
        {
            let key = (label.stage.as_deref(), label.platform.as_ref(), position);
            let known = last.entry(key).or_insert(at);
            if label.instruction.starts_with(LINK) {
                *known = at;
            }
        }
    }
    last
}
