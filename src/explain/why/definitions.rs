//! What is different between a step's definition and that of its twin in an
//! earlier build.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::cause::{Cause, Unknown, Variable};
use super::known::Known;
use super::variables::{Variables, used};
use crate::explain::StepFacts;
use crate::provenance::{Definition, FileAction, Files, Mount, MountKind, Operation, Run};

/// Bytes of a text that is told.
const MAX_TEXT: usize = 16 << 10;

/// What is different.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Difference {
    /// This.
    Is(Cause),
    /// This, which an instruction above has set: if that was executed, it is the
    /// cause.
    Inherited(Cause),
    /// Nothing: the definitions are the same.
    None,
    /// The definitions are not known, and as far as the steps' names tell it is
    /// nothing.
    Unknown,
}

/// A step, and the build that it is of.
type Of<'k> = (&'k Known<'k>, &'k StepFacts);

/// What is different between a step and what it was.
pub(super) fn difference(
    (build, step): Of<'_>,
    (earlier, before): Of<'_>,
    variables: &Variables<'_>,
) -> Difference {
    let [now, then] = [(build, step), (earlier, before)].map(definition);
    let texts = Texts {
        after: text((build, step), now),
        before: text((earlier, before), then),
        named: [before, step].map(|step| single_blanks(&step.instruction)),
        made: [(earlier, then), (build, now)].map(|(known, definition)| {
            definition.map_or_else(String::new, |definition| made(known, definition))
        }),
    };
    match (now, then) {
        (Some(now), Some(then)) => of_definitions(now, then, &texts, variables),
        _ => of_names(step, before, variables),
    }
}

fn definition<'k>((known, step): Of<'k>) -> Option<&'k Definition> {
    known.provenance?.definition(&step.digest)
}

/// An instruction as it was written, or as BuildKit names it.
fn text((known, step): Of<'_>, definition: Option<&Definition>) -> String {
    let line = definition.and_then(|definition| definition.line);
    let written = line.or(step.line).and_then(|line| known.written.get(&line));
    // The text of a heredoc is in the definition.
    let written = written.filter(|text| !text.contains("<<"));
    let text = written.unwrap_or(&step.instruction);
    single_blanks(text)
}

