//! What a build points to that a Dockerfile could do otherwise. Each advice stands on steps that the
//! build executed and on what their instructions say; what would come of it is told only where the
//! explanation predicts it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::cost::WORTH_CHANGING;
use super::facts::{Explanation, StepFacts};
use super::kind::StepKind;
use super::tools::{self, Tool};
use super::what_if::{Change, WhatIf};
use crate::model::{Platform, optional_seconds, seconds};

/// Bytes of a context from which on it is worth an advice.
const LARGE_CONTEXT: u64 = 10_000_000;

/// Something to try, and what it stands on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advice {
    /// What to try.
    #[serde(flatten)]
    pub change: Try,
    /// Places of the steps that it is about, those that took longest first.
    pub steps: Vec<usize>,
    /// What they took: on the critical path, of emulated steps.
    #[serde(with = "seconds", rename = "seconds")]
    pub time: Duration,
    /// Least that the whole build would take, where the explanation predicts it.
    #[serde(with = "optional_seconds", rename = "predicted_low_seconds")]
    pub low: Option<Duration>,
    /// Most that it would take.
    #[serde(with = "optional_seconds", rename = "predicted_high_seconds")]
    pub high: Option<Duration>,
}

/// What to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Try {
    /// A stage that others copy from runs emulated: it can run on the node's own platform and make
    /// what is for the other one.
    CrossCompile {
        /// The stage, where it has a name.
        stage: Option<String>,
        /// Whether others copy from it already; else the steps are to be moved to a stage of
        /// their own.
        is_apart: bool,
        /// What compiles, where that is known.
        tool: Option<Tool>,
    },
    /// Steps of the image itself run emulated: a node of that platform runs them natively.
    NativeNode {
        /// The platform.
        platform: Platform,
    },
    /// A step downloads what a cache mount would keep.
    CacheMount {
        /// What downloads.
        tool: Tool,
    },
    /// A step that needs few of the sources comes after a COPY of all of them.
    CopyLater {
        /// Place of the COPY among the steps.
        copy: usize,
        /// What needs few of them.
        tool: Tool,
    },
    /// The context is large.
    SmallerContext {
        /// Bytes that were sent.
        bytes: u64,
    },
    /// All came from the cache: without it all is built.
    NoCache,
}

/// What to try after a build, what took longest first.
pub fn advice(explanation: &Explanation) -> Vec<Advice> {
    let steps = &explanation.steps;
    if explanation.failure.is_some() || !explanation.complete {
        return Vec::new();
    }
    if is_all_cached(steps) {
        return vec![Advice::of(Try::NoCache, Vec::new(), Duration::ZERO)];
    }
    let mut found = emulated(explanation);
    found.extend(copies(explanation));
    found.extend(cache_mounts(explanation));
    found.extend(contexts(explanation));
    found.sort_by_key(|advice| std::cmp::Reverse(advice.time));
    found
}

/// Whether every instruction came from the cache.
pub fn is_all_cached(steps: &[StepFacts]) -> bool {
    let mut instructions = steps.iter().filter(|step| is_instruction(step)).peekable();
    instructions.peek().is_some() && instructions.all(|step| step.cached)
}

fn is_instruction(step: &StepFacts) -> bool {
    step.position.is_some() && step.kind != StepKind::BaseImage
}

impl Advice {
    fn of(change: Try, steps: Vec<usize>, time: Duration) -> Self {
        Self {
            change,
            steps,
            time,
            low: None,
            high: None,
        }
    }

    /// With the prediction, where there is one.
    fn predicted(self, answer: Option<&WhatIf>) -> Self {
        Self {
            low: answer.map(|answer| answer.low),
            high: answer.map(|answer| answer.high),
            ..self
        }
    }
}

/// Emulated steps, by their stage and by what can be done about them.
fn emulated(explanation: &Explanation) -> Vec<Advice> {
    let steps = &explanation.steps;
    let mut by_stage: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    let mut by_platform: BTreeMap<&Platform, Vec<usize>> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        if step.kind != StepKind::EmulatedRun || step.cached {
            continue;
        }
        let stage = step.stage.as_deref();
        let compiles = tools::compiler(&step.instruction).is_some();
        match &step.platform {
            _ if compiles || is_copied_from(steps, stage) => {
                by_stage.entry(stage).or_default().push(at);
            }
            Some(platform) => by_platform.entry(platform).or_default().push(at),
            None => {}
        }
    }
    let stages = by_stage.into_iter().map(|(stage, places)| {
        let places = longest_first(steps, places);
        let mut instructions = places.iter().map(|at| steps[*at].instruction.as_str());
        let change = Try::CrossCompile {
            stage: stage.map(str::to_owned),
            is_apart: is_copied_from(steps, stage),
            tool: instructions.find_map(tools::compiler),
        };
        let of_step = |answer: &&WhatIf| match answer.change {
            Change::NativeStep { step } => places.contains(&step),
            _ => false,
        };
        let answers = explanation.what_if.iter().filter(of_step);
        let best = answers.min_by_key(|answer| answer.low);
        Advice::of(change, places.clone(), critical(steps, &places)).predicted(best)
    });
    let platforms = by_platform.into_iter().map(|(platform, places)| {
        let of_platform = |answer: &&WhatIf| matches!(&answer.change, Change::NativeNode { platform: of } if of == platform);
        let answer = explanation.what_if.iter().find(of_platform);
        let places = longest_first(steps, places);
        let change = Try::NativeNode {
            platform: platform.clone(),
        };
        let time = critical(steps, &places);
        Advice::of(change, places, time).predicted(answer)
    });
    let found = stages.chain(platforms);
    found
        .filter(|advice| is_worth(advice.time, explanation))
        .collect()
}

