//! The ladder: where variants build on each other, what each step from one to the next buys.
//!
//! The axis is logarithmic: a step's length is what it buys, wherever on the ladder it is. On a
//! linear axis, every step after the one that removes emulation would be too short to see.

use super::axis::{self, Axis};
use super::canvas::{Anchor, BODY, BOLD, Canvas, HEADING, MARGIN, Mark, Paint, Point, RIGHT, Span};
use super::palette::Theme;
use super::wording;
use crate::escape;
use crate::model::BuildKind;
use crate::report::number;
use crate::report::view::{ScenarioView, View};
use crate::stats::Times;

/// Scenarios that are drawn.
const MAX_SCENARIOS: usize = 12;
/// Variants that are drawn of a scenario.
const MAX_VARIANTS: usize = 12;
/// Most that a variant's name takes.
const MAX_LABEL: f64 = 150.0;
/// Height of a variant's row, and of the step to it.
const ROW: f64 = 28.0;
const STEP: f64 = 26.0;
/// The axis has at least this factor from one end to the other.
const LEAST_SPAN: f64 = 4.0;
/// Half the width of a point.
const POINT: f64 = 6.0;

/// What each variant buys over the one before it; `None` where no scenario has more than two that
/// build on each other.
pub fn ladder(view: &View, theme: Theme) -> Option<String> {
    // In a matrix, variants do not follow one another.
    let scenarios = view.scenarios.iter().filter(|_| view.matrix.is_empty());
    let ladders: Vec<&ScenarioView> = scenarios.filter(|s| s.variants.len() > 2).collect();
    if ladders.is_empty() {
        return None;
    }
    let mut canvas = Canvas::new(theme);
    let (ink, muted) = (canvas.palette.ink, canvas.palette.muted);
    for scenario in ladders.iter().take(MAX_SCENARIOS) {
        block(&mut canvas, scenario);
    }
    if let Some(more) = ladders.len().checked_sub(MAX_SCENARIOS + 1) {
        let text = format!("{} more scenarios are not drawn.", more + 1);
        canvas.paragraph(&text, BODY, ink, 1);
    }
    canvas.paragraph(&wording::conditions(view), BODY, muted, 8);
    canvas.paragraph(&wording::origin(view), BODY, muted, 2);
    let names: Vec<String> = ladders.iter().map(|s| s.name.clone()).collect();
    Some(canvas.finish(&format!(
        "What each variant of {} buys over the one before it",
        crate::report::words::join(names)
    )))
}

fn block(canvas: &mut Canvas, scenario: &ScenarioView) {
    let palette = canvas.palette;
    let name = HEADING.cut(
        &format!("{}: what each step buys", scenario.name),
        RIGHT - MARGIN,
    );
    canvas.line(&[Span::new(name, HEADING, palette.ink)]);
    let how =
        "Median seconds, each variant over the one above it. Equal lengths are equal factors.";
    canvas.paragraph(how, BODY, palette.muted, 2);
    for &kind in &scenario.kinds {
        let times = scenario.variants.iter().take(MAX_VARIANTS);
        let times = times.filter_map(|variant| variant.cells.get(&kind)?.times);
        let range = times.fold(None, |range: Option<(f64, f64)>, times| {
            let (low, high) = range.unwrap_or((times.min, times.max));
            Some((low.min(times.min), high.max(times.max)))
        });
        canvas.y += 8.0;
        let case = wording::case(scenario, kind);
        canvas.line(&[Span::new(case, BOLD, palette.ink)]);
        match range {
            Some((low, high)) => rungs(canvas, scenario, kind, low, high),
            None => canvas.paragraph("no times", BODY, palette.muted, 1),
        }
    }
    if let Some(more) = scenario.variants.len().checked_sub(MAX_VARIANTS + 1) {
        let text = format!("{} more variants are not drawn.", more + 1);
        canvas.paragraph(&text, BODY, palette.ink, 1);
    }
    canvas.y += 10.0;
}