/// The text of the files that a step makes, or that were made for it: those of a
/// heredoc.
fn made(known: &Known<'_>, definition: &Definition) -> String {
    let inputs = definition.inputs.iter();
    let inputs = inputs.filter_map(|input| known.provenance?.definition(input));
    let all = inputs.chain([definition]);
    let actions = all.flat_map(|definition| match &definition.operation {
        Operation::Files(files) => files.actions.as_slice(),
        Operation::Run(_) | Operation::Source(_) | Operation::Other(_) => &[],
    });
    let texts = actions.filter_map(|action| match action {
        FileAction::Make { text, .. } => Some(text.as_str()),
        FileAction::Copy(_) | FileAction::Other(_) => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn single_blanks(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Texts {
    before: String,
    after: String,
    /// The same as BuildKit names both, with the values of variables.
    named: [String; 2],
    /// What their heredocs say.
    made: [String; 2],
}

impl Texts {
    fn differ(&self) -> bool {
        self.before != self.after
    }

    fn instruction(&self) -> Cause {
        Cause::Instruction {
            before: self.before.clone(),
            after: self.after.clone(),
        }
    }
}

/// By the names of steps, in which variables are replaced by their values.
fn of_names(step: &StepFacts, before: &StepFacts, variables: &Variables<'_>) -> Difference {
    let [before, after] = [before, step].map(|step| single_blanks(&step.instruction));
    if before == after {
        return Difference::Unknown;
    }
    let explaining = variables.explaining(&before, &after);
    Difference::Is(match explaining.is_empty() {
        true => Cause::Instruction { before, after },
        false => Cause::Argument {
            variables: explaining,
        },
    })
}

fn of_definitions(
    now: &Definition,
    then: &Definition,
    texts: &Texts,
    variables: &Variables<'_>,
) -> Difference {
    match (&now.operation, &then.operation) {
        (Operation::Run(now_run), Operation::Run(then_run)) => {
            let found = of_runs(now_run, then_run, texts, variables);
            match found {
                Difference::None => of_platforms(now, then),
                found => found,
            }
        }
        (Operation::Files(now), Operation::Files(then)) => of_files(now, then, texts, variables),
        (now, then) if now == then => Difference::None,
        _ if texts.differ() => Difference::Is(texts.instruction()),
        _ => Difference::None,
    }
}

fn of_platforms(now: &Definition, then: &Definition) -> Difference {
    match (&now.platform, &then.platform) {
        (Some(now), Some(then)) if now != then => Difference::Inherited(Cause::Setting {
            name: "FROM --platform".to_owned(),
            before: then.to_string(),
            after: now.to_string(),
        }),
        _ => Difference::None,
    }
}

fn of_runs(now: &Run, then: &Run, texts: &Texts, variables: &Variables<'_>) -> Difference {
    let is_other_command = now.command != then.command;
    if is_other_command {
        let [before, after] = [then, now].map(|run| run.command.last());
        // That of a heredoc is not in the step's name.
        return Difference::Is(match (before, after) {
            (Some(before), Some(after)) if !texts.differ() && before != after => {
                Cause::Instruction {
                    before: cut(before),
                    after: cut(after),
                }
            }
            _ if texts.differ() => texts.instruction(),
            _ => setting("SHELL", &then.command.join(" "), &now.command.join(" ")),
        });
    }
    if let Some(cause) = of_caches(now, then) {
        return Difference::Is(cause);
    }
    let is_other_mount = mounts(now) != mounts(then);
    if is_other_mount && texts.differ() {
        return Difference::Is(texts.instruction());
    }
    match of_environments(&now.environment, &then.environment, variables) {
        Difference::None => {}
        found => return found,
    }
    if now.folder != then.folder {
        return Difference::Inherited(setting("WORKDIR", &then.folder, &now.folder));
    }
    if now.user != then.user {
        return Difference::Inherited(setting("USER", &then.user, &now.user));
    }
    if is_other_mount || now.options != then.options {
        return Difference::Is(match texts.differ() {
            true => texts.instruction(),
            false => setting(
                "option",
                &serde_json::json!(then.options).to_string(),
                &serde_json::json!(now.options).to_string(),
            ),
        });
    }
    Difference::None
}

fn setting(name: &str, before: &str, after: &str) -> Cause {
    Cause::Setting {
        name: name.to_owned(),
        before: cut(before),
        after: cut(after),
    }
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Mounts as a step is found by them: without where they come from, which other
/// steps tell, and without the id of a cache, unless it is the default one
/// (`checkShouldClearCacheOpts` in `solver/llbsolver/ops/exec.go`).
fn mounts(run: &Run) -> Vec<Mount> {
    let mounts = run.mounts.iter().cloned();
    let mounts = mounts.map(|mount| Mount {
        input: None,
        ..mount
    });
    mounts
        .map(|mount| match has_own_id(&mount) {
            true => Mount {
                cache_id: None,
                options: without_sharing(&mount),
                ..mount
            },
            false => mount,
        })
        .collect()
}

/// Whether a cache was given an id, or is shared in a way of its own.
fn has_own_id(mount: &Mount) -> bool {
    let Some(id) = &mount.cache_id else {
        return false;
    };
    let is_default = |id: &str| id == mount.target;
    // One behind a namespace is the default, too.
    let rest = id.split_once('/').map(|(_, rest)| rest);
    let is_default = is_default(id) || rest.is_some_and(is_default);
    !is_default || mount.options.contains_key(SHARING)
}

const SHARING: &str = "sharing";

fn without_sharing(mount: &Mount) -> BTreeMap<String, Value> {
    let mut options = mount.options.clone();
    options.remove(SHARING);
    options
}

/// A cache that comes or goes, or has an id of its own only now or not any more,
/// where nothing else is different.
fn of_caches(now: &Run, then: &Run) -> Option<Cause> {
    let is_cache = |mount: &Mount| mount.kind == MountKind::Cache;
    let split = |run: &Run| -> (BTreeMap<String, Mount>, Vec<Mount>) {
        let (caches, others): (Vec<Mount>, Vec<Mount>) =
            mounts(run).into_iter().partition(is_cache);
        let caches = caches.into_iter();
        let caches = caches.map(|mount| (mount.target.clone(), mount));
        (caches.collect(), others)
    };
    let ((now_caches, others), (then_caches, others_then)) = (split(now), split(then));
    if others != others_then {
        return None;
    }
    let mut targets = now_caches.keys().chain(then_caches.keys());
    let target = targets.find(|target| now_caches.get(*target) != then_caches.get(*target))?;
    let id = |run: &Run| {
        let mut caches = run.mounts.iter().filter(|mount| is_cache(mount));
        let cache = caches.find(|mount| mount.target == *target)?;
        // BuildKit puts a namespace before it, in general an empty one.
        let id = cache.cache_id.as_deref()?;
        Some(id.strip_prefix('/').unwrap_or(id).to_owned())
    };
    Some(Cause::CacheMount {
        target: target.clone(),
        before: id(then),
        after: id(now),
    })
}

fn of_environments(
    now: &BTreeMap<String, String>,
    then: &BTreeMap<String, String>,
    variables: &Variables<'_>,
) -> Difference {
    let mut names: Vec<&String> = now.keys().chain(then.keys()).collect();
    names.sort();
    names.dedup();
    let value = |of: &BTreeMap<String, String>, name: &str| of.get(name).cloned();
    let changed = names.into_iter().filter_map(|name| {
        let (before, after) = (value(then, name), value(now, name));
        (before != after).then(|| variables.variable(name, before.as_deref(), after.as_deref()))
    });
    let (of_base, own): (Vec<Variable>, Vec<Variable>) =
        changed.partition(|variable| variables.is_of_base(&variable.name));
    let (arguments, environment): (Vec<Variable>, Vec<Variable>) = own
        .into_iter()
        .partition(|variable| variables.is_argument(&variable.name));
    if !arguments.is_empty() {
        // ENV may be made of them: ENV A=$ARG.
        return Difference::Is(Cause::Argument {
            variables: arguments,
        });
    }
    if !environment.is_empty() {
        return Difference::Is(Cause::Environment {
            variables: environment,
        });
    }
    match of_base.is_empty() {
        true => Difference::None,
        false => Difference::Inherited(Cause::Environment { variables: of_base }),
    }
}

fn of_files(now: &Files, then: &Files, texts: &Texts, variables: &Variables<'_>) -> Difference {
    let [before, after] = &texts.made;
    if now == then && before == after {
        return Difference::None;
    }
    if texts.differ() {
        let changed = variables.explaining(&texts.before, &texts.after);
        return Difference::Is(match changed.is_empty() {
            true => texts.instruction(),
            false => Cause::Argument { variables: changed },
        });
    }
    if after != before {
        return Difference::Is(Cause::Instruction {
            before: cut(before),
            after: cut(after),
        });
    }
    let changed = variables.changed(used(&texts.after).into_iter());
    if !changed.is_empty() {
        return Difference::Is(Cause::Argument { variables: changed });
    }
    let [before, after] = &texts.named;
    if before != after {
        return Difference::Is(setting("ENV", before, after));
    }
    of_actions(now, then, variables)
}

/// What is different in files that are copied by the same words.
fn of_actions(now: &Files, then: &Files, variables: &Variables<'_>) -> Difference {
    const TIME: &str = "timestamp";
    const EPOCH: &str = "SOURCE_DATE_EPOCH";
    for (now, then) in now.actions.iter().zip(&then.actions) {
        let (FileAction::Copy(now), FileAction::Copy(then)) = (now, then) else {
            continue;
        };
        if now.target != then.target {
            return Difference::Inherited(setting("WORKDIR", &then.target, &now.target));
        }
        let mut names = now.options.keys().chain(then.options.keys());
        let name = names.find(|name| now.options.get(*name) != then.options.get(*name));
        let Some(name) = name else { continue };
        let changed = variables.changed([EPOCH].into_iter());
        if name == TIME && !changed.is_empty() {
            return Difference::Is(Cause::Argument { variables: changed });
        }
        let value =
            |of: &Map<String, Value>| of.get(name).map_or_else(String::new, Value::to_string);
        return Difference::Is(setting(name, &value(&then.options), &value(&now.options)));
    }
    // Whatever else it is.
    Difference::Is(Cause::Unknown(Unknown::Definition))
}
