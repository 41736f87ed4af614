//! Why a build executed what it might have taken from the cache: the cause of
//! each step, against an earlier build, and the first cause of all that follows
//! from it.
//!
//! BuildKit finds a step in its cache by its definition and by the content of
//! what it takes from (`solver/edge.go` of moby/buildkit). So a step is executed
//! because its definition is another (its instruction, a variable that it sees, its
//! base image), because something that it takes from is (a step above it, files of
//! the context, what is behind a URL), or because the record is not there: not to
//! be looked for, pruned, or never made. Which of these it is, is told by the
//! definitions in both builds' provenance, and as far as they tell by the status
//! streams. What cannot be told is said to be unknown.

mod cause;
mod definitions;
mod order;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

pub use cause::{Cause, Certainty, FileChange, Files, How, Unknown, Value, Variable};
use definitions::Difference;
use variables::Variables;

use super::diff::{StepChange, diff};
use super::{Explanation, StepFacts, StepKind, links};
use crate::model::{NoCache, Platform, seconds};
use crate::provenance::{Copied, Definition, MountKind, Operation, Provenance};

/// What is known of a build.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Its steps.
    pub explanation: &'a Explanation,
    /// The definitions of its steps, where they are known.
    pub provenance: Option<&'a Provenance>,
    /// Its build arguments, where they are known.
    pub arguments: Option<&'a BTreeMap<String, String>>,
    /// The instructions of its Dockerfile by their lines, from 1: each on one
    /// line, with its variables as they are written.
    pub written: &'a BTreeMap<usize, String>,
    /// What it was not to look for in the cache.
    pub no_cache: Option<&'a NoCache>,
    /// The builder, or the node, that built it.
    pub place: Option<&'a str>,
}

/// What is known of the time between two builds.
#[derive(Clone, Copy, Default)]
pub struct Between<'a> {
    /// The files of their contexts.
    pub files: Option<&'a dyn ContextFiles>,
    /// Whether the builder's cache holds nothing that is as old as the earlier
    /// build.
    pub emptied: bool,
}

/// The files of two builds' contexts.
pub trait ContextFiles: Sync {
    /// Those that changed from one to the other among what is copied of a
    /// context; `None` where that context is not known. The build's own is called
    /// `context`.
    fn changed(&self, context: &str, copied: &[Copied]) -> Option<Files>;
}

/// Why a build executed its steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Why {
    /// The first causes, the one that cost most first.
    pub causes: Vec<Root>,
    /// Instructions that were executed.
    pub executed: usize,
    /// Instructions whose result came from the cache.
    pub cached: usize,
}

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

/// Says why `build` executed what it did, `earlier` having been built before it.
pub fn why(build: &Known<'_>, earlier: &Known<'_>, between: &Between<'_>) -> Why {
    let asking = Asking::new(build, earlier, between);
    let steps = &build.explanation.steps;
    let mut found: Vec<Option<Found>> = vec![None; steps.len()];
    for at in 0..steps.len() {
        asking.find(at, &mut found);
    }
    let executed = |step: &&StepFacts| is_executed(step);
    Why {
        causes: roots(build, &found),
        executed: steps.iter().filter(executed).count(),
        cached: steps
            .iter()
            .filter(|step| is_instruction(step) && step.cached)
            .count(),
    }
}

/// What is found of an executed step.
#[derive(Debug, Clone)]
struct Found {
    /// Its first cause.
    cause: Cause,
    /// The step that has it: itself, or one that it builds on.
    root: usize,
}

struct Asking<'a> {
    build: &'a Known<'a>,
    earlier: &'a Known<'a>,
    between: &'a Between<'a>,
    /// The step of the earlier build for each of this one.
    before: Vec<Option<usize>>,
    built_before: BTreeSet<Platform>,
}

impl<'a> Asking<'a> {
    fn new(build: &'a Known<'a>, earlier: &'a Known<'a>, between: &'a Between<'a>) -> Self {
        let mut before = vec![None; build.explanation.steps.len()];
        for change in diff(earlier.explanation, build.explanation).steps {
            if let StepChange {
                first: Some(first),
                second: Some(second),
                ..
            } = change
            {
                before[second].get_or_insert(first);
            }
        }
        let steps = earlier
            .explanation
            .steps
            .iter()
            .filter(|s| is_instruction(s));
        let platforms = steps.flat_map(|step| step.target.iter().chain(&step.serves));
        Self {
            build,
            earlier,
            between,
            before,
            built_before: platforms.cloned().collect(),
        }
    }

