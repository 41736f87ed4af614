//! Words on steps that waited for a cache mount which another one held.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::number;
use super::super::paint::Style;
use super::super::words::join;
use super::page::Page;
use super::text::short_instruction;
use crate::escape;
use crate::explain::{CacheWait, Explanation, StepFacts};
use crate::model::Platform;

/// Waits that are listed.
const MAX_WAITS: usize = 20;
/// Columns of a step's brackets, of its instruction, and of a cache's id.
const MAX_LABEL: usize = 40;
const MAX_INSTRUCTION: usize = 44;
const MAX_ID: usize = 60;

/// Which steps waited for a cache mount, for how long, and which held it.
pub(super) fn waits(page: &mut Page, explanation: &Explanation) {
    let steps = explanation.steps.iter();
    let all: Vec<(&StepFacts, &CacheWait)> = steps
        .flat_map(|step| step.waited_for_cache.iter().map(move |wait| (step, wait)))
        .collect();
    if all.is_empty() {
        return;
    }
    let sum: Duration = all.iter().map(|(_, wait)| wait.length).sum();
    page.out.push('\n');
    let sum = number::seconds(sum.as_secs_f64());
    page.line(Style::Bold, &format!("waiting for cache mounts: {sum}"));
    let mut longest = all.clone();
    longest.sort_by_key(|(_, wait)| std::cmp::Reverse(wait.length));
    longest.truncate(MAX_WAITS);
    longest.sort_by_key(|(_, wait)| (wait.time.start, wait.time.end));
    for (step, wait) in &longest {
        let text = format!("{} {}.", step_name(step), waited(wait, &explanation.steps));
        page.indented(Style::Plain, &text);
    }
    if let Some(more @ 1..) = all.len().checked_sub(MAX_WAITS) {
        let text = format!("  and {more} more; --json has all of them");
        page.line(Style::Dim, &text);
    }
    for (id, platforms) in between_platforms(&all, &explanation.steps) {
        let platforms = join(platforms.into_iter().map(ToString::to_string));
        page.indented(
            Style::Plain,
            &format!(
                "{platforms} of one build share the id {}. An id that contains $TARGETARCH gives \
                 each platform a cache of its own.",
                escape::columns(id, MAX_ID)
            ),
        );
    }
}

/// `waited 12.3 s for the cache mount /var/cache/apt (sharing=locked), held by [linux/arm64 2/3]
/// RUN … apt-get update`. Plain text, safe for a terminal; escape it for other outputs.
pub(in crate::report) fn waited(wait: &CacheWait, steps: &[StepFacts]) -> String {
    format!(
        "waited {} for the cache mount {} (sharing=locked), held by {}",
        number::seconds(wait.length.as_secs_f64()),
        escape::columns(&wait.id, MAX_ID),
        step_name(&steps[wait.holder])
    )
}

/// `waiting for the cache mount /var/cache/apt and /var/lib/apt`, of a step that did. Plain text,
/// safe for a terminal.
pub(in crate::report) fn waiting(step: &StepFacts) -> String {
    let ids: BTreeSet<&String> = step.waited_for_cache.iter().map(|wait| &wait.id).collect();
    let ids = ids.into_iter().map(|id| escape::columns(id, MAX_ID));
    format!("waiting for the cache mount {}", join(ids))
}

/// `[linux/arm64 build 2/3] RUN … make`.
fn step_name(step: &StepFacts) -> String {
    let label = match step.name.find(']') {
        Some(end) if step.name.starts_with('[') => escape::columns(&step.name[..=end], MAX_LABEL),
        _ => String::new(),
    };
    let instruction = short_instruction(&step.instruction, MAX_INSTRUCTION);
    format!("{label} {instruction}").trim_start().to_owned()
}

/// Caches for which one platform of an instruction waited for another, with the platforms.
fn between_platforms<'e>(
    waits: &[(&'e StepFacts, &'e CacheWait)],
    steps: &'e [StepFacts],
) -> BTreeMap<&'e str, BTreeSet<&'e Platform>> {
    let mut found: BTreeMap<&str, BTreeSet<&Platform>> = BTreeMap::new();
    for (step, wait) in waits {
        let holder = &steps[wait.holder];
        let is_same = (&step.stage, step.position) == (&holder.stage, holder.position);
        if let (Some(own), Some(other)) = (&step.platform, &holder.platform)
            && is_same
            && own != other
        {
            found.entry(&wait.id).or_default().extend([own, other]);
        }
    }
    found
}
