//! Which step of a build is behind what a check found, and what is behind the
//! step: told by two builds side by side.

use std::collections::BTreeMap;

use crate::explain::diff::{Fate, StepChange, diff};
use crate::explain::why::{Between, ContextFiles, Known, why};
use crate::explain::{Explanation, RunExplanation, SampleExplanation, StepFacts, StepKind};
use crate::model::Run;
use crate::ops::why::FilesBetween;
use crate::report::explanation::short_instruction;
use crate::report::explanation::why::sentence;

/// Columns of an instruction.
const MAX_INSTRUCTION: usize = 80;

/// A step and its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blame {
    /// Its line in the Dockerfile, where that is known.
    pub line: Option<usize>,
    /// What is the matter with it, without a full stop.
    pub sentence: String,
}

/// A build that is blamed.
#[derive(Clone)]
pub(super) struct Blamed<'a> {
    pub explanation: &'a Explanation,
    /// The build whose cache it started from.
    pub start: Option<&'a Explanation>,
    /// The files that were changed in between.
    pub edited: Option<Vec<&'a str>>,
}

impl<'a> Blamed<'a> {
    /// A sample of a run.
    pub fn of(found: &'a SampleExplanation, explained: &'a RunExplanation, run: &'a Run) -> Self {
        Self {
            explanation: &found.explanation,
            start: explained.start_of(found).map(|start| &start.explanation),
            edited: run.edited_files(&found.sample.slot),
        }
    }
}

/// The step that came from the cache in the one build and is executed in the
/// other: of several a RUN, and the longest.
pub(super) fn lost_cache(old: &Explanation, new: &Blamed<'_>) -> Option<Blame> {
    let steps = &new.explanation.steps;
    let changes = diff(old, new.explanation).steps;
    let lost: Vec<(&StepChange, usize)> = changes
        .iter()
        .filter_map(|change| {
            let (first, second) = (change.first?, change.second?);
            let is_lost = old.steps[first].cached && is_executed(&steps[second]);
            is_lost.then_some((change, second))
        })
        .collect();
    let most = lost.iter().max_by_key(|(change, at)| {
        let step = &steps[*at];
        (change.change == Fate::Same, step.kind.is_run(), step.busy)
    });
    let &(change, at) = most?;
    let step = &steps[at];
    let cause = match cause(new, at) {
        Some(cause) => format!(": {cause}{}", built_on(old, change.first)),
        None => match change.change {
            Fate::Changed => change.first.map_or_else(String::new, |first| {
                let before = short_instruction(&old.steps[first].instruction, MAX_INSTRUCTION);
                format!(": it was {before} before")
            }),
            _ => String::new(),
        },
    };
    let more = match lost.len() - 1 {
        0 => String::new(),
        1 => "; 1 more step is not cached any more".to_owned(),
        more => format!("; {more} more steps are not cached any more"),
    };
    Some(Blame {
        line: step.line,
        sentence: format!("{} is not cached any more{cause}{more}", named(step)),
    })
}

/// Why a step of a build is executed, where another step is behind it:
/// `COPY . . at line 3: main.c changed`. `None` where that is not known.
pub(super) fn cause(build: &Blamed<'_>, at: usize) -> Option<String> {
    let (nothing, no_arguments) = (BTreeMap::new(), BTreeMap::new());
    let known = |explanation| Known {
        explanation,
        provenance: None,
        // A race asks for the same each time.
        arguments: Some(&no_arguments),
        written: &nothing,
        no_cache: None,
        place: None,
    };
    let files = build.edited.as_deref().map(FilesBetween::of_edit);
    let between = Between {
        files: files.as_ref().map(|files| files as &dyn ContextFiles),
        ..Between::default()
    };
    let found = why(&known(build.explanation), &known(build.start?), &between);
    let root = found
        .causes
        .iter()
        .find(|root| root.all().any(|step| step == at))?;
    let step = &build.explanation.steps[*root.steps.first()?];
    let place = step
        .line
        .map_or_else(String::new, |line| format!(" at line {line}"));
    let instruction = short_instruction(&step.instruction, MAX_INSTRUCTION);
    Some(format!("{instruction}{place}: {}", sentence(&root.cause)))
}

