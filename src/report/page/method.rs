//! How and where a run was measured, as a page shows it.

use super::super::environment;
use super::super::failure_rates;
use super::super::number;
use super::super::prose::{Line, Piece};
use super::super::questions;
use super::super::view::View;
use crate::escape;

/// Failures shown in full.
const MAX_FAILURES: usize = 50;

/// A name or a question with what stands beside it.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) lines: Vec<Line>,
}

/// The ten questions.
pub(super) fn questions(view: &View) -> Vec<Row> {
    let questions = questions::questions(view).into_iter();
    let rows = questions.map(|question| Row {
        name: question.question,
        lines: question.answer.into_iter().map(shown).collect(),
    });
    rows.collect()
}

/// Builder, machine, images and run.
pub(super) fn environment(view: &View) -> Vec<Row> {
    let rows = environment::rows(view).into_iter();
    let rows = rows.map(|(name, lines)| Row {
        name,
        lines: lines.into_iter().map(shown).collect(),
    });
    rows.collect()
}

/// A line whose texts are fit to be shown; the template escapes them.
fn shown(line: Line) -> Line {
    let pieces = line.into_iter();
    let pieces = pieces.map(|piece| match piece {
        Piece::Text(text) => Piece::Text(escape::bounded(&text)),
        Piece::Strong(text) => Piece::Strong(escape::bounded(&text)),
        // A command that is cut is none.
        Piece::Code(text) => Piece::Code(escape::terminal(&text, 4000)),
        Piece::Link(address) => Piece::Link(address),
    });
    pieces.collect()
}

/// An edit as a difference.
pub(super) struct Edit {
    pub(super) what: String,
    pub(super) file: String,
    pub(super) lines: Vec<DiffLine>,
}

pub(super) struct DiffLine {
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// The edits of incremental builds.
pub(super) fn edits(view: &View) -> Vec<Edit> {
    let edits = questions::edits(view).map(|(what, diff)| Edit {
        what: escape::bounded(&what),
        file: escape::bounded(&diff.file),
        lines: diff
            .lines()
            .into_iter()
            .map(|text| DiffLine {
                class: match text.starts_with('-') {
                    true => "removed",
                    false => "added",
                },
                text,
            })
            .collect(),
    });
    edits.collect()
}

/// A failed sample.
pub(super) struct Failure {
    pub(super) what: String,
    pub(super) message: String,
    pub(super) step: Option<String>,
    pub(super) log: Vec<String>,
}

/// The first failures, and how many more there are.
pub(super) fn failures(view: &View) -> (Vec<Failure>, usize) {
    let failures = view.failures.iter().take(MAX_FAILURES);
    let failures = failures.map(|failed| Failure {
        what: format!(
            "{}, {} of {}, round {}: {} after {}",
            escape::bounded(&failed.scenario),
            failed.kind,
            escape::bounded(&failed.variant),
            failed.round,
            failed.outcome,
            number::seconds(failed.seconds)
        ),
        message: escape::bounded(&failed.failure.message),
        step: failed.failure.step.as_ref().map(|step| {
            let exit = failed.failure.exit_code;
            let exit = exit.map_or_else(String::new, |exit| format!(" (exit code {exit})"));
            escape::bounded(step) + &exit
        }),
        log: failed
            .failure
            .log_tail
            .iter()
            .map(|line| escape::bounded(line))
            .collect(),
    });
    let more = view.failures.len().saturating_sub(MAX_FAILURES);
    (failures.collect(), more)
}

/// How often builds failed.
pub(super) fn failure_rates(view: &View) -> Vec<String> {
    failure_rates::lines(view)
        .map(|line| escape::bounded(&line))
        .collect()
}
