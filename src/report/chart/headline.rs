//! The headline: what further platforms and an edit cost each variant, on one linear axis from 0,
//! in one picture that can be pasted into a pull request, a blog or a talk.

use std::collections::BTreeMap;

use super::axis::{self, Axis};
use super::bar::{Bar, HEIGHT, Length};
use super::canvas::{Anchor, BODY, BOLD, Canvas, HEADING, MARGIN, Paint, RIGHT, Span};
use super::palette::{Palette, Theme};
use super::wording::{self, Note};
use crate::escape;
use crate::model::BuildKind;
use crate::report::article::claim;
use crate::report::number;
use crate::report::sentence::sentence;
use crate::report::view::{Cell, ScenarioView, VariantView, View};

/// Scenarios that are drawn; the summary has all.
const MAX_SCENARIOS: usize = 12;
/// Variants that are drawn of a scenario.
const MAX_VARIANTS: usize = 10;
/// Most that a variant's name takes.
const MAX_LABEL: f64 = 150.0;
/// Least length of the axis.
const MIN_AXIS: f64 = 200.0;

/// The headline of a run.
pub fn headline(view: &View, theme: Theme) -> String {
    let mut canvas = Canvas::new(theme);
    let (ink, muted) = (canvas.palette.ink, canvas.palette.muted);
    for scenario in view.scenarios.iter().take(MAX_SCENARIOS) {
        block(&mut canvas, view, scenario);
        canvas.y += 14.0;
    }
    if view.scenarios.is_empty() {
        canvas.paragraph("Nothing was raced.", BODY, ink, 1);
    }
    if let Some(more) = view.scenarios.len().checked_sub(MAX_SCENARIOS + 1) {
        let text = format!(
            "{} more scenarios are not drawn; the summary has them.",
            more + 1
        );
        canvas.paragraph(&text, BODY, ink, 2);
    }
    canvas.paragraph(&wording::conditions(view), BODY, muted, 8);
    canvas.paragraph(&wording::origin(view), BODY, muted, 2);
    canvas.finish(&sentence(view))
}

/// A scenario: its name, a group of bars for each kind, and the axis that they share.
fn block(canvas: &mut Canvas, view: &View, scenario: &ScenarioView) {
    let palette = canvas.palette;
    let name = HEADING.cut(&scenario.name, RIGHT - MARGIN);
    canvas.line(&[Span::new(name, HEADING, palette.ink)]);
    if !scenario.title.is_empty() {
        canvas.paragraph(&scenario.title, BODY, palette.muted, 2);
    }
    canvas.paragraph(&how_to_read(scenario), BODY, palette.muted, 2);
    let groups = groups(view, scenario, palette);
    let bars = || groups.iter().flat_map(|(_, bars)| bars);
    let label = bars().map(|bar| BODY.width(&bar.label)).fold(0.0, f64::max);
    let left = MARGIN + label + 10.0;
    let room = bars().map(Bar::room).fold(0.0, f64::max);
    let right = (RIGHT - room).max(left + MIN_AXIS);
    let max = bars().map(Bar::max).fold(0.0, f64::max);
    let axis = Axis::linear(max, (left, right));

    let top = canvas.y;
    let layer = canvas.layer();
    for (case, bars) in &groups {
        canvas.y += 8.0;
        canvas.line(&[Span::new(case.clone(), BOLD, palette.ink)]);
        canvas.y += 4.0;
        for bar in bars {
            bar.draw(canvas, &axis);
        }
    }
    if bars().all(|bar| !matches!(bar.length, Length::Times(..))) {
        canvas.y += HEIGHT / 2.0;
        return;
    }
    let bottom = canvas.y + 2.0;
    let ticks = ticks(&axis, right - left);
    canvas.below(layer, |canvas| {
        let grid = Paint::line(palette.grid, 1.0);
        for (at, _) in &ticks {
            let x = axis.place(*at);
            canvas.path(&[(x, top + 6.0), (x, bottom)], grid);
        }
    });
    for (at, name) in &ticks {
        let text = Span::new(name.clone(), BODY, palette.muted);
        canvas.write((axis.place(*at), bottom + 18.0), Anchor::Middle, &[text]);
    }
    canvas.y = bottom + 28.0;
    if let Some(more) = scenario.variants.len().checked_sub(MAX_VARIANTS + 1) {
        let text = format!("{} more variants are not drawn.", more + 1);
        canvas.paragraph(&text, BODY, palette.ink, 1);
    }
}

