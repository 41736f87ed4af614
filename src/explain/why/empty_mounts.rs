//! Which cache mounts of executed steps were empty when the build began: no cause of
//! that the steps were executed, but of how long they took.

use std::collections::BTreeSet;

use super::known::Known;
use crate::explain::StepFacts;
use crate::provenance::{Definition, FileAction, Mount, MountKind, Operation};

/// A cache mount that was empty when the build began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmptyMount {
    /// Place of the step that it is of.
    pub step: usize,
    /// Where it is mounted, from outside.
    pub target: String,
}

/// Those of a step.
pub(super) fn of_step(
    build: &Known<'_>,
    (at, step): (usize, &StepFacts),
    empty: &BTreeSet<String>,
) -> Vec<EmptyMount> {
    let definition = build.provenance.and_then(|p| p.definition(&step.digest));
    let Some(definition) = definition else {
        return Vec::new();
    };
    let Operation::Run(run) = &definition.operation else {
        return Vec::new();
    };
    let is_empty = |mount: &&Mount| {
        let id = mount.cache_id.as_ref();
        mount.kind == MountKind::Cache
            && id.is_some_and(|id| empty.contains(id))
            && begins_empty(build, definition, mount)
    };
    let mounts = run.mounts.iter().filter(is_empty);
    mounts
        .map(|mount| EmptyMount {
            step: at,
            target: mount.target.clone(),
        })
        .collect()
}

/// Whether a new cache has nothing in it: `from` fills it. With `uid`, `gid` or `mode`
/// BuildKit makes a folder for it, and nothing else.
fn begins_empty(build: &Known<'_>, step: &Definition, mount: &Mount) -> bool {
    let Some(input) = mount.input else {
        return true;
    };
    let source = step.inputs.get(input);
    let source = source.and_then(|source| build.provenance?.definition(source));
    source.is_some_and(|source| match &source.operation {
        Operation::Files(files) => {
            let is_folder = |action: &FileAction| matches!(action, FileAction::Other(_));
            source.inputs.is_empty() && files.actions.iter().all(is_folder)
        }
        Operation::Run(_) | Operation::Source(_) | Operation::Other(_) => false,
    })
}
