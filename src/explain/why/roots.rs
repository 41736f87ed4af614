//! The first causes, with what follows from each and what it costs.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::Serialize;

use super::cause::Cause;
use super::empty_mounts::{self, EmptyMount};
use super::known::{Between, Known};
use crate::explain::StepFacts;
use crate::model::{Platform, seconds};
use crate::provenance::Operation;

/// A first cause, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Root {
    /// What it is.
    pub cause: Cause,
    /// Places of the steps that it is the cause of itself: one for each platform.
    pub steps: Vec<usize>,
    /// Places of those that are executed because these are, in the order of the
    /// build.
    pub following: Vec<usize>,
    /// Place of the first of all these that names the variable in question itself.
    #[serde(skip)]
    pub named_by: Option<usize>,
    /// Cache mounts of all these that were empty when the build began.
    #[serde(skip)]
    pub empty_mounts: Vec<EmptyMount>,
    /// Time of all of them on the critical path.
    #[serde(with = "seconds", rename = "critical_seconds")]
    pub critical: Duration,
    /// The same, and the time that was spent on them, by the platform that they
    /// make something for.
    pub platforms: Vec<PlatformCost>,
}

impl Root {
    /// All its steps: its own, then those that follow.
    pub fn all(&self) -> impl Iterator<Item = usize> {
        self.steps.iter().chain(&self.following).copied()
    }
}

/// What a cause costs a platform.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlatformCost {
    /// The platform; `None` where a step serves several, or it is not known.
    pub platform: Option<Platform>,
    /// Time on the critical path.
    #[serde(with = "seconds", rename = "critical_seconds")]
    pub critical: Duration,
    /// Time that was spent.
    #[serde(with = "seconds", rename = "seconds")]
    pub busy: Duration,
}

/// What is found of an executed step.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Its first cause.
    pub(super) cause: Cause,
    /// The step that has it: itself, or one that it builds on.
    pub(super) root: usize,
    /// The root of what that step builds on, if it is executed, too.
    pub(super) above: Option<usize>,
}

/// The causes of all steps, each once: steps of several platforms that have the
/// same one are together.
pub(super) fn roots(
    build: &Known<'_>,
    between: &Between<'_>,
    found: &[Option<Found>],
) -> Vec<Root> {
    let steps = &build.explanation.steps;
    let key = |root: usize| {
        let step = &steps[root];
        let words: Vec<&str> = step.instruction.split_whitespace().collect();
        (step.stage.clone(), words.join(" "), step.line)
    };
    let mut roots: Vec<Root> = Vec::new();
    // By the root's instruction: causes are compared within one alone.
    let mut known: HashMap<_, Vec<usize>> = HashMap::new();
    for (at, of_step) in found.iter().enumerate() {
        let Some(of_step) = of_step else { continue };
        let known = known.entry(key(of_step.root)).or_default();
        let same = known.iter().copied();
        let same = same
            .into_iter()
            .find(|place| roots[*place].cause == of_step.cause);
        let root = match same {
            Some(place) => &mut roots[place],
            None => {
                known.push(roots.len());
                roots.push(Root {
                    cause: of_step.cause.clone(),
                    steps: vec![of_step.root],
                    following: Vec::new(),
                    named_by: None,
                    empty_mounts: Vec::new(),
                    critical: Duration::ZERO,
                    platforms: Vec::new(),
                });
                let last = roots.len() - 1;
                &mut roots[last]
            }
        };
        if !root.steps.contains(&of_step.root) {
            root.steps.push(of_step.root);
        }
        if at != of_step.root {
            root.following.push(at);
        }
    }
    for root in &mut roots {
        let mut costs: BTreeMap<Option<Platform>, PlatformCost> = BTreeMap::new();
        for step in root.steps.iter().chain(&root.following) {
            let step = &steps[*step];
            let platform = match step.serves.as_slice() {
                [] | [_] => step.target.clone(),
                _ => None,
            };
            let cost = costs.entry(platform.clone()).or_insert(PlatformCost {
                platform,
                critical: Duration::ZERO,
                busy: Duration::ZERO,
            });
            cost.critical += step.critical;
            cost.busy += step.busy;
            root.critical += step.critical;
        }
        root.platforms = costs.into_values().collect();
        let mut all = root.steps.iter().chain(&root.following);
        let named_by = all.find(|at| names(build, &steps[**at], &root.cause));
        root.named_by = named_by.copied();
        if let Some(empty) = between.empty_mounts {
            let all = root.all().map(|at| (at, &steps[at]));
            let mounts = all.flat_map(|step| empty_mounts::of_step(build, step, empty));
            root.empty_mounts = mounts.collect();
        }
    }
    roots.sort_by_key(|root| {
        (
            std::cmp::Reverse(root.critical),
            place(&steps[root.steps[0]]),
        )
    });
    roots
}

/// Whether a step names a variable that a cause is about: its command or its
/// instruction has it as text, before values take its place.
fn names(build: &Known<'_>, step: &StepFacts, cause: &Cause) -> bool {
    let (Cause::Argument { variables } | Cause::Environment { variables }) = cause else {
        return false;
    };
    let definition = build.provenance.and_then(|p| p.definition(&step.digest));
    let command = match definition.map(|definition| &definition.operation) {
        Some(Operation::Run(run)) => run.command.join(" "),
        _ => String::new(),
    };
    let line = definition
        .and_then(|definition| definition.line)
        .or(step.line);
    let written = line.and_then(|line| build.written.get(&line));
    let texts = [Some(&command), written, Some(&step.instruction)];
    let has = |text: &&String| {
        variables
            .iter()
            .any(|variable| text.contains(&variable.name))
    };
    texts.iter().flatten().any(has)
}

/// Where a step stands in its Dockerfile.
pub(super) fn place(step: &StepFacts) -> (bool, Option<usize>, Option<(u32, u32)>) {
    (step.line.is_none(), step.line, step.position)
}
