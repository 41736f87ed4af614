//! Which earlier build of a history is the one that a build is compared with.

use crate::model::RememberedBuild;

use super::build::Built;

/// Share of a build's instructions that an earlier one has to have, for both to
/// be builds of the same thing; and how alike two instructions have to be.
const ALIKE: f64 = 0.5;
/// Earlier builds that are looked at.
pub const MAX_LOOKED_AT: usize = 20;

/// The builds of a history that may be the one before `build`, the likeliest
/// first: those that ended before it began and were asked for alike, the newest
/// of them first.
pub fn earlier<'b>(
    builds: &'b [RememberedBuild],
    build: &RememberedBuild,
) -> Vec<&'b RememberedBuild> {
    let asked = |build: &RememberedBuild| {
        let inputs = &build.inputs;
        (
            inputs.name.clone(),
            inputs.source.clone(),
            inputs.context.clone(),
            inputs.dockerfile.clone(),
            inputs.target.clone(),
        )
    };
    let is_before = |other: &&RememberedBuild| {
        let ended = other.completed.zip(build.started);
        ended.is_some_and(|(ended, began)| ended <= began) && other.has_log
    };
    let mut earlier: Vec<&RememberedBuild> = builds.iter().filter(is_before).collect();
    earlier.sort_by_key(|other| {
        (
            asked(other) != asked(build),
            other.is_of_buildrace() != build.is_of_buildrace(),
            std::cmp::Reverse(other.completed),
        )
    });
    earlier.truncate(MAX_LOOKED_AT);
    earlier
}

/// Whether an earlier build is one of the same thing: it has most of its
/// instructions, as they are or changed, for whatever platform.
pub fn is_alike(build: &Built, earlier: &Built) -> bool {
    let [now, then] = [build, earlier].map(|built| {
        let steps = built.explanation.steps.iter();
        let steps = steps.filter(|step| step.position.is_some());
        let words = steps.map(|step| {
            let words: Vec<&str> = step.instruction.split_whitespace().collect();
            words.join(" ")
        });
        words.collect::<Vec<String>>()
    });
    let is_in_both = |text: &&String| {
        let mut others = then.iter();
        others.any(|other| strsim::sorensen_dice(text, other) >= ALIKE)
    };
    let both = now.iter().filter(is_in_both).count();
    !now.is_empty() && both as f64 >= now.len() as f64 * ALIKE
}