    fn step(&self, at: usize) -> &'a StepFacts {
        &self.build.explanation.steps[at]
    }

    fn step_before(&self, at: usize) -> Option<&'a StepFacts> {
        Some(&self.earlier.explanation.steps[self.before[at]?])
    }

    /// Finds the first cause of a step, if it is an executed instruction, and of
    /// those that it builds on.
    fn find(&self, at: usize, found: &mut Vec<Option<Found>>) {
        let mut open = vec![at];
        while let Some(next) = open.last().copied() {
            let waits = self.executed_inputs(next);
            let missing: Vec<usize> = waits
                .iter()
                .copied()
                // Steps in a ring, which no build has, wait for nothing.
                .filter(|input| found[*input].is_none() && !open.contains(input))
                .collect();
            if !missing.is_empty() {
                open.extend(missing);
                continue;
            }
            open.pop();
            if found[next].is_none() && is_executed(self.step(next)) {
                let above = waits.iter().filter_map(|input| found[*input].as_ref());
                let above = above.min_by_key(|above| place(self.step(above.root)));
                found[next] = Some(self.cause(next, above));
            }
        }
    }

    /// The executed instructions that a step takes from.
    fn executed_inputs(&self, at: usize) -> Vec<usize> {
        let mut executed = Vec::new();
        let mut seen = BTreeSet::from([at]);
        let mut open = self.step(at).inputs.clone();
        while let Some(input) = open.pop() {
            if !seen.insert(input) {
                continue;
            }
            let step = self.step(input);
            if is_executed(step) {
                executed.push(input);
            } else if step.instruction.starts_with(links::LINK) {
                // It only joins what others made.
                open.extend(&step.inputs);
            }
        }
        executed
    }

    fn cause(&self, at: usize, above: Option<&Found>) -> Found {
        let step = self.step(at);
        let its_own = |cause| Found { cause, root: at };
        let Some(before) = self.step_before(at) else {
            let of_platform = self.unknown_platform(step).map(its_own);
            return of_platform
                // A step that is new follows from nothing.
                .unwrap_or_else(|| its_own(Cause::New));
        };
        if let Some(cause) = self.not_looked_for(step, before) {
            // It is the cause of those above, too.
            return match above {
                Some(above) if above.cause == cause => above.clone(),
                _ => its_own(cause),
            };
        }
        let difference = self.difference(step, before);
        let own = match &difference {
            // It may have brought its own.
            Difference::Is(Cause::Environment { .. }) if self.base_image(at).is_some() => {
                self.base_image(at)
            }
            Difference::Is(cause) => Some(cause.clone()),
            Difference::Inherited(_) | Difference::None | Difference::Unknown => None,
        };
        if let Some(own) = own
            && let Some(own) = without_known(own, above.map(|found| &found.cause))
        {
            return its_own(own);
        }
        let files = self.files(step);
        let is_certain = |files: &Files| files.certainty != Certainty::Unknown;
        if let Some(above) = above {
            let changed = files.filter(|files| is_certain(files) && !files.changes.is_empty());
            let more = changed.and_then(|files| {
                without_known(Cause::Files(files), Some(&above.cause)).map(its_own)
            });
            return more.unwrap_or_else(|| above.clone());
        }
        if let Difference::Inherited(cause) = difference {
            return its_own(cause);
        }
        let cause = self
            .base_image(at)
            .or_else(|| order::moved(self, at))
            .or_else(|| self.source(at))
            .or_else(|| self.changed_files(files))
            .or_else(|| self.changed_above(at))
            .unwrap_or_else(|| self.lost(step, before, &difference));
        its_own(cause)
    }

    /// What is different in the steps that one builds on, though they came from the
    /// cache: another build had made them.
    fn changed_above(&self, at: usize) -> Option<Cause> {
        let mut seen = BTreeSet::from([at]);
        let mut open = self.step(at).inputs.clone();
        let mut found: Vec<(usize, Cause)> = Vec::new();
        while let Some(input) = open.pop() {
            let step = self.step(input);
            if !seen.insert(input) || step.position.is_none() {
                continue;
            }
            open.extend(&step.inputs);
            let own =
                self.step_before(input)
                    .and_then(|before| match self.difference(step, before) {
                        Difference::Is(cause) | Difference::Inherited(cause) => Some(cause),
                        Difference::None | Difference::Unknown => None,
                    });
            let files = || {
                let files = self.files(step)?;
                let is_known = files.certainty != Certainty::Unknown && !files.changes.is_empty();
                is_known.then_some(Cause::Files(files))
            };
            let cause = own.or_else(|| self.base_image(input)).or_else(files);
            found.extend(cause.map(|cause| (input, cause)));
        }
        let first = found
            .into_iter()
            .min_by_key(|(at, _)| place(self.step(*at)));
        first.map(|(_, cause)| cause)
    }

    /// Whether nothing was built before of what a step makes something for.
    fn unknown_platform(&self, step: &StepFacts) -> Option<Cause> {
        let platform = step.target.as_ref()?;
        let is_known = self.built_before.is_empty() || self.built_before.contains(platform);
        (!is_known).then(|| Cause::Platform {
            platform: platform.clone(),
        })
    }

    fn difference(&self, step: &StepFacts, before: &StepFacts) -> Difference {
        let variables = Variables::of(self.build, self.earlier);
        definitions::difference((self.build, step), (self.earlier, before), &variables)
    }

    fn not_looked_for(&self, step: &StepFacts, before: &StepFacts) -> Option<Cause> {
        let covers = |no_cache: &NoCache| no_cache.covers(step.stage.as_deref());
        let is_asked = self.build.no_cache.is_some_and(covers);
        let is_told = crate::provenance::digest_without_cache(&before.digest) == step.digest;
        (is_asked || is_told).then_some(Cause::NoCache)
    }

    /// A base image that has another digest than before.
    fn base_image(&self, at: usize) -> Option<Cause> {
        let [now, then] = [(self.build, Some(at)), (self.earlier, self.before[at])]
            .map(|(known, at)| images(known, at));
        for (name, after) in &now {
            let Some(after) = after else { continue };
            if let Some(Some(before)) = then.get(name)
                && before != after
            {
                return Some(Cause::BaseImage {
                    image: name.clone(),
                    before: before.clone(),
                    after: after.clone(),
                });
            }
        }
        // Another image takes its place.
        let names = |images: &BTreeMap<String, Option<String>>| images.keys().next().cloned();
        let (before, after) = (names(&then)?, names(&now)?);
        (now.len() == 1 && then.len() == 1 && before != after).then(|| Cause::Instruction {
            before: format!("FROM {before}"),
            after: format!("FROM {after}"),
        })
    }

    /// What is behind a URL that a step gets or takes from.
    fn source(&self, at: usize) -> Option<Cause> {
        let inputs = self.step(at).inputs.iter().copied();
        let mut sources = [at].into_iter().chain(inputs);
        let source = sources.find_map(|at| {
            let step = self.step(at);
            self.remote(step).filter(|_| !step.cached)
        })?;
        let resolved = |known: &Known<'_>| {
            let mut materials = known.provenance?.materials.iter();
            let url = url_of(&source);
            let found = materials.find(|(uri, _)| url_of(uri) == url);
            found.map(|(_, digest)| digest.clone())
        };
        let (before, after) = (resolved(self.earlier), resolved(self.build));
        if before.is_some() && before == after {
            return None;
        }
        Some(Cause::Source {
            name: source,
            before,
            after,
        })
    }

    /// The URL that a step gets, if it is such a step.
    fn remote(&self, step: &StepFacts) -> Option<String> {
        if let Some(definition) = self.definition(step) {
            let Operation::Source(source) = &definition.operation else {
                return None;
            };
            let is_remote = source.local().is_none() && source.image().is_none();
            return is_remote.then(|| source.identifier.clone());
        }
        if is_remote(step) {
            return Some(step.instruction.clone());
        }
        // An ADD of a repository has the name of its instruction.
        let mut words = step.instruction.split_whitespace();
        let is_add = words.next() == Some("ADD") && step.inputs.is_empty();
        words
            .find(|word| is_add && word.contains("://"))
            .map(str::to_owned)
    }

    /// The files that a step copies or binds from a context of the client's, where
    /// it does: those that changed.
    fn files(&self, step: &StepFacts) -> Option<Files> {
        let mut found: Option<Files> = None;
        for (context, copied) in self.copied(step)? {
            let files = self.between.files;
            let files = files.and_then(|files| files.changed(&context, &copied));
            let mut files = files.unwrap_or_default();
            files.everything |= copied.iter().any(|copied| is_everything(copied));
            match &mut found {
                Some(found) => found.add(files),
                None => found = Some(files),
            }
        }
        found
    }

    /// What a step takes of which context.
    fn copied(&self, step: &StepFacts) -> Option<BTreeMap<String, Vec<Copied>>> {
        let mut copied: BTreeMap<String, Vec<Copied>> = BTreeMap::new();
        let Some(definition) = self.definition(step) else {
            let contexts = step.inputs.iter().map(|input| self.step(*input));
            let mut contexts = contexts.filter_map(context_of);
            let context = contexts.next()?;
            copied.insert(context.to_owned(), words_copied(&step.instruction));
            return Some(copied);
        };
        let mut add = |input: Option<usize>, what: Copied| {
            let source = definition.inputs.get(input?)?;
            let source = &self.build.provenance?.definition(source)?.operation;
            let Operation::Source(source) = source else {
                return None;
            };
            copied
                .entry(source.local()?.to_owned())
                .or_default()
                .push(what);
            Some(())
        };
        match &definition.operation {
            Operation::Files(files) => {
                for action in &files.actions {
                    if let crate::provenance::FileAction::Copy(what) = action {
                        add(what.input, what.clone());
                    }
                }
            }
            Operation::Run(run) => {
                for mount in run.mounts.iter().filter(|m| m.kind == MountKind::Bind) {
                    let source = Copied {
                        source: format!("/{}", mount.source.trim_start_matches('/')),
                        ..Copied::default()
                    };
                    add(mount.input, source);
                }
            }
            Operation::Source(_) | Operation::Other(_) => {}
        }
        (!copied.is_empty()).then_some(copied)
    }

    fn definition(&self, step: &StepFacts) -> Option<&'a Definition> {
        self.build.provenance?.definition(&step.digest)
    }

    /// The cause that changed files are; none where they are known not to have
    /// changed.
    fn changed_files(&self, files: Option<Files>) -> Option<Cause> {
        let files = files?;
        let is_known = files.certainty != Certainty::Unknown || self.between.emptied;
        let is_none = files.changes.is_empty() && is_known;
        (!is_none).then_some(Cause::Files(files))
    }

    /// The cause of a step that differs in nothing that is known.
    fn lost(&self, step: &StepFacts, before: &StepFacts, difference: &Difference) -> Cause {
        if before.error.is_some() || before.cancelled || before.unfinished {
            return Cause::NotBuilt;
        }
        if let (Some(now), Some(then)) = (self.build.place, self.earlier.place)
            && now != then
        {
            return Cause::OtherBuilder {
                before: then.to_owned(),
                after: now.to_owned(),
            };
        }
        // A context is another one in each build, and so is the digest of what
        // takes from it.
        let is_lost =
            step.digest == before.digest || self.between.emptied || self.copied(step).is_some();
        if *difference != Difference::Unknown || is_lost {
            return Cause::Pruned;
        }
        let variables = Variables::of(self.build, self.earlier).all_changed();
        match variables.is_empty() {
            true => Cause::Unknown(Unknown::Definition),
            false => Cause::Argument { variables },
        }
    }
}

