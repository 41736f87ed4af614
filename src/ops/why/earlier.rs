//! Which earlier build of a history is the one that a build is compared with.

use crate::model::RememberedBuild;

use super::build::Built;

/// Share of a build's instructions that an earlier one has to have, for both to
/// be builds of the same thing; and how alike two instructions have to be.
const ALIKE: f64 = 0.5;
/// Earlier builds that are read.
const MAX_READ: usize = 20;
/// Instructions of each that are compared, and characters of one.
const MAX_INSTRUCTIONS: usize = 100;
const MAX_COMPARED: usize = 200;

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
            inputs.platforms.clone(),
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
    earlier.truncate(MAX_READ);
    earlier
}

/// How much of a build's instructions an earlier one has, as they are or changed, for
/// whatever platform, 0 to 1; `None` where it is not one of the same thing.
pub fn likeness(build: &Built, earlier: &Built) -> Option<f64> {
    let [now, then] = [build, earlier].map(|built| {
        let steps = built.explanation.steps.iter();
        let steps = steps.filter(|step| step.position.is_some());
        let words = steps.map(|step| {
            let words: Vec<&str> = step.instruction.split_whitespace().collect();
            let text: String = words.join(" ").chars().take(MAX_COMPARED).collect();
            text
        });
        words.take(MAX_INSTRUCTIONS).collect::<Vec<String>>()
    });
    let likeness = |text: &String| {
        let others = then.iter().map(|other| strsim::sorensen_dice(text, other));
        others.fold(0.0, f64::max)
    };
    let likely: Vec<f64> = now.iter().map(likeness).collect();
    let in_both = likely.iter().filter(|likeness| **likeness >= ALIKE).count();
    let is_same = !now.is_empty() && in_both as f64 >= now.len() as f64 * ALIKE;
    is_same.then(|| likely.iter().sum::<f64>() / now.len() as f64)
}
