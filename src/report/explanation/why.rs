//! Why a build executed what it did, in words.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::number;
use super::super::paint::Style;
use super::PageStyle;
use super::page::Page;
use super::text::{beside, short_instruction};
use crate::escape;
use crate::explain::why::{Cause, FileChange, Files, How, Root, Unknown, Value, Variable, Why};
use crate::explain::{Explanation, StepFacts};

/// Columns of an instruction in a sentence.
const MAX_INSTRUCTION: usize = 60;
/// Columns of an outside word: a path, a value, a digest.
const MAX_WORD: usize = 60;
/// Files and variables that are named.
const MAX_NAMED: usize = 3;
/// Causes and following steps that are shown without `--all`.
const MAX_SHOWN: usize = 10;

/// A build that is shown.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What it is called, from outside.
    pub title: &'a str,
    /// Its steps.
    pub explanation: &'a Explanation,
}

/// Why a build executed what it did, for a terminal. Ends with a line break.
pub fn why(build: Side<'_>, earlier: Side<'_>, why: &Why, style: PageStyle) -> String {
    let mut page = Page::new(style);
    let title = |side: Side<'_>| escape::columns(side.title, 120);
    let span = build.explanation.span;
    page.line(Style::Bold, &format!("{}: {}", title(build), seconds(span)));
    page.line(Style::Dim, &format!("against {}", title(earlier)));
    page.out.push('\n');
    let steps = |count: usize| match count {
        1 => "1 step".to_owned(),
        count => format!("{count} steps"),
    };
    if why.causes.is_empty() {
        let sentence = match (why.executed, why.cached) {
            (0, 0) => "No instruction of a Dockerfile was built.".to_owned(),
            (0, cached) => format!("Every step came from the cache: {}.", steps(cached)),
            (executed, _) => format!("{} executed; no cause was found.", steps(executed)),
        };
        page.wrapped(Style::Plain, &sentence);
        return page.out;
    }
    page.wrapped(
        Style::Plain,
        &format!(
            "{} executed, {} from the cache.",
            steps(why.executed),
            why.cached
        ),
    );
    shown_causes(&mut page, build.explanation, why, style.all);
    page.out
}

/// The causes alone, for a terminal; empty where there is none.
pub fn causes(build: &Explanation, why: &Why, style: PageStyle) -> String {
    let mut page = Page::new(style);
    shown_causes(&mut page, build, why, style.all);
    page.out
}

fn shown_causes(page: &mut Page, build: &Explanation, why: &Why, all: bool) {
    let shown = if all { why.causes.len() } else { MAX_SHOWN };
    for root in why.causes.iter().take(shown) {
        page.out.push('\n');
        cause_shown(page, build, root, all);
    }
    let hidden = why.causes.len().saturating_sub(shown);
    if hidden > 0 {
        page.out.push('\n');
        let line = format!("and {hidden} more causes; --all shows them");
        page.line(Style::Dim, &line);
    }
}

/// The first of the causes, with its step: `COPY . . (line 3): main.go changed`.
pub fn first_cause(build: &Explanation, why: &Why) -> Option<String> {
    let root = why.causes.first()?;
    let step = &build.steps[*root.steps.first()?];
    Some(format!("{}: {}", named(step), sentence(&root.cause)))
}

fn cause_shown(page: &mut Page, build: &Explanation, root: &Root, all: bool) {
    let step = &build.steps[root.steps[0]];
    page.wrapped(
        Style::Bold,
        &format!("{}: {}", named(step), sentence(&root.cause)),
    );
    let following = following(build, root);
    let shown = if all { following.len() } else { MAX_SHOWN };
    for step in following.iter().take(shown) {
        page.indented(Style::Dim, &format!("then {}", named(step)));
    }
    if following.len() > shown {
        let more = following.len() - shown;
        page.indented(Style::Dim, &format!("then {more} more steps"));
    }
    page.indented(Style::Plain, &format!("cost: {}", cost(build, root)));
    let empty = empty_mounts(build, root);
    let shown = if all { empty.len() } else { MAX_SHOWN };
    for sentence in empty.iter().take(shown) {
        page.indented(Style::Plain, sentence);
    }
    if empty.len() > shown {
        let more = empty.len() - shown;
        page.indented(Style::Plain, &format!("and {more} more empty cache mounts"));
    }
    if let Some(advice) = advice(build, root) {
        page.indented(Style::Plain, &format!("to keep it cached: {advice}"));
    }
}

