//! Two builds side by side on a terminal.

use std::time::Duration;

use super::super::number;
use super::super::paint::Style;
use super::build::{failure, from_a_log};
use super::culprit::culprit_beside;
use super::page::Page;
use super::text::{beside, short_instruction};
use super::{PageStyle, Subject};
use crate::escape;
use crate::explain::diff::{Diff, Fate, StepChange};
use crate::explain::{Explanation, StepFacts};

/// Changes shown without `--all`.
const MAX_CHANGES: usize = 20;
/// Share of the longer build from which on a change is shown without `--all`.
const WORTH_SHOWING: f64 = 0.005;

/// What changed from one build to another, with colours if the style has them.
/// Ends with a line break.
pub fn diff(
    first: (&Subject, &Explanation),
    second: (&Subject, &Explanation),
    diff: &Diff,
    style: PageStyle,
) -> String {
    let mut page = Page::new(style);
    for (word, (subject, explanation), other) in
        [("from", first, second.1), ("to", second, first.1)]
    {
        let title = escape::columns(&subject.title, page.width.saturating_sub(16));
        let span = number::seconds(explanation.span.as_secs_f64());
        page.line(Style::Bold, &format!("{word:<5} {span:>8}  {title}"));
        if let Some(text) = from_a_log(explanation.clock) {
            page.wrapped(Style::Dim, text);
        }
        if !explanation.complete {
            page.line(Style::Bad, "                incomplete");
        }
        if let Some(text) = failure(explanation) {
            page.wrapped(Style::Bad, &format!("{text}."));
        }
        if let Some(sentence) = culprit_beside(explanation, Some(other)) {
            page.wrapped(Style::Dim, &format!("{sentence}."));
        }
    }
    let ratio = second.1.span.as_secs_f64() / first.1.span.as_secs_f64();
    if ratio.is_finite() && ratio > 0.0 {
        let style = if ratio < 1.0 { Style::Good } else { Style::Bad };
        page.line(
            style,
            &format!(
                "      {:>8}  {}",
                signed(diff.seconds),
                number::comparison(ratio)
            ),
        );
    }
    page.out.push('\n');
    changes(&mut page, first.1, second.1, diff, style.all);
    page.out
}

fn changes(page: &mut Page, first: &Explanation, second: &Explanation, diff: &Diff, all: bool) {
    page.line(
        Style::Dim,
        &format!(
            "{:>9} {:>8} {:>8}  {:<8} step",
            "change", "from", "to", "what"
        ),
    );
    let longer = first.span.max(second.span).as_secs_f64();
    let mut hidden = 0;
    for (place, change) in diff.steps.iter().enumerate() {
        let is_small = change.seconds.abs() < longer * WORTH_SHOWING;
        if !all && (place >= MAX_CHANGES || is_small) {
            hidden += 1;
            continue;
        }
        change_line(page, first, second, change);
    }
    if hidden > 0 {
        let line = format!("and {hidden} more that moved little; --all shows them");
        page.line(Style::Dim, &line);
    }
}

fn change_line(page: &mut Page, first: &Explanation, second: &Explanation, change: &StepChange) {
    let before = change.first.map(|at| &first.steps[at]);
    let after = change.second.map(|at| &second.steps[at]);
    let time = |step: Option<&StepFacts>, counts: bool| match step {
        Some(step) if counts => seconds(step.busy),
        _ => "–".to_owned(),
    };
    let what = match change.change {
        Fate::Same => "",
        Fate::Changed => "changed",
        Fate::Joined => "joined",
        Fate::Split => "split",
        Fate::New => "new",
        Fate::Gone => "gone",
    };
    // Of a joined or split step, the other side's time is another row's.
    let start = format!(
        "{:>9} {:>8} {:>8}  {what:<8} ",
        signed(change.seconds),
        time(before, change.change != Fate::Split),
        time(after, change.change != Fate::Joined),
    );
    let room = page.width.saturating_sub(start.len()).max(24);
    let shown = if change.change == Fate::Split {
        after
    } else {
        before.or(after)
    };
    let Some(shown) = shown else { return };
    match (change.change, before, after) {
        (Fate::Changed, Some(before), Some(after)) => {
            let first = name(before, Some(after), room);
            page.line(Style::Plain, &format!("{start}{first}"));
            let blanks = " ".repeat(start.len().saturating_sub(3));
            let second = name(after, Some(before), room);
            page.line(Style::Dim, &format!("{blanks}→  {second}"));
        }
        _ => {
            let name = name(shown, None, room);
            page.line(Style::Plain, &format!("{start}{name}"));
        }
    }
}

/// Name and kind of a step; beside another step it shows where they differ.
fn name(step: &StepFacts, other: Option<&StepFacts>, room: usize) -> String {
    let label = match step.name.find(']') {
        Some(end) if step.name.starts_with('[') => {
            let words: Vec<&str> = step.name[..=end].split_whitespace().collect();
            format!("{} ", escape::columns(&words.join(" "), 40))
        }
        _ => String::new(),
    };
    let kind = if step.kind.is_run() {
        format!(" ({})", step.kind.describe())
    } else {
        String::new()
    };
    let left = room.saturating_sub(label.len() + kind.len()).max(16);
    let instruction = match other {
        Some(other) => beside(&step.instruction, &other.instruction, left),
        None => short_instruction(&step.instruction, left),
    };
    format!("{label}{instruction}{kind}")
}

fn seconds(time: Duration) -> String {
    number::seconds(time.as_secs_f64())
}

/// `+1.20 s`, `-58.6 s`, `0 s`.
fn signed(seconds: f64) -> String {
    if seconds.abs() < 0.0005 {
        return "0 s".to_owned();
    }
    let sign = if seconds < 0.0 { '-' } else { '+' };
    format!("{sign}{}", number::seconds(seconds.abs()))
}
