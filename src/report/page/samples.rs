//! Every sample of a run, with its trace and its steps. A page is bounded: it
//! says how much is left out.

use super::super::number;
use super::super::view::{SampleView, ScenarioView, View};
use super::anchors::{Anchors, is_plain};
use super::links::PageLinks;
use super::waterfall::Waterfall;
use crate::escape;
use crate::explain::RunExplanation;
use crate::model::BuildKind;

/// Samples that have a row.
const MAX_ROWS: usize = 1000;
/// Rows of steps that all samples have together.
const MAX_STEPS: usize = 1000;
/// Rows of steps of one sample, at least and at most.
const STEPS_OF_ONE: (usize, usize) = (4, 30);

/// The samples of a scenario.
pub(super) struct ScenarioSamples {
    pub(super) name: String,
    pub(super) cells: Vec<CellSamples>,
    /// How many have no row.
    pub(super) hidden: usize,
}

/// The samples of a variant and kind, by round.
pub(super) struct CellSamples {
    pub(super) anchor: String,
    pub(super) variant: String,
    pub(super) kind: BuildKind,
    pub(super) rows: Vec<SampleRow>,
}

pub(super) struct SampleRow {
    pub(super) id: String,
    /// Where its steps are.
    pub(super) anchor: Option<String>,
    pub(super) round: u32,
    pub(super) time: String,
    /// By BuildKit's own clock.
    pub(super) server: String,
    pub(super) steps: u32,
    pub(super) cached: u32,
    pub(super) busy: String,
    pub(super) steal: String,
    pub(super) outcome: String,
}

/// The samples of each scenario, cell by cell.
pub(super) fn samples(
    view: &View,
    explained: &RunExplanation,
    anchors: &Anchors,
) -> Vec<ScenarioSamples> {
    let max = (MAX_ROWS / view.scenarios.len().max(1)).max(1);
    let scenarios = view.scenarios.iter().enumerate();
    scenarios
        .map(|(place, scenario)| of_scenario(view, scenario, place, explained, anchors, max))
        .collect()
}

fn of_scenario(
    view: &View,
    scenario: &ScenarioView,
    place: usize,
    explained: &RunExplanation,
    anchors: &Anchors,
    max: usize,
) -> ScenarioSamples {
    let of_scenario: Vec<&SampleView> = view
        .samples
        .iter()
        .filter(|sample| sample.scenario == scenario.name)
        .collect();
    let mut left = max;
    let mut cells = Vec::new();
    for (at, variant) in scenario.variants.iter().enumerate() {
        for &kind in scenario.kinds.iter().chain(&scenario.job_kinds) {
            let Some(anchor) = anchors.cell(place, at, kind) else {
                continue;
            };
            let of_cell = of_scenario.iter();
            let of_cell = of_cell.filter(|s| s.variant == variant.name && s.kind == kind);
            let mut rows: Vec<SampleRow> = of_cell
                .take(left)
                .map(|sample| row(sample, explained, anchors))
                .collect();
            rows.sort_by_key(|row| row.round);
            left -= rows.len();
            cells.push(CellSamples {
                anchor,
                variant: escape::bounded(&variant.name),
                kind,
                rows,
            });
        }
    }
    ScenarioSamples {
        name: escape::bounded(&scenario.name),
        cells,
        hidden: of_scenario.len().saturating_sub(max - left),
    }
}

fn row(sample: &SampleView, explained: &RunExplanation, anchors: &Anchors) -> SampleRow {
    let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), number::share);
    let found = explained.sample(&sample.id);
    let span = found.map(|found| number::seconds(found.explanation.span.as_secs_f64()));
    let mut outcome = sample.outcome.to_string();
    if sample.dropped.is_some() {
        outcome.push_str(", round dropped");
    }
    if !sample.disturbances.is_empty() {
        outcome.push_str(", other builds ran");
    }
    SampleRow {
        id: escape::bounded(&sample.id),
        anchor: anchors.sample(&sample.id),
        round: sample.round,
        time: number::seconds(sample.seconds),
        server: span.unwrap_or_else(|| "–".to_owned()),
        steps: sample.steps,
        cached: sample.cached_steps,
        busy: share(sample.busy),
        steal: share(sample.steal),
        outcome,
    }
}

/// The steps of a sample, folded.
pub(super) struct SampleSteps {
    pub(super) summary: String,
    pub(super) anchor: String,
    /// The name of its trace.
    pub(super) file: String,
    /// Where its trace is, where that is known.
    pub(super) trace: Option<String>,
    /// What to type to see more.
    pub(super) explain: String,
    pub(super) waterfall: Waterfall,
}

/// The steps of each sample that has an anchor, in the order they were built.
pub(super) fn steps(
    view: &View,
    explained: &RunExplanation,
    anchors: &Anchors,
    links: &PageLinks,
) -> Vec<SampleSteps> {
    let anchored = explained.samples.iter().filter_map(|found| {
        let anchor = anchors.sample(&found.sample.slot.id)?;
        Some((found, anchor))
    });
    let anchored: Vec<_> = anchored.collect();
    let (least, most) = STEPS_OF_ONE;
    let max = (MAX_STEPS / anchored.len().max(1)).clamp(least, most);
    let anchored = anchored.into_iter();
    anchored
        .map(|(found, anchor)| {
            let slot = &found.sample.slot;
            let id = escape::bounded(&slot.id);
            let file = format!("traces/{id}.rawjson.gz");
            let trace = links.results.as_ref().filter(|_| is_plain(&slot.id));
            let summary = format!(
                "{id}: {} of {}, round {}: {}, {}",
                slot.kind,
                escape::bounded(&slot.variant),
                slot.round,
                number::seconds(found.sample.wall.as_secs_f64()),
                found.sample.outcome
            );
            SampleSteps {
                anchor,
                trace: trace.map(|results| format!("{results}/{file}")),
                explain: format!("buildrace explain {}/{id}", escape::bounded(&view.run)),
                waterfall: Waterfall::of_sample(format!("Steps of {id}"), &found.explanation, max),
                file,
                summary,
            }
        })
        .collect()
}
