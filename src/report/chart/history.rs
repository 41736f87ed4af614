//! History: the median of one kind of build over stored runs, a panel a variant, with the levels
//! between the changes that were found, and at each change by how much and in which run.

use super::axis::{self, Axis};
use super::canvas::{Anchor, BODY, BOLD, Canvas, HEADING, MARGIN, Mark, Paint, RIGHT, Span};
use super::palette::Theme;
use crate::escape;
use crate::report::number;
use crate::report::runs::{Change, Series};

/// Panels that are drawn.
const MAX_PANELS: usize = 12;
/// Changes that are named in a panel, the newest.
const MAX_NAMED: usize = 3;
/// Height of a panel's plot.
const PLOT: f64 = 120.0;
/// Room for the names of the axis.
const AXIS: f64 = 72.0;

/// The series of one scenario and kind on one class of machines, a variant each; `None` where there
/// is none of two runs or more.
pub fn history(series: &[&Series], theme: Theme) -> Option<String> {
    let drawn: Vec<&Series> = series
        .iter()
        .filter(|series| series.points.len() > 1)
        .copied()
        .collect();
    let first = &drawn.first()?.name;
    let mut canvas = Canvas::new(theme);
    let palette = canvas.palette;
    let (ink, muted) = (palette.ink, palette.muted);
    let heading = format!("{}, {}", escape::terminal(&first.scenario, 80), first.kind);
    canvas.line(&[Span::new(heading, HEADING, ink)]);
    let how = format!(
        "Seconds to build for {}: medians of each run with min and max, and the level between changes",
        escape::terminal(&first.platform_names(), 200)
    );
    canvas.paragraph(&how, BODY, muted, 3);
    for series in drawn.iter().take(MAX_PANELS) {
        panel(&mut canvas, series);
    }
    if drawn.len() > MAX_PANELS {
        let text = format!("{} more variants are not drawn.", drawn.len() - MAX_PANELS);
        canvas.paragraph(&text, BODY, ink, 1);
    }
    canvas.y += 4.0;
    let machine = escape::terminal(&first.machine.describe(), 200);
    canvas.paragraph(&machine, BODY, muted, 2);
    let label = format!(
        "Times of {} in {} builds over stored runs",
        escape::terminal(&first.scenario, 80),
        first.kind
    );
    Some(canvas.finish(&label))
}

fn panel(canvas: &mut Canvas, series: &Series) {
    let palette = canvas.palette;
    canvas.y += 10.0;
    let name = Span::new(series.name.variant.clone(), BOLD, palette.ink);
    canvas.line(&[name]);
    let named = series.changes.len().saturating_sub(MAX_NAMED);
    for change in series.changes.iter().skip(named) {
        let colour = match change.ratio() > 1.0 {
            true => palette.failed,
            false => palette.ink,
        };
        canvas.line(&[Span::new(describe(change), BODY, colour)]);
    }
    canvas.y += 6.0;
    let top = canvas.y;
    let highest = series.points.iter().map(|point| point.max);
    let highest = highest.fold(0.0, f64::max) * 1.05;
    let axis = Axis::linear(highest, (top + PLOT, top));
    let ticks = axis.ticks(4);
    for (tick, name) in ticks.iter().zip(axis::names(&ticks)) {
        let y = axis.place(*tick);
        canvas.path(
            &[(MARGIN + AXIS, y), (RIGHT, y)],
            Paint::line(palette.grid, 1.0),
        );
        let name = Span::new(name, BODY, palette.muted);
        canvas.write((MARGIN + AXIS - 8.0, y + 6.0), Anchor::End, &[name]);
    }
    let place = |at: usize| {
        let inner = (MARGIN + AXIS + 10.0, RIGHT - 10.0);
        let share = at as f64 / (series.points.len() - 1) as f64;
        inner.0 + share * (inner.1 - inner.0)
    };
    for (from, to, level) in levels(series) {
        let y = axis.place(level);
        let line = Paint::line(palette.native(), 3.0);
        canvas.path(&[(place(from) - 4.0, y), (place(to) + 4.0, y)], line);
    }
    for change in &series.changes {
        let x = f64::midpoint(place(change.index - 1), place(change.index));
        let line = Paint::line(palette.failed, 1.5).dashed();
        canvas.path(&[(x, top), (x, top + PLOT)], line);
    }
    // Where there are many, whiskers would be a black field.
    let radius = (160.0 / series.points.len() as f64).clamp(1.5, 4.5);
    for (at, point) in series.points.iter().enumerate() {
        let (x, y) = (place(at), axis.place(point.median));
        let tooltip = format!("{}: {}", point.run, number::seconds(point.median));
        canvas.titled(&tooltip, |canvas| {
            if series.points.len() <= 80 {
                let ends = [(x, axis.place(point.min)), (x, axis.place(point.max))];
                canvas.path(&ends, Paint::line(palette.muted, 1.0));
            }
            let paint = Paint::filled(palette.background).outlined(palette.ink, 1.5);
            canvas.mark(Mark::Circle, (x, y), radius, paint);
        });
    }
    canvas.y = top + PLOT;
    let day = |at: usize| series.points[at].started.strftime("%F").to_string();
    let baseline = canvas.y + BODY.size + 4.0;
    let first = Span::new(day(0), BODY, palette.muted);
    canvas.write((MARGIN + AXIS, baseline), Anchor::Start, &[first]);
    let last = Span::new(day(series.points.len() - 1), BODY, palette.muted);
    canvas.write((RIGHT, baseline), Anchor::End, &[last]);
    canvas.y = baseline + 8.0;
}

/// Each level: its first and last point, and the mean between.
fn levels(series: &Series) -> Vec<(usize, usize, f64)> {
    let mut starts = vec![0];
    starts.extend(series.changes.iter().map(|change| change.index));
    let ends = starts.iter().skip(1).copied();
    let ends: Vec<usize> = ends.chain([series.points.len()]).collect();
    let pieces = starts.into_iter().zip(ends);
    pieces
        .map(|(start, end)| {
            let within = &series.points[start..end];
            let sum: f64 = within.iter().map(|point| point.median).sum();
            (start, end - 1, sum / within.len() as f64)
        })
        .collect()
}

/// `+15% at 20261123T204500Z-3f9a1c`
fn describe(change: &Change) -> String {
    format!("{} at {}", number::cost(change.ratio()), change.to)
}