/// A row for each variant: the step from the one above to it, and its time.
fn rungs(canvas: &mut Canvas, scenario: &ScenarioView, kind: BuildKind, low: f64, high: f64) {
    let palette = canvas.palette;
    let variants = &scenario.variants[..scenario.variants.len().min(MAX_VARIANTS)];
    let names: Vec<&str> = variants.iter().map(|v| v.name.as_str()).collect();
    let labels = BODY.distinct(&names, MAX_LABEL);
    let widths = labels.iter().map(|label| BODY.width(label));
    let left = MARGIN + widths.fold(0.0, f64::max) + 22.0;
    let medians = variants.iter().filter_map(|variant| variant.median(kind));
    let times = medians.map(|median| BODY.width(&number::seconds(median)));
    let right = RIGHT - times.fold(0.0, f64::max) - 18.0;
    // Noise must not look like a step.
    let (low, high) = (low.max(1e-3), high.max(1e-3));
    let wider = (LEAST_SPAN / (high / low)).max(1.21).sqrt();
    let axis = Axis::log(low / wider, high * wider, (left, right));

    let (top, layer) = (canvas.y, canvas.layer());
    let mut before: Option<Point> = None;
    let first = usize::from(scenario.reference().is_none());
    for (place, (variant, label)) in variants.iter().zip(&labels).enumerate() {
        let times = variant.cells.get(&kind).and_then(|cell| cell.times);
        let x = times.map(|times| axis.place(times.median));
        if let (Some((from, above)), Some(x)) = (before, x) {
            let y = canvas.y + STEP + ROW / 2.0;
            let line = Paint::line(palette.muted, 2.0);
            canvas.path(&[(from, above + POINT), (from, y), (x, y)], line);
            let base = scenario.between.iter().find(|step| step.to == variant.name);
            let base = base.and_then(|step| names.iter().position(|name| *name == step.from));
            let base = base.map_or("", |place| labels[place].as_str());
            if let Some(note) = step_to(scenario, &variant.name, kind, base) {
                beside(canvas, from, &note);
            }
            canvas.y += STEP;
        }
        let y = canvas.y + ROW / 2.0;
        let label = Span::new(label.clone(), BODY, palette.ink);
        canvas.write((left - 14.0, y + 6.0), Anchor::End, &[label]);
        if let (Some(times), Some(x)) = (times, x) {
            let name = escape::terminal(&variant.name, 200);
            let colour = palette.variant(first + place);
            point(canvas, &axis, &times, y, &name, colour);
            let time = Span::new(number::seconds(times.median), BODY, palette.ink);
            canvas.write((RIGHT, y + 6.0), Anchor::End, &[time]);
            before = Some((x, y));
        } else {
            let word = match variant.failed(kind) {
                Some(outcome) => Span::new(outcome.as_str(), BODY, palette.failed),
                None => Span::new("no time", BODY, palette.muted),
            };
            canvas.write((RIGHT, y + 6.0), Anchor::End, &[word]);
        }
        canvas.y += ROW;
    }
    let bottom = canvas.y;
    let ticks = axis.ticks(((right - left) / 70.0) as usize);
    canvas.below(layer, |canvas| {
        for at in &ticks {
            let x = axis.place(*at);
            canvas.path(&[(x, top), (x, bottom)], Paint::line(palette.grid, 1.0));
        }
    });
    for (place, at) in ticks.iter().enumerate() {
        let unit = if place + 1 == ticks.len() { " s" } else { "" };
        let name = format!("{}{unit}", axis::log_name(*at));
        let name = Span::new(name, BODY, palette.muted);
        canvas.write((axis.place(*at), bottom + 17.0), Anchor::Middle, &[name]);
    }
    canvas.y = bottom + 26.0;
}

/// What a step buys, beside the line that goes down to it: where there is more room.
fn beside(canvas: &mut Canvas, line: f64, note: &wording::Note) {
    let palette = canvas.palette;
    let (letters, colour) = match note.is_clear {
        true => (BOLD, palette.ink),
        false => (BODY, palette.muted),
    };
    let note = Span::new(note.text.clone(), letters, colour);
    let baseline = canvas.y + 18.0;
    let is_left = line + 10.0 + note.width() > RIGHT && line - MARGIN > RIGHT - line;
    match is_left {
        true => canvas.write((line - 10.0, baseline), Anchor::End, &[note]),
        false => canvas.write((line + 10.0, baseline), Anchor::Start, &[note]),
    }
}

fn point(
    canvas: &mut Canvas,
    axis: &Axis,
    times: &Times,
    y: f64,
    name: &str,
    colour: super::Colour,
) {
    let palette = canvas.palette;
    let tooltip = format!(
        "{name}: {}, median of {}, from {} to {}",
        number::seconds(times.median),
        times.n,
        number::seconds(times.min),
        number::seconds(times.max)
    );
    canvas.titled(&tooltip, |canvas| {
        let (low, high) = (axis.place(times.min), axis.place(times.max));
        canvas.path(&[(low, y), (high, y)], Paint::line(palette.ink, 4.0));
        let paint = Paint::filled(colour).outlined(palette.background, 1.5);
        canvas.mark(Mark::Circle, (axis.place(times.median), y), POINT, paint);
    });
}

/// What the step to a variant buys, over the one before it.
fn step_to(
    scenario: &ScenarioView,
    variant: &str,
    kind: BuildKind,
    before: &str,
) -> Option<wording::Note> {
    let step = scenario.between.iter().find(|step| step.to == variant)?;
    Some(wording::against(step.ratios.get(&kind)?, false, before))
}
