//! The table of a scenario's times: each leads to the samples that it comes from.

use super::super::number;
use super::super::parts;
use super::super::round_summary;
use super::super::view::{Cell, ScenarioView, Successive, VariantView};
use super::anchors::Anchors;
use crate::escape;
use crate::model::{BuildKind, Outcome};
use crate::stats::{Ratio, Verdict};

/// A scenario's times.
pub(super) struct Times {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) kinds: Vec<String>,
    /// Headings of all columns but the first.
    pub(super) headers: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// What the times of exported builds are made of.
    pub(super) parts: Vec<String>,
    pub(super) how_made: Option<String>,
    pub(super) spread: Option<String>,
    /// Variants against others than the reference.
    pub(super) between: Vec<Row>,
}

/// A variant's, or a pair's.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) cells: Vec<Figures>,
}

/// What stands in a cell.
#[derive(Default)]
pub(super) struct Figures {
    /// The median, or a word in its place.
    pub(super) time: Option<String>,
    /// Where the samples are.
    pub(super) anchor: Option<String>,
    /// Min and max.
    pub(super) range: Option<String>,
    pub(super) ratio: Option<String>,
    /// Which class the ratio has.
    pub(super) tone: &'static str,
    /// The ratio's interval and verdict.
    pub(super) beside: Option<String>,
    pub(super) failed: Vec<String>,
}

/// The table of a scenario, the one at this place of the view.
pub(super) fn times(scenario: &ScenarioView, place: usize, anchors: &Anchors) -> Times {
    let mut headers = Vec::new();
    for &kind in &scenario.kinds {
        headers.push(kind.to_string());
        if shows_cost(scenario, kind) {
            headers.push(scenario.added_label());
        }
    }
    let variants = scenario.variants.iter().enumerate();
    let rows = variants.map(|(at, variant)| Row {
        name: escape::bounded(&variant.name),
        cells: figures(scenario, variant, |kind| anchors.cell(place, at, kind)),
    });
    Times {
        name: escape::bounded(&scenario.name),
        title: escape::bounded(&scenario.title),
        kinds: scenario.kinds.iter().map(ToString::to_string).collect(),
        headers,
        rows: rows.collect(),
        parts: parts::lines(scenario).collect(),
        how_made: round_summary::how_made(scenario),
        spread: round_summary::spread(scenario),
        between: scenario
            .between
            .iter()
            .map(|pair| between(scenario, pair))
            .collect(),
    }
}

fn shows_cost(scenario: &ScenarioView, kind: BuildKind) -> bool {
    kind == BuildKind::MultiArch && scenario.shows_cost()
}

fn figures(
    scenario: &ScenarioView,
    variant: &VariantView,
    anchor: impl Fn(BuildKind) -> Option<String>,
) -> Vec<Figures> {
    let mut cells = Vec::new();
    for &kind in &scenario.kinds {
        cells.push(match variant.cells.get(&kind) {
            Some(cell) => of_cell(cell, anchor(kind)),
            None => missing(),
        });
        if shows_cost(scenario, kind) {
            cells.push(cost(variant));
        }
    }
    cells
}

fn missing() -> Figures {
    Figures {
        time: Some("–".to_owned()),
        ..Figures::default()
    }
}

fn of_cell(cell: &Cell, anchor: Option<String>) -> Figures {
    let mut figures = Figures {
        anchor,
        ..Figures::default()
    };
    match cell.times {
        Some(times) => {
            figures.time = Some(number::seconds(times.median));
            let ends = [times.min, times.max].map(number::bare_seconds);
            figures.range = (times.n > 1).then(|| format!("{}…{}", ends[0], ends[1]));
        }
        None if cell.failed.is_empty() => figures.time = Some(cell.without_time().to_owned()),
        None => {}
    }
    if let (Some(ratio), Some(described)) = (&cell.ratio, cell.describe()) {
        figures.ratio = Some(described);
        figures.tone = tone(ratio, cell.verdict, cell.contradicted);
        figures.beside = beside(ratio, number::interval(ratio), cell.verdict);
    }
    let failed = cell.failed.iter().map(|(outcome, count)| {
        match (outcome, cell.times, count) {
            // Checked once, so there is nothing to count.
            (Outcome::WrongOutput, ..) | (_, None, 1) => outcome.to_string(),
            _ => format!("{count} of {} {outcome}", cell.samples),
        }
    });
    figures.failed = failed.collect();
    // Whoever sees no time looks for the samples, too.
    if figures.time.is_none() && figures.anchor.is_some() {
        figures.time = Some("samples".to_owned());
    }
    figures
}

/// What the added platforms cost a variant.
fn cost(variant: &VariantView) -> Figures {
    let (Some(ratio), Some(described)) = (&variant.added_cost, variant.describe_cost()) else {
        return missing();
    };
    Figures {
        ratio: Some(described),
        tone: "cost",
        beside: beside(ratio, number::cost_interval(ratio), None),
        ..Figures::default()
    }
}

/// `[6.1…7.1×] faster`, or how little a ratio stands on.
fn beside(ratio: &Ratio, interval: Option<String>, verdict: Option<Verdict>) -> Option<String> {
    let interval = interval.map(|text| format!("[{text}]"));
    let interval = interval.or_else(|| number::reserve(ratio).map(str::to_owned));
    let verdict = verdict.map(|verdict| verdict.as_str().to_owned());
    let parts: Vec<String> = interval.into_iter().chain(verdict).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn tone(ratio: &Ratio, verdict: Option<Verdict>, contradicted: bool) -> &'static str {
    let is_open = contradicted || number::is_unclear(ratio) || number::includes_one(ratio);
    match verdict {
        Some(Verdict::Faster) => "faster",
        Some(Verdict::Slower) => "slower",
        Some(Verdict::Same | Verdict::Inconclusive) => "open",
        None if is_open => "open",
        None if ratio.estimate < 1.0 => "faster",
        None => "slower",
    }
}

fn between(scenario: &ScenarioView, pair: &Successive) -> Row {
    let cells = scenario.kinds.iter().map(|kind| {
        let Some(ratio) = pair.ratios.get(kind) else {
            return missing();
        };
        let verdict = pair.verdicts.get(kind).copied();
        Figures {
            ratio: Some(number::describe_comparison(ratio)),
            tone: tone(ratio, verdict, false),
            beside: beside(ratio, number::interval(ratio), verdict),
            ..Figures::default()
        }
    });
    Row {
        name: format!(
            "{} → {}",
            escape::bounded(&pair.from),
            escape::bounded(&pair.to)
        ),
        cells: cells.collect(),
    }
}
