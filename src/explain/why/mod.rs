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

mod above;
mod cause;
mod definitions;
mod empty_mounts;
mod known;
mod order;
mod roots;
mod sources;
mod variables;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use cause::{Cause, Certainty, FileChange, Files, How, Unknown, Value, Variable};
use definitions::Difference;
pub use empty_mounts::EmptyMount;
pub use known::{Between, ContextFiles, Known};
use roots::{Found, place, roots};
pub use roots::{PlatformCost, Root};
use sources::{context_of, images, is_everything, is_remote, ref_of, url_of, words_copied};
use variables::Variables;

use super::diff::{StepChange, diff};
use super::{StepFacts, StepKind, links};
use crate::model::{NoCache, Platform};
use crate::provenance::digest_without_cache;
use crate::provenance::{Copied, Definition, FileAction, MountKind, Operation};
use crate::secrets::without_credentials;

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
        causes: roots(build, between, &found),
        executed: steps.iter().filter(executed).count(),
        cached: steps
            .iter()
            .filter(|step| is_instruction(step) && step.cached)
            .count(),
    }
}

struct Asking<'a> {
    build: &'a Known<'a>,
    earlier: &'a Known<'a>,
    between: &'a Between<'a>,
    /// The step of the earlier build for each of this one.
    before: Vec<Option<usize>>,
    built_before: BTreeSet<Platform>,
    variables: Variables<'a>,
    /// For each step the first of those that it builds on that is not what it was.
    first_changed: OnceCell<Vec<Option<usize>>>,
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
            variables: Variables::of(build, earlier),
            first_changed: OnceCell::new(),
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
    fn find(&self, at: usize, found: &mut [Option<Found>]) {
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
                found[next] = Some(self.cause(next, &above::causes(above, found)));
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

    /// The first cause of a step, under those that it follows from, the nearest first.
    fn cause(&self, at: usize, known: &[&Found]) -> Found {
        let step = self.step(at);
        let above = known.first().copied();
        let its_own = |cause| Found {
            cause,
            root: at,
            above: above.map(|above| above.root),
        };
        let Some(before) = self.step_before(at) else {
            let of_platform = self.unknown_platform(step).map(its_own);
            let has_failed = self.earlier.explanation.failure.is_some();
            return of_platform
                // One that failed tells nothing of what would have followed.
                .or_else(|| has_failed.then(|| above.cloned())?)
                .unwrap_or_else(|| {
                    its_own(if has_failed {
                        Cause::NotBuilt
                    } else {
                        Cause::New
                    })
                });
        };
        if let Some(cause) = self.not_looked_for(step, before) {
            return above::left_of(cause, known).map_or_else(Found::clone, its_own);
        }
        let difference = self.difference(step, before);
        let own = match &difference {
            Difference::Is(cause) => Some(cause.clone()),
            Difference::Inherited(_) | Difference::None | Difference::Unknown => None,
        };
        // It may be that of a step further up, another cause being between them.
        let same = match own.map(|own| above::left_of(own, known)) {
            Some(Ok(own)) => return its_own(own),
            Some(Err(same)) => Some(same),
            None => None,
        };
        let files = self.files(step);
        let is_certain = |files: &Files| files.certainty != Certainty::Unknown;
        if let Some(above) = above {
            let changed = files.filter(|files| is_certain(files) && !files.changes.is_empty());
            let more = changed.map(|files| above::left_of(Cause::Files(files), known));
            return match more {
                Some(Ok(more)) => its_own(more),
                Some(Err(files)) => same.unwrap_or(files).clone(),
                None => same.unwrap_or(above).clone(),
            };
        }
        let inherited = match &difference {
            Difference::Inherited(cause) => Some(cause.clone()),
            Difference::Is(_) | Difference::None | Difference::Unknown => None,
        };
        let cause = self
            .base_image(at)
            .or_else(|| inherited.and_then(|cause| self.base_above(at).or(Some(cause))))
            .or_else(|| self.moved(at))
            .or_else(|| self.source(at))
            .or_else(|| self.changed_files(files))
            .or_else(|| self.changed_above(at))
            .unwrap_or_else(|| self.lost(step, before, &difference));
        its_own(cause)
    }

    /// What is different in the steps that one builds on, though they came from the
    /// cache: another build had made them.
    fn changed_above(&self, at: usize) -> Option<Cause> {
        let steps = &self.build.explanation.steps;
        let is_changed = |at| self.changed(at).is_some();
        let first = self
            .first_changed
            .get_or_init(|| above::first_changed(steps, is_changed));
        self.changed(first[at]?)
    }

    /// What is different in a step itself, wherever its result came from.
    fn changed(&self, at: usize) -> Option<Cause> {
        let step = self.step(at);
        let before = self.step_before(at);
        let own = before.and_then(|before| match self.difference(step, before) {
            Difference::Is(cause) | Difference::Inherited(cause) => Some(cause),
            Difference::None | Difference::Unknown => None,
        });
        let files = || {
            let files = self.files(step)?;
            let is_known = files.certainty != Certainty::Unknown && !files.changes.is_empty();
            is_known.then_some(Cause::Files(files))
        };
        own.or_else(|| self.base_image(at)).or_else(files)
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
        definitions::difference((self.build, step), (self.earlier, before), &self.variables)
    }

    /// The base image of the stage that a step is of, if that is another one now.
    fn base_above(&self, at: usize) -> Option<Cause> {
        let mut seen = BTreeSet::new();
        let mut next = at;
        while seen.insert(next) {
            if let Some(cause) = self.base_image(next) {
                return Some(cause);
            }
            next = order::parent(&self.build.explanation.steps, next)?;
        }
        None
    }

    fn not_looked_for(&self, step: &StepFacts, before: &StepFacts) -> Option<Cause> {
        // The only stage of a Dockerfile is named by its FROM alone.
        let stage = step.stage.as_deref().or_else(|| self.only_stage());
        let covers = |no_cache: &NoCache| no_cache.covers(stage);
        let is_asked = self.build.no_cache.is_some_and(covers);
        let is_told = digest_without_cache(&before.digest) == step.digest;
        (is_asked || is_told).then_some(Cause::NoCache)
    }

    /// What the only FROM of the Dockerfile calls its stage.
    fn only_stage(&self) -> Option<&'a str> {
        let written = self.build.written.values();
        let is_from = |text: &&String| {
            let first = text.split_whitespace().next();
            first.is_some_and(|word| word.eq_ignore_ascii_case("FROM"))
        };
        let mut froms = written.filter(is_from);
        let (from, None) = (froms.next()?, froms.next()) else {
            return None;
        };
        let words: Vec<&str> = from.split_whitespace().collect();
        match words.as_slice() {
            [.., word, name] if word.eq_ignore_ascii_case("AS") => Some(name),
            _ => None,
        }
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
        if now.len() != 1 || then.len() != 1 || before == after {
            return None;
        }
        let variables = self.variables.explaining(&before, &after);
        Some(match variables.is_empty() {
            false => Cause::Argument { variables },
            true => Cause::Instruction {
                before: format!("FROM {before}"),
                after: format!("FROM {after}"),
            },
        })
    }

    /// Another step that one builds on now.
    fn moved(&self, at: usize) -> Option<Cause> {
        let [now, then] = [self.build, self.earlier].map(|known| &known.explanation.steps);
        order::moved((now, at), (then, self.before[at]?), &self.before)
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
            let materials = &known.provenance?.materials;
            let find = |same: fn(&str) -> &str| {
                let mut found = materials
                    .iter()
                    .filter(|(uri, _)| same(uri) == same(&source));
                let (first, None) = (found.next()?, found.next()) else {
                    return None;
                };
                Some(first.1.clone())
            };
            // One repository may be there at several refs.
            find(ref_of).or_else(|| find(url_of))
        };
        let (before, after) = (resolved(self.earlier), resolved(self.build));
        if before.is_some() && before == after {
            return None;
        }
        Some(Cause::Source {
            name: without_credentials(&source).into_owned(),
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
            files.is_named |= context != sources::CONTEXT;
            files.everything |= copied.iter().any(is_everything);
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
                    if let FileAction::Copy(what) = action {
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
            // A recording does not say what was asked for.
            return match self.build.arguments.is_some() || self.between.emptied {
                true => Cause::Pruned,
                false => Cause::Unknown(Unknown::Record),
            };
        }
        Cause::Unknown(Unknown::Definition)
    }
}

/// Whether a step is an instruction that was executed.
pub(super) fn is_executed(step: &StepFacts) -> bool {
    is_instruction(step) && !step.cached
}

fn is_instruction(step: &StepFacts) -> bool {
    let is_link = step.instruction.starts_with(links::LINK);
    step.position.is_some() && step.kind != StepKind::BaseImage && !is_link
}
