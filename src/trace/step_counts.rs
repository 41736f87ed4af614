//! Which instructions of a Dockerfile did a build go through, each once on
//! each platform, however many vertices BuildKit makes of it?
//!
//! A `COPY --link` is two vertices: one copies onto nothing, which is the same
//! for every platform and therefore executed for whichever comes first; the
//! other, `LINK COPY …`, puts that on what was before it. And of two vertices
//! that turn out to do the same, one never begins.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::label::Label;
use super::step::{Step, is_end};
use crate::model::Platform;

/// An instruction that was executed or taken from the cache, on a platform.
#[derive(Debug, Clone)]
pub struct Counted<'t> {
    /// What a vertex of it says of platform, stage and position.
    pub label: &'t Label,
    /// The vertices that did it, at least one.
    pub steps: Vec<&'t Step>,
}

/// Stage, position, platform and target.
type Place<'t> = (
    Option<&'t str>,
    u32,
    Option<&'t Platform>,
    Option<&'t Platform>,
);

/// Stage, position and text, on whichever platform.
type Same<'t> = (Option<&'t str>, u32, &'t str);

pub(super) fn counted(steps: &[Step]) -> Vec<Counted<'_>> {
    let mut begun: HashMap<Same<'_>, &Step> = HashMap::new();
    for step in steps.iter().filter(|step| step.has_started()) {
        if let Some(same) = same(&step.label) {
            let known = begun.entry(same).or_insert(step);
            // In whatever order they were reported.
            if step.digest < known.digest {
                *known = step;
            }
        }
    }
    let joined = Joined::of(steps);
    let mut found: BTreeMap<Place<'_>, Counted<'_>> = BTreeMap::new();
    for step in steps.iter().filter(|step| step.label.is_instruction()) {
        let doing = match step.has_started() {
            true => Some(step),
            false if joined.may_be(step) => {
                let same = same(&step.label);
                same.and_then(|same| begun.get(&same).copied())
            }
            false => None,
        };
        let (Some(doing), Some((position, _))) = (doing, step.label.position) else {
            continue;
        };
        let label = &step.label;
        let place = (
            label.stage.as_deref(),
            position,
            label.platform.as_ref(),
            label.target.as_ref(),
        );
        let counted = found.entry(place).or_insert_with(|| Counted {
            label,
            steps: Vec::new(),
        });
        counted.steps.push(doing);
    }
    found.into_values().collect()
}

/// Whether there must have been more than these steps, of a build that has a
/// result: an instruction was reported, and on no platform did it begin; or
/// none was, after a Dockerfile was loaded.
pub(super) fn is_part(steps: &[Step]) -> bool {
    let place = |step: &'_ Step| {
        let (position, _) = step.label.position?;
        Some((step.label.stage.clone(), position))
    };
    let (begun, pending): (Vec<&Step>, Vec<&Step>) = steps.iter().partition(|s| s.has_started());
    let places: HashSet<_> = begun.iter().filter_map(|step| place(step)).collect();
    let mut pending = pending.into_iter().filter_map(place);
    let was_loaded = |step: &&Step| {
        let said = step.label.instruction.as_str();
        step.label.internal && said.starts_with("load build definition")
    };
    let is_export = |step: &&Step| is_end(&step.name);
    pending.any(|place| !places.contains(&place))
        || (places.is_empty() && begun.iter().any(was_loaded) && !begun.iter().any(is_export))
}

/// Steps that never began because others did their work.
struct Joined<'t> {
    /// What steps take from that were executed: it was there.
    was_there: HashSet<&'t str>,
    /// What any step takes from.
    taken: HashSet<&'t str>,
    has_failed: bool,
}

impl<'t> Joined<'t> {
    fn of(steps: &'t [Step]) -> Self {
        let inputs = |of: &'t Step| of.inputs.iter().map(String::as_str);
        let executed = steps.iter().filter(|s| s.has_started() && !s.cached);
        Self {
            was_there: executed.flat_map(inputs).collect(),
            taken: steps.iter().flat_map(inputs).collect(),
            has_failed: steps.iter().any(|step| step.error.is_some()),
        }
    }

    fn may_be(&self, step: &Step) -> bool {
        let digest = step.digest.as_str();
        // A result that was not needed by others was needed by the export.
        let is_result = !self.taken.contains(digest) && !self.has_failed;
        self.was_there.contains(digest) || is_result
    }
}

fn same(label: &Label) -> Option<Same<'_>> {
    let (position, _) = label.position?;
    Some((label.stage.as_deref(), position, &label.instruction))
}