/// Places of ticks with their names, as many as have room.
fn ticks(axis: &Axis, length: f64) -> Vec<(f64, String)> {
    for most in (2..=6).rev() {
        let ticks = axis.ticks(most);
        let mut names = axis::names(&ticks);
        if let Some(last) = names.last_mut() {
            last.push_str(" s");
        }
        let widths = names.iter().map(|name| BODY.width(name) + 14.0);
        if widths.sum::<f64>() <= length || most == 2 {
            return ticks.into_iter().zip(names).collect();
        }
    }
    Vec::new()
}

fn how_to_read(scenario: &ScenarioView) -> String {
    let variants = scenario.variants.iter();
    let cells = variants.flat_map(|variant| variant.cells.values());
    let times = cells.filter_map(|cell| cell.times);
    let counts: Vec<usize> = times.map(|times| times.n).collect();
    match (counts.iter().min(), counts.iter().max()) {
        (Some(1), Some(1)) => "Seconds to build, 1 build each: no interval".to_owned(),
        (Some(least), Some(most)) if least == most => {
            format!("Seconds to build; dots: {most} builds, bars: their median")
        }
        (Some(least), Some(most)) => {
            format!("Seconds to build; dots: {least} to {most} builds, bars: their median")
        }
        _ => "Seconds to build: no times".to_owned(),
    }
}

/// The bars of each kind, under what the kind builds.
fn groups(view: &View, scenario: &ScenarioView, palette: &Palette) -> Vec<(String, Vec<Bar>)> {
    let variants = &scenario.variants[..scenario.variants.len().min(MAX_VARIANTS)];
    let names: Vec<&str> = variants.iter().map(|v| v.name.as_str()).collect();
    let labels = BODY.distinct(&names, MAX_LABEL);
    let ids = ids(view, scenario);
    // The reference's colour is its own; without it candidates keep theirs.
    let first = usize::from(scenario.reference().is_none());
    let kinds = scenario.kinds.iter();
    kinds
        .map(|&kind| {
            let bars = variants.iter().zip(&labels).enumerate();
            let bars = bars.map(|(place, (variant, label))| Bar {
                label: label.clone(),
                name: escape::terminal(&variant.name, 200),
                colour: palette.variant(first + place),
                length: length(variant, kind, &ids),
                note: note(scenario, variant, kind),
                failed: failed(variant.cells.get(&kind)),
                claim: claim(scenario, variant, kind),
            });
            (wording::case(scenario, kind), bars.collect())
        })
        .collect()
}

/// Ids of samples by variant, kind and round.
type Ids<'v> = BTreeMap<(&'v str, BuildKind, u32), &'v str>;

fn ids<'v>(view: &'v View, scenario: &ScenarioView) -> Ids<'v> {
    let samples = view.samples.iter();
    samples
        .filter(|sample| sample.scenario == scenario.name)
        .map(|sample| {
            let key = (sample.variant.as_str(), sample.kind, sample.round);
            (key, sample.id.as_str())
        })
        .collect()
}

fn length(variant: &VariantView, kind: BuildKind, ids: &Ids<'_>) -> Length {
    let cell = variant.cells.get(&kind);
    match (cell.and_then(|cell| cell.times), variant.failed(kind), cell) {
        (Some(times), _, Some(cell)) => {
            let dots = cell.by_round.iter().map(|(round, seconds)| {
                let id = ids.get(&(variant.name.as_str(), kind, *round));
                let id = id.map_or_else(String::new, |id| format!("{id}, "));
                let time = number::seconds(*seconds);
                (*seconds, format!("{id}round {round}: {time}"))
            });
            Length::Times(times, dots.collect())
        }
        (_, Some(outcome), _) => Length::Failed(outcome),
        (_, None, Some(cell)) => Length::Missing(cell.without_time()),
        (_, None, None) => Length::Missing("not built"),
    }
}

/// `1 of 3 failed`
fn failed(cell: Option<&Cell>) -> Option<String> {
    let cell = cell.filter(|cell| cell.times.is_some())?;
    let count: u32 = cell.failed.values().sum();
    let (outcome, _) = cell.failed.iter().max_by_key(|(_, count)| **count)?;
    Some(format!("{count} of {} {outcome}", cell.samples))
}

/// What is said of a bar: what further platforms cost over the native one; else how it compares with
/// the reference.
fn note(scenario: &ScenarioView, variant: &VariantView, kind: BuildKind) -> Option<Note> {
    let cell = variant.cells.get(&kind)?;
    if kind == BuildKind::MultiArch
        && scenario.shows_cost()
        && let Some(cost) = &variant.added_cost
    {
        let native = &scenario.native;
        return Some(wording::cost(cost, variant.cost_contradicted, native));
    }
    let reference = escape::columns(&scenario.reference()?.name, 20);
    Some(wording::against(
        cell.ratio.as_ref()?,
        cell.contradicted,
        &reference,
    ))
}