/// What is left of a cause where another one, of a step above, is known; `None`
/// where it says nothing more.
fn without_known(cause: Cause, known: Option<&Cause>) -> Option<Cause> {
    let Some(known) = known else {
        return Some(cause);
    };
    match (cause, known) {
        (cause, known) if cause == *known => None,
        (Cause::Argument { variables }, Cause::Argument { variables: above }) => {
            let variables = variables::without(variables, above);
            (!variables.is_empty()).then_some(Cause::Argument { variables })
        }
        (Cause::Environment { variables }, Cause::Environment { variables: above }) => {
            let variables = variables::without(variables, above);
            (!variables.is_empty()).then_some(Cause::Environment { variables })
        }
        (Cause::Files(files), Cause::Files(above)) => {
            let files = files.without(above);
            (!files.changes.is_empty()).then_some(Cause::Files(files))
        }
        (cause, _) => Some(cause),
    }
}

/// The causes of all steps, each once: steps of several platforms that have the
/// same one are together.
fn roots(build: &Known<'_>, found: &[Option<Found>]) -> Vec<Root> {
    let steps = &build.explanation.steps;
    let key = |root: usize| {
        let step = &steps[root];
        let words: Vec<&str> = step.instruction.split_whitespace().collect();
        (step.stage.clone(), words.join(" "), step.line)
    };
    let mut roots: Vec<Root> = Vec::new();
    for (at, of_step) in found.iter().enumerate() {
        let Some(of_step) = of_step else { continue };
        let same = roots
            .iter_mut()
            .find(|known| known.cause == of_step.cause && key(known.steps[0]) == key(of_step.root));
        let root = match same {
            Some(root) => root,
            None => {
                roots.push(Root {
                    cause: of_step.cause.clone(),
                    steps: vec![of_step.root],
                    following: Vec::new(),
                    named_by: None,
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
fn place(step: &StepFacts) -> (bool, Option<usize>, Option<(u32, u32)>) {
    (step.line.is_none(), step.line, step.position)
}

/// Whether a step is an instruction that was executed.
pub(super) fn is_executed(step: &StepFacts) -> bool {
    is_instruction(step) && !step.cached
}

fn is_instruction(step: &StepFacts) -> bool {
    let is_link = step.instruction.starts_with(links::LINK);
    step.position.is_some() && step.kind != StepKind::BaseImage && !is_link
}

/// The images that a step takes from directly, without their digests, and these
/// where they are known.
fn images(known: &Known<'_>, at: Option<usize>) -> BTreeMap<String, Option<String>> {
    let steps = &known.explanation.steps;
    let Some(at) = at else {
        return BTreeMap::new();
    };
    let mut inputs = steps[at].inputs.clone();
    for input in inputs.clone() {
        if steps[input].instruction.starts_with(links::LINK) {
            inputs.extend(&steps[input].inputs);
        }
    }
    let bases = inputs.iter().map(|input| &steps[*input]);
    let bases = bases.filter(|step| step.kind == StepKind::BaseImage);
    bases.map(|step| image(known, step)).collect()
}

/// The name of a base image, and its digest.
fn image(known: &Known<'_>, step: &StepFacts) -> (String, Option<String>) {
    let definition = known.provenance.and_then(|p| p.definition(&step.digest));
    if let Some(Definition {
        operation: Operation::Source(source),
        ..
    }) = definition
        && let Some((name, digest)) = source.image()
    {
        return (crate::model::familiar_name(name), digest.map(str::to_owned));
    }
    let name = step.instruction.strip_prefix("FROM ");
    let name = name.unwrap_or(&step.instruction).trim();
    match name.split_once('@') {
        Some((name, digest)) => (crate::model::familiar_name(name), Some(digest.to_owned())),
        None => (crate::model::familiar_name(name), None),
    }
}

/// The context that a step loads: `[internal] load build context`, `[context src]
/// load from client`.
fn context_of(step: &StepFacts) -> Option<&str> {
    if step.instruction.starts_with("load build context") {
        return Some("context");
    }
    let context = step.stage.as_deref()?.strip_prefix("context ")?;
    step.instruction
        .starts_with("load from client")
        .then_some(context)
}

/// Whether a step is what is behind a URL: BuildKit names it by that.
fn is_remote(step: &StepFacts) -> bool {
    let first = step.instruction.split_whitespace().next();
    let is_url = first.is_some_and(|word| word.contains("://"));
    let is_loaded = step
        .stage
        .as_deref()
        .is_some_and(|s| s.starts_with("context "))
        && step.instruction.starts_with("load ");
    step.position.is_none() && (is_url || (is_loaded && context_of(step).is_none()))
}

/// A URL as both a step's name and a provenance have it.
fn url_of(name: &str) -> &str {
    let name = name.split_whitespace().next().unwrap_or_default();
    let name = name.split('#').next().unwrap_or_default();
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    name.trim_end_matches('/').trim_end_matches(".git")
}

/// Whether all of a context is copied.
fn is_everything(copied: &Copied) -> bool {
    let is_all = ["", "/", "/.", "."].contains(&copied.source.as_str());
    is_all && copied.include.is_empty()
}

/// What a COPY or ADD copies, by its words.
fn words_copied(instruction: &str) -> Vec<Copied> {
    let words = instruction.split_whitespace().skip(1);
    let mut paths: Vec<&str> = words.filter(|word| !word.starts_with("--")).collect();
    if !instruction.to_ascii_uppercase().starts_with("RUN") {
        paths.pop();
    } else {
        // Which files a mount binds, only its definition says.
        paths = vec!["."];
    }
    let copied = paths.into_iter().map(|path| Copied {
        source: path
            .trim_start_matches("./")
            .trim_matches(|c| "[]\",".contains(c))
            .trim_end_matches('/')
            .to_owned(),
        ..Copied::default()
    });
    copied.collect()
}