/// Whether another stage copies from this one, and none is made from it.
fn is_copied_from(steps: &[StepFacts], stage: Option<&str>) -> bool {
    let mut is_copied = false;
    for step in steps.iter().filter(|step| step.stage.as_deref() != stage) {
        let mut inputs = step.inputs.iter().map(|input| &steps[*input]);
        let takes = inputs.any(|input| input.position.is_some() && input.stage.as_deref() == stage);
        if takes && step.position.is_some() {
            if !step.instruction.contains("from=") {
                return false;
            }
            is_copied = true;
        }
    }
    is_copied
}

/// Steps that download what a cache mount would keep, each instruction once.
fn cache_mounts(explanation: &Explanation) -> Vec<Advice> {
    let wanted = |step: &StepFacts| {
        let has_mount = step.instruction.contains("type=cache");
        tools::downloader(&step.instruction).filter(|_| !has_mount)
    };
    let found = by_instruction(explanation, wanted);
    let found = found
        .into_iter()
        .map(|(tool, places, time)| Advice::of(Try::CacheMount { tool }, places, time));
    found.collect()
}

/// Installers that come after a COPY of the whole context.
fn copies(explanation: &Explanation) -> Vec<Advice> {
    let steps = &explanation.steps;
    let copy_before = |installer: &StepFacts| {
        let (position, _) = installer.position?;
        steps.iter().position(|step| {
            let is_before = step.position.is_some_and(|(at, _)| at < position);
            is_before && step.stage == installer.stage && copies_all(&step.instruction)
        })
    };
    let wanted = |step: &StepFacts| {
        let tool = tools::installer(&step.instruction)?;
        Some((copy_before(step)?, tool))
    };
    let found = by_instruction(explanation, wanted);
    let found = found.into_iter().map(|((copy, tool), places, time)| {
        Advice::of(Try::CopyLater { copy, tool }, places, time)
    });
    found.collect()
}

/// Whether an instruction copies the whole context: `COPY . .`, `ADD ./ /src`.
fn copies_all(instruction: &str) -> bool {
    let words: Vec<&str> = instruction.split_whitespace().collect();
    let [word, operands @ .., _destination] = words.as_slice() else {
        return false;
    };
    let is_copy = ["COPY", "ADD"]
        .iter()
        .any(|copy| word.eq_ignore_ascii_case(copy));
    let is_from = operands
        .iter()
        .any(|operand| operand.starts_with("--from="));
    is_copy && !is_from && operands.iter().any(|source| matches!(*source, "." | "./"))
}

/// Executed RUN steps of which something is wanted, by instruction: a step for each platform. They
/// are worth it if the longest is.
fn by_instruction<W>(
    explanation: &Explanation,
    wanted: impl Fn(&StepFacts) -> Option<W>,
) -> Vec<(W, Vec<usize>, Duration)> {
    let steps = &explanation.steps;
    let mut groups: BTreeMap<(Option<&str>, u32), Vec<usize>> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        if let Some((position, _)) = step.position
            && step.kind.is_run()
            && !step.cached
        {
            let group = groups.entry((step.stage.as_deref(), position)).or_default();
            group.push(at);
        }
    }
    let found = groups.into_values().filter_map(|places| {
        let places = longest_first(steps, places);
        let first = &steps[*places.first()?];
        let is_worth = is_worth(first.busy, explanation);
        let wanted = wanted(first).filter(|_| is_worth)?;
        Some((wanted, places, first.busy))
    });
    found.collect()
}

/// Contexts that took long to be sent, and are large.
fn contexts(explanation: &Explanation) -> Vec<Advice> {
    let steps = explanation.steps.iter().enumerate();
    let sent = steps.filter(|(_, step)| {
        step.kind == StepKind::ContextTransfer
            && step.bytes_moved >= LARGE_CONTEXT
            && is_worth(step.critical, explanation)
    });
    let found = sent.map(|(at, step)| {
        let bytes = step.bytes_moved;
        Advice::of(Try::SmallerContext { bytes }, vec![at], step.critical)
    });
    found.collect()
}

fn is_worth(time: Duration, explanation: &Explanation) -> bool {
    !time.is_zero() && time >= explanation.span.mul_f64(WORTH_CHANGING)
}

fn critical(steps: &[StepFacts], places: &[usize]) -> Duration {
    places.iter().map(|at| steps[*at].critical).sum()
}

fn longest_first(steps: &[StepFacts], mut places: Vec<usize>) -> Vec<usize> {
    places.sort_by_key(|at| std::cmp::Reverse(steps[*at].busy));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_whole_context_is_told_from_others() {
        for (instruction, expected) in [
            ("COPY . .", true),
            ("COPY --chown=app:app . /src", true),
            ("add ./ /src/", true),
            ("COPY --from=build . /x", false),
            ("COPY go.mod go.sum .", false),
            ("COPY package.json ./", false),
            ("RUN cp . .", false),
            ("COPY", false),
        ] {
            assert_eq!(copies_all(instruction), expected, "{instruction}");
        }
    }
}