/// `; it built on COPY requirements.txt . before`: what a step took its files
/// from in the build in which it came from the cache.
fn built_on(old: &Explanation, at: Option<usize>) -> String {
    let inputs = at.map_or(&[][..], |at| old.steps[at].inputs.as_slice());
    let mut inputs = inputs.iter().map(|&input| &old.steps[input]);
    let before = inputs.find(|step| copied(step).is_some());
    before.map_or_else(String::new, |step| {
        let instruction = short_instruction(&step.instruction, MAX_INSTRUCTION);
        format!("; it built on {instruction} before")
    })
}

/// The step that runs under an emulator in the second build and did not in the
/// first: of several the longest.
pub(super) fn emulated(old: &Explanation, new: &Explanation) -> Option<Blame> {
    let changes = diff(old, new).steps;
    let found = changes.iter().filter_map(|change| {
        let second = &new.steps[change.second?];
        let first = change.first.map(|at| &old.steps[at]);
        let was = first.is_some_and(|step| step.kind == StepKind::EmulatedRun);
        let is = second.kind == StepKind::EmulatedRun && !second.cached;
        (is && !was).then_some((first, second))
    });
    let (first, step) = found.max_by_key(|(_, step)| step.busy)?;
    let mut sentence = format!("{} runs under an emulator", named(step));
    let ran_on = first.and_then(|first| first.platform.as_ref());
    if let Some(platform) = ran_on.filter(|on| Some(*on) != step.platform.as_ref()) {
        sentence.push_str(&format!("; it ran on {platform} before"));
        let mut steps = new.steps.iter();
        let from = steps.find(|from| {
            from.kind == StepKind::BaseImage
                && from.stage == step.stage
                && from.platform == step.platform
        });
        if let Some(line) = from.and_then(|from| from.line) {
            sentence.push_str(&format!(
                ": the stage of line {line} is not built on the builder's own platform"
            ));
        }
    }
    Some(Blame {
        line: step.line,
        sentence,
    })
}

/// The first step that only the second build has.
pub(super) fn added(old: &Explanation, new: &Explanation) -> Option<Blame> {
    let changes = diff(old, new).steps;
    let found = changes.iter().filter_map(|change| {
        let step = &new.steps[change.second?];
        let is_new = matches!(change.change, Fate::New | Fate::Split);
        (is_new && is_instruction(step)).then_some((change.change, step))
    });
    let (fate, step) = found.min_by_key(|(_, step)| (step.line.is_none(), step.line))?;
    Some(Blame {
        line: step.line,
        sentence: match fate {
            Fate::Split => format!("{} is done for each platform", named(step)),
            _ => format!("{} is new", named(step)),
        },
    })
}

/// The step at which a build failed.
pub(super) fn failed(build: &Explanation) -> Option<Blame> {
    let step = &build.steps[build.failed?];
    Some(Blame {
        line: step.line,
        sentence: format!("{} fails", named(step)),
    })
}

/// `RUN make for linux/arm64`
fn named(step: &StepFacts) -> String {
    let instruction = short_instruction(&step.instruction, MAX_INSTRUCTION);
    match &step.target {
        Some(platform) => format!("{instruction} for {platform}"),
        None => instruction,
    }
}

fn is_executed(step: &StepFacts) -> bool {
    is_instruction(step) && !step.cached
}

fn is_instruction(step: &StepFacts) -> bool {
    step.position.is_some() && step.kind != StepKind::BaseImage
}

/// What a COPY or ADD copies from the build context.
fn copied(step: &StepFacts) -> Option<Vec<&str>> {
    let mut words = step.instruction.split_whitespace();
    let first = words.find(|word| !["ONBUILD", "LINK"].contains(word))?;
    let is_copy = ["COPY", "ADD"]
        .iter()
        .any(|word| first.eq_ignore_ascii_case(word));
    let words: Vec<&str> = words.collect();
    if !is_copy || words.iter().any(|word| word.starts_with("--from=")) {
        return None;
    }
    let paths = words.into_iter().filter(|word| !word.starts_with("--"));
    let mut paths: Vec<&str> = paths.map(|path| path.trim_end_matches('/')).collect();
    paths.pop();
    Some(paths.iter().map(|p| p.trim_start_matches("./")).collect())
}

#[cfg(test)]
#[path = "blame_tests.rs"]
mod tests;