/// The steps that follow from a cause, those of several platforms once.
fn following<'e>(build: &'e Explanation, root: &Root) -> Vec<&'e StepFacts> {
    let key = |step: &'e StepFacts| (step.stage.as_deref(), step.instruction.as_str());
    let first = root.steps.first().map(|at| key(&build.steps[*at]));
    let mut known: Vec<(Option<&str>, &str)> = first.into_iter().collect();
    let mut following = Vec::new();
    for at in &root.following {
        let step = &build.steps[*at];
        let key = key(step);
        if !known.contains(&key) {
            known.push(key);
            following.push(step);
        }
    }
    following
}

/// What is said of the cache mounts that were empty, those of several platforms once.
fn empty_mounts(build: &Explanation, root: &Root) -> Vec<String> {
    let first = &build.steps[root.steps[0]].instruction;
    let mut sentences = Vec::new();
    for mount in &root.empty_mounts {
        let (step, target) = (&build.steps[mount.step], word(&mount.target));
        let sentence = match step.instruction == *first {
            true => format!("its cache mount {target} was empty when the build began"),
            false => format!(
                "the cache mount {target} of {} was empty when the build began",
                named(step)
            ),
        };
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

/// `19.8 s of 21.3 s on the critical path: linux/amd64 4.1 s, linux/arm64 15.7 s`
fn cost(build: &Explanation, root: &Root) -> String {
    let mut text = format!(
        "{} of {} on the critical path",
        seconds(root.critical),
        seconds(build.span)
    );
    let named = root.platforms.iter().filter_map(|cost| {
        let platform = cost.platform.as_ref()?;
        Some(match (cost.critical.is_zero(), cost.busy > cost.critical) {
            (true, _) => format!("{platform} {} beside it", seconds(cost.busy)),
            (false, true) => format!(
                "{platform} {} of {}",
                seconds(cost.critical),
                seconds(cost.busy)
            ),
            (false, false) => format!("{platform} {}", seconds(cost.critical)),
        })
    });
    let named: Vec<String> = named.collect();
    if named.len() > 1 || root.platforms.len() > 1 {
        text.push_str(&format!(": {}", named.join(", ")));
    }
    text
}

/// `RUN make (line 7)`, safe for a terminal.
fn named(step: &StepFacts) -> String {
    let instruction = short_instruction(&step.instruction, MAX_INSTRUCTION);
    match step.line {
        Some(line) => format!("{instruction} (line {line})"),
        None => instruction,
    }
}

/// What a cause is, in words that follow a colon; without a full stop.
pub fn sentence(cause: &Cause) -> String {
    match cause {
        Cause::Instruction { before, after } => instruction(before, after),
        Cause::Argument { variables } => changed("build argument", variables),
        Cause::Environment { variables } => changed("environment variable", variables),
        Cause::BaseImage {
            image,
            before,
            after,
        } => format!(
            "{} is another image now: {}, it was {}",
            word(image),
            digest(after),
            digest(before)
        ),
        Cause::Files(files) => files_changed(files),
        Cause::Source {
            name,
            before,
            after,
        } => match (before, after) {
            (Some(before), Some(after)) => format!(
                "{} moved: it is {} now, it was {}",
                word(name),
                digest(after),
                digest(before)
            ),
            _ => format!(
                "what is at {} changed, or its cache record is gone (unknown which)",
                word(name)
            ),
        },
        Cause::CacheMount {
            target,
            before,
            after,
        } => match (before, after) {
            (Some(before), Some(after)) => format!(
                "the cache mounted at {} is {} now, it was {}",
                word(target),
                word(after),
                word(before)
            ),
            (None, _) => format!("a cache is mounted at {} now", word(target)),
            (_, None) => format!("no cache is mounted at {} any more", word(target)),
        },
        Cause::Setting {
            name,
            before,
            after,
        } => format!(
            "its {} is {} now, it was {}",
            word(name),
            word(after),
            word(before)
        ),
        Cause::Order { before, after } => format!(
            "it follows {} now, it followed {}",
            short_instruction(after, MAX_INSTRUCTION),
            short_instruction(before, MAX_INSTRUCTION)
        ),
        Cause::New => "the earlier build did not have it".to_owned(),
        Cause::Platform { platform } => {
            format!("the earlier build built nothing for {platform}")
        }
        Cause::NoCache => "built with --no-cache".to_owned(),
        Cause::Pruned => "its record is gone from the builder's cache".to_owned(),
        Cause::NotBuilt => "the earlier build did not finish it".to_owned(),
        Cause::OtherBuilder { before, after } => format!(
            "it was built on {} before, and now on {}",
            word(before),
            word(after)
        ),
        Cause::Unknown(Unknown::Definition) => {
            "its definition changed (an ARG, an ENV or an option), or its cache record is gone: a \
             recording does not say which"
                .to_owned()
        }
        Cause::Unknown(Unknown::Record) => {
            "its cache record is gone, or it was built with --no-cache: a recording does not say \
             which"
                .to_owned()
        }
    }
}

fn instruction(before: &str, after: &str) -> String {
    // Where the two differ is shown.
    let (after, before) = (
        beside(after, before, MAX_INSTRUCTION),
        beside(before, after, MAX_INSTRUCTION),
    );
    match before == after {
        true => "its text changed".to_owned(),
        false => format!("its text changed: {after}, it was {before}"),
    }
}

/// `build argument VERSION is 2 now, it was 1`
fn changed(what: &str, variables: &[Variable]) -> String {
    let value = |value: &Value| match value {
        Value::Unset => "not set".to_owned(),
        Value::Set(text) => word(&format!("{text:?}")),
        Value::Hidden => "hidden".to_owned(),
    };
    let told = variables.iter().take(MAX_NAMED).map(|variable| {
        let name = word(&variable.name);
        match (&variable.before, &variable.after) {
            (Value::Hidden, Value::Hidden) => {
                format!("{what} {name} has another value (not shown: by its name a secret)")
            }
            (Value::Unset, _) if variable.moved => {
                format!("{what} {name} is declared above it now")
            }
            (_, Value::Unset) if variable.moved => {
                format!("{what} {name} is not declared above it any more")
            }
            (before, after) => {
                format!(
                    "{what} {name} is {} now, it was {}",
                    value(after),
                    value(before)
                )
            }
        }
    });
    let told: Vec<String> = told.collect();
    let more = match variables.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{}{more}", told.join("; "))
}

fn files_changed(files: &Files) -> String {
    let named = |change: &FileChange| {
        let path = word(&change.path);
        match change.how {
            How::Added => format!("{path} is new"),
            How::Removed => format!("{path} is gone"),
            How::Content => format!("{path} changed"),
            How::Mode => format!("{path} has another mode"),
            How::Touched => format!("{path} was touched between the builds"),
        }
    };
    if files.changes.is_empty() {
        return "its files changed, or its cache record is gone (unknown which)".to_owned();
    }
    let told: Vec<String> = files.changes.iter().take(MAX_NAMED).map(named).collect();
    let more = match files.changes.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        1 => ", and 1 more file".to_owned(),
        more => format!(", and {more} more files"),
    };
    format!("{}{more}", told.join(", "))
}

/// What would have kept a cause's steps cached; without a full stop.
pub fn advice(build: &Explanation, root: &Root) -> Option<String> {
    let step = &build.steps[root.steps[0]];
    let run = following(build, root)
        .into_iter()
        .find(|step| step.kind.is_run());
    Some(match &root.cause {
        Cause::Files(files) if files.changes.is_empty() && files.is_named => return None,
        Cause::Files(files) if files.changes.is_empty() => "name both contexts with --context and \
             --earlier-context, folders or git revisions, to be told which file it was"
            .to_owned(),
        Cause::Files(files) => {
            let in_git = |change: &&FileChange| change.path.split('/').next() == Some(".git");
            if files.changes.iter().all(|change| in_git(&change)) {
                return Some("put .git into .dockerignore".to_owned());
            }
            let run = run?;
            match files.everything {
                true => format!(
                    "copy only what {} needs before it, and the rest after it; or leave out with \
                     .dockerignore what no build needs",
                    named(run)
                ),
                false => return None,
            }
        }
        Cause::Argument { variables } | Cause::Environment { variables } => {
            // One that the first of them names is not to be moved.
            if root.named_by.is_some_and(|at| root.steps.contains(&at)) {
                return None;
            }
            let word_of = match root.cause {
                Cause::Argument { .. } => "ARG",
                _ => "ENV",
            };
            let name = variables.first().map(|variable| word(&variable.name))?;
            match root.named_by {
                Some(user) => format!(
                    "move {word_of} {name} down to {}, the first that names it",
                    named(&build.steps[user])
                ),
                None => format!("move {word_of} {name} below {}", named(step)),
            }
        }
        Cause::BaseImage { image, before, .. } => format!(
            "name the image by its digest, FROM {}@{}",
            word(image),
            escape::terminal(before, 80)
        ),
        Cause::Source { .. } => "name a commit or a digest (--checksum)".to_owned(),
        Cause::NoCache => "build without --no-cache".to_owned(),
        Cause::Pruned => "let the builder keep more (`docker buildx du` shows what it has), or \
             export the cache with --cache-to"
            .to_owned(),
        Cause::OtherBuilder { .. } => {
            "build where the cache is, or share it with --cache-to and --cache-from".to_owned()
        }
        Cause::Unknown(_) => {
            "ask the builder's history, which has the definitions: `buildrace why`, or a \
             .dockerbuild file of `docker buildx history export`"
                .to_owned()
        }
        Cause::Instruction { .. }
        | Cause::CacheMount { .. }
        | Cause::Setting { .. }
        | Cause::Order { .. }
        | Cause::New
        | Cause::Platform { .. }
        | Cause::NotBuilt => return None,
    })
}

/// Why a build executed what it did, as JSON.
pub fn json(build: Side<'_>, earlier: Side<'_>, why: &Why) -> Json {
    let mut answer = causes_json(build.explanation, why);
    answer["build"] = json!(build.title);
    answer["earlier"] = json!(earlier.title);
    answer["seconds"] = json!(build.explanation.span.as_secs_f64());
    answer
}

/// The causes alone, as JSON.
pub fn causes_json(build: &Explanation, why: &Why) -> Json {
    let step = |at: usize| {
        let step = &build.steps[at];
        json!({
            "instruction": step.instruction,
            "stage": step.stage,
            "line": step.line,
            "target": step.target,
            "digest": step.digest,
            "seconds": step.busy.as_secs_f64(),
            "critical_seconds": step.critical.as_secs_f64(),
        })
    };
    let causes = why.causes.iter().map(|root| {
        let mut cause = json!(root);
        cause["sentence"] = json!(sentence(&root.cause));
        cause["advice"] = json!(advice(build, root));
        cause["steps"] = root.steps.iter().map(|at| step(*at)).collect();
        cause["following"] = root.following.iter().map(|at| step(*at)).collect();
        let empty = root.empty_mounts.iter().map(|mount| {
            let mut answer = step(mount.step);
            answer["mount"] = json!(mount.target);
            answer
        });
        cause["empty_cache_mounts"] = empty.collect();
        cause
    });
    json!({
        "executed": why.executed,
        "cached": why.cached,
        "causes": causes.collect::<Vec<_>>(),
    })
}

/// Outside text of a sentence.
fn word(text: &str) -> String {
    escape::columns(text, MAX_WORD)
}

/// The beginning of a digest, as people name it.
fn digest(text: &str) -> String {
    let (algorithm, hash) = match text.split_once(':') {
        Some((algorithm, hash)) => (format!("{algorithm}:"), hash),
        None => (String::new(), text),
    };
    let short: String = hash.chars().take(12).collect();
    word(&format!("{algorithm}{short}"))
}

fn seconds(time: Duration) -> String {
    number::seconds(time.as_secs_f64())
}

#[cfg(test)]
#[path = "why_tests.rs"]
mod tests;
