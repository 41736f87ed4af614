//! A scenario's times and reasons as Markdown.

use std::fmt::Write;

use super::super::explanation::shared_sentence;
use super::super::number;
use super::super::round_summary;
use super::super::view::{Cell, CulpritView, ScenarioView};
use super::super::{jobs, parts};
use crate::escape::markdown as text;
use crate::model::{BuildKind, Outcome};
use crate::stats::Ratio;

/// A row a variant, a column a kind, and how the ratios in it are made.
pub(in crate::report) fn times(out: &mut String, scenario: &ScenarioView) {
    let mut headers = vec!["variant".to_owned()];
    for &kind in &scenario.kinds {
        headers.push(kind.to_string());
        if shows_cost(scenario, kind) {
            headers.push(text(&scenario.added_label()));
        }
    }
    let _ = writeln!(out, "| {} |", headers.join(" | "));
    let _ = writeln!(out, "|:--|{}", "--:|".repeat(headers.len() - 1));
    for variant in &scenario.variants {
        let mut cells = vec![text(&variant.name)];
        for &kind in &scenario.kinds {
            cells.push(cell(variant.cells.get(&kind)));
            if shows_cost(scenario, kind) {
                cells.push(match (&variant.added_cost, variant.describe_cost()) {
                    (Some(cost), Some(described)) => {
                        with_interval(described, cost, number::cost_interval(cost))
                    }
                    _ => "–".to_owned(),
                });
            }
        }
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out.push('\n');
    if let Some(line) = round_summary::how_made(scenario) {
        let _ = writeln!(out, "{}\n", text(&line));
    }
}

/// What exported builds are made of, and jobs of CI with a remote cache; nothing where there
/// are none.
pub(in crate::report) fn jobs(out: &mut String, scenario: &ScenarioView) {
    for line in parts::lines(scenario) {
        let _ = writeln!(out, "- {}", text(&line));
    }
    if !scenario.parts.is_empty() {
        out.push('\n');
    }
    let rows = jobs::rows(scenario);
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "**{}**\n", jobs::TITLE);
    let _ = writeln!(out, "| {} |", jobs::HEADERS.join(" | "));
    let _ = writeln!(out, "|:--|:--|:--|{}:--|", "--:|".repeat(5));
    for row in rows {
        let _ = writeln!(out, "| {} |", row.map(|cell| text(&cell)).join(" | "));
    }
    let _ = writeln!(out, "\n{}\n", jobs::HOW);
}

/// Why: which step of each variant is to blame.
pub(in crate::report) fn culprits(out: &mut String, scenario: &ScenarioView) {
    for culprit in &scenario.culprits {
        let CulpritView {
            variant,
            kind,
            step,
            shared,
        } = culprit;
        for sentence in std::iter::once(step.sentence()).chain(shared_sentence(shared)) {
            let (variant, sentence) = (text(variant), text(&sentence));
            let _ = writeln!(out, "- {kind} of {variant}: {sentence}.");
        }
    }
    if !scenario.culprits.is_empty() {
        out.push('\n');
    }
}

fn shows_cost(scenario: &ScenarioView, kind: BuildKind) -> bool {
    kind == BuildKind::MultiArch && scenario.shows_cost()
}

fn cell(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else {
        return "–".to_owned();
    };
    let mut parts = Vec::new();
    if let Some(times) = cell.times {
        parts.push(number::seconds(times.median));
        if times.n > 1 {
            let (min, max) = (
                number::bare_seconds(times.min),
                number::bare_seconds(times.max),
            );
            parts.push(format!("({min}…{max})"));
        }
    }
    if let (Some(ratio), Some(described)) = (&cell.ratio, cell.describe()) {
        let described = format!("**{described}**");
        parts.push(with_interval(described, ratio, number::interval(ratio)));
        parts.extend(cell.verdict.map(|verdict| verdict.as_str().to_owned()));
    }
    for (outcome, count) in &cell.failed {
        parts.push(match (outcome, cell.times, count) {
            // Checked once, so there is nothing to count.
            (Outcome::WrongOutput, ..) | (_, None, 1) => outcome.to_string(),
            _ => format!("{count} of {} {outcome}", cell.samples),
        });
    }
    if parts.is_empty() {
        parts.push(cell.without_time().to_owned());
    }
    parts.join("<br>")
}

/// A ratio with its interval, or with how little it stands on.
fn with_interval(described: String, ratio: &Ratio, interval: Option<String>) -> String {
    let interval = interval.map(|text| format!("[{text}]"));
    let beside = interval.or_else(|| number::reserve(ratio).map(str::to_owned));
    match beside {
        Some(beside) => format!("{described} {beside}"),
        None => described,
    }
}
