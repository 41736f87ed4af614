//! `github-annotations`: workflow commands that GitHub's runner turns into
//! annotations, to be written to standard output.
//!
//! The escapes are those of `@actions/core` (actions/toolkit,
//! `packages/core/src/command.ts`), which the runner undoes. GitHub shows at
//! most ten errors, ten warnings and ten notices of a step and drops the rest
//! without a word (actions/toolkit, `docs/problem-matchers.md`), so the last
//! of each says how many there would have been.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::check::{CheckOutcome, CheckView, Finding, Level};
use super::super::sentence::sentence;
use super::super::view::{FailureView, View};
use super::rows;
use crate::escape::{self, MAX_CHARS};
use crate::model::Failure;

/// Annotations of a level that GitHub shows of a step.
const MAX_SHOWN: usize = 10;
/// Characters of a title.
const MAX_TITLE: usize = 200;
/// Lines of a failed step's log, and characters of each.
const MAX_LOG_LINES: usize = 5;
const MAX_LOG_LINE: usize = 200;

/// What becomes a command. Its texts are on one line, and far from the 4096
/// characters at which the runner cuts a message (actions/runner,
/// `ExecutionContext.cs`).
struct Annotation {
    level: Level,
    title: String,
    message: String,
    place: Option<(String, Option<usize>)>,
}

/// One command a line. What a check found, or without one a notice a scenario
/// and an error for what failed.
pub(super) fn annotations(view: &View, check: Option<&CheckView>) -> String {
    let annotations = match check {
        Some(check) => of_check(check),
        None => of_run(view),
    };
    let mut out = String::new();
    for level in [Level::Error, Level::Warning, Level::Notice] {
        let of_level: Vec<&Annotation> = annotations.iter().filter(|a| a.level == level).collect();
        let more = of_level.len().saturating_sub(MAX_SHOWN);
        for (at, annotation) in of_level.iter().take(MAX_SHOWN).enumerate() {
            let more = if at + 1 == MAX_SHOWN { more } else { 0 };
            let _ = writeln!(out, "{}", annotation.command(more));
        }
    }
    out
}

fn of_check(check: &CheckView) -> Vec<Annotation> {
    // The outcome comes with the findings of its own gravity, and before them.
    let level = match check.outcome {
        CheckOutcome::Passed => Level::Notice,
        CheckOutcome::Undecided => Level::Warning,
        CheckOutcome::Failed => Level::Error,
    };
    let outcome = Annotation {
        level,
        title: format!("buildrace: {}", check.outcome.describe()),
        message: escape::terminal(&check.headline, MAX_CHARS),
        place: None,
    };
    let findings = check.findings.iter().map(of_finding);
    std::iter::once(outcome).chain(findings).collect()
}

fn of_finding(finding: &Finding) -> Annotation {
    let kind = finding.kind.map_or_else(String::new, |k| format!(" {k}"));
    let file = finding.file.as_deref().filter(|file| is_in_tree(file));
    Annotation {
        level: finding.level,
        title: format!(
            "buildrace {}: {}{kind} of {}",
            finding.rule,
            escape::terminal(&finding.variant, 60),
            escape::terminal(&finding.scenario, 60)
        ),
        message: escape::terminal(&finding.message, MAX_CHARS),
        place: file.map(|file| (file.to_owned(), finding.line)),
    }
}

fn of_run(view: &View) -> Vec<Annotation> {
    let mut annotations = failures(view);
    annotations.extend(unfinished(view));
    // A sentence a scenario, a line a sentence.
    let names = rows::names(view.scenarios.iter().map(|scenario| &scenario.name));
    for (name, sentence) in names.into_iter().zip(sentence(view).lines()) {
        annotations.push(Annotation {
            level: Level::Notice,
            title: format!("buildrace: {name}"),
            message: escape::terminal(sentence, MAX_CHARS * 2),
            place: None,
        });
    }
    annotations
}

/// One error for all samples of a variant and a kind that ended the same way.
fn failures(view: &View) -> Vec<Annotation> {
    let mut groups: BTreeMap<_, Vec<&FailureView>> = BTreeMap::new();
    let mut order = Vec::new();
    for failure in &view.failures {
        if !rows::is_failure(failure.outcome) {
            continue;
        }
        let key = (
            failure.scenario.as_str(),
            failure.variant.as_str(),
            failure.kind,
            failure.outcome,
        );
        let group = groups.entry(key).or_default();
        if group.is_empty() {
            order.push(key);
        }
        group.push(failure);
    }
    let annotations = order.into_iter().filter_map(|key| {
        let group = groups.get(&key)?;
        let first = group.first()?;
        let (scenario, variant, kind, outcome) = key;
        let rounds = group.len();
        let rounds = match rounds {
            1 => format!("in round {}", first.round),
            rounds => format!("in {rounds} rounds"),
        };
        let named = view.scenarios.iter().find(|s| s.name == scenario);
        let named = named.and_then(|s| s.variants.iter().find(|v| v.name == variant));
        let file = named.filter(|variant| variant.revision.is_none());
        let file = file.map(|variant| variant.dockerfile.clone());
        Some(Annotation {
            level: Level::Error,
            title: format!(
                "buildrace {outcome}: {} {kind} of {}",
                escape::terminal(variant, 60),
                escape::terminal(scenario, 60)
            ),
            message: format!("{outcome} {rounds}: {}", describe(&first.failure)),
            place: file
                .filter(|file| is_in_tree(file))
                .map(|file| (file, None)),
        })
    });
    annotations.collect()
}

/// What went wrong: the message, the step, and the end of its log.
fn describe(failure: &Failure) -> String {
    let step = failure.step.iter();
    let step = step.map(|step| format!("step: {}", escape::terminal(step, MAX_CHARS)));
    let log = &failure.log_tail[failure.log_tail.len().saturating_sub(MAX_LOG_LINES)..];
    let log = log.iter();
    let log = log.map(|line| format!("| {}", escape::terminal(line, MAX_LOG_LINE)));
    let message = escape::terminal(&failure.message, MAX_CHARS);
    let lines: Vec<String> = std::iter::once(message).chain(step).chain(log).collect();
    lines.join("\n")
}

/// A warning where the run did not come to its end.
fn unfinished(view: &View) -> Option<Annotation> {
    let title = match view.interrupted {
        0 => "buildrace: the run did not finish",
        _ => "buildrace: interrupted",
    };
    view.unfinished().map(|message| Annotation {
        level: Level::Warning,
        title: title.to_owned(),
        message,
        place: None,
    })
}

/// Whether GitHub can find it: a path below the repository's root, as it is.
/// A path that was cut or rewritten would name another file.
fn is_in_tree(file: &str) -> bool {
    let is_relative = !file.starts_with(['/', '~']) && !file.split('/').any(|part| part == "..");
    is_relative && !file.is_empty() && escape::terminal(file, MAX_CHARS) == file
}

impl Annotation {
    /// The command, which says how many `more` have none of their own.
    fn command(&self, more: usize) -> String {
        let mut properties = Vec::new();
        if let Some((file, line)) = &self.place {
            properties.push(format!("file={}", property(file)));
            properties.extend(line.map(|line| format!("line={line}")));
        }
        let title = escape::terminal(&self.title, MAX_TITLE);
        properties.push(format!("title={}", property(&title)));
        let mut message = self.message.clone();
        if more > 0 {
            let _ = write!(message, "\nand {more} more");
        }
        format!(
            "::{} {}::{}",
            self.level.as_str(),
            properties.join(","),
            data(&message)
        )
    }
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
