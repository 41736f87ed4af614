//! The rows of a waterfall: the critical path, steps by platform, and how many of them ran at once.

use std::fmt::Write;

use super::paint::{BAR, height, of_kind, paint};
use crate::escape;
use crate::explain::{Explanation, Interval, StepFacts, StepKind};
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::{
    Anchor, BODY, BOLD, Canvas, MARGIN, Mark, Paint, Point, RIGHT, Span,
};
use crate::report::chart::palette::Palette;
use crate::report::explanation::{Group, Row, short_instruction, waited, waiting};
use crate::report::number;

/// From a row's text to its bar.
const TEXT: f64 = 23.0;
/// Height of the picture of how many steps ran at once.
const STRIP: f64 = 40.0;
/// Points of it that are drawn; more would lie within a pixel.
const MAX_POINTS: usize = 2000;
/// Parts of the critical path, and intervals of a step, that are drawn.
const MAX_PARTS: usize = 2000;
/// Columns of a step's label; what has no room is cut.
const LABEL_COLUMNS: usize = 60;

/// The critical path in one row, waiting included.
pub(super) fn critical_path(canvas: &mut Canvas, axis: &Axis, explanation: &Explanation) {
    let palette = canvas.palette;
    canvas.line(&[Span::new("critical path", BOLD, palette.ink)]);
    let y = canvas.y + 2.0;
    for part in explanation.critical_path.iter().take(MAX_PARTS) {
        let (paint, height, name) = match part.step.map(|step| &explanation.steps[step]) {
            Some(step) => {
                let paint = of_kind(step.kind, step.cached, palette);
                (paint, height(step.kind), step.name.clone())
            }
            None => {
                let step = part.waits.map(|step| &explanation.steps[step]);
                let name = step.map_or_else(|| "waiting".to_owned(), waiting);
                (idle(palette), 4.0, name)
            }
        };
        bar(canvas, axis, &part.time, (y, height), paint, &name);
    }
    canvas.y = y + BAR + 8.0;
}

/// How waiting is drawn.
fn idle(palette: &Palette) -> Paint {
    Paint::line(palette.muted, 1.2).dashed()
}

/// A bar within the place of one, with what a mouse over it shows.
fn bar(
    canvas: &mut Canvas,
    axis: &Axis,
    time: &Interval,
    (y, height): (f64, f64),
    paint: Paint,
    name: &str,
) {
    let (start, end) = (time.start.as_secs_f64(), time.end.as_secs_f64());
    let x = axis.place(start);
    let width = (axis.place(end) - x).max(1.5);
    let tooltip = format!(
        "{}: {} to {}",
        escape::terminal(name, 300),
        number::seconds(start),
        number::seconds(end)
    );
    canvas.titled(&tooltip, |canvas| {
        let place = (x.min(RIGHT - width), y + (BAR - height) / 2.0);
        canvas.rect(place, width, height, paint);
    });
}

/// The steps of a platform under its name.
pub(super) fn group(
    canvas: &mut Canvas,
    axis: &Axis,
    group: &Group<'_>,
    explanation: &Explanation,
) {
    let palette = canvas.palette;
    canvas.y += 4.0;
    let name = BOLD.cut(&group.name, RIGHT - MARGIN);
    canvas.line(&[Span::new(name, BOLD, palette.ink)]);
    for of in &group.rows {
        row(canvas, axis, of, explanation);
    }
}

fn row(canvas: &mut Canvas, axis: &Axis, row: &Row<'_>, explanation: &Explanation) {
    let (palette, step) = (canvas.palette, row.step);
    let (time, colour) = match (&step.error, step.cached) {
        (Some(_), _) if step.cancelled => ("cancelled".to_owned(), palette.muted),
        (Some(_), _) => ("failed".to_owned(), palette.failed),
        (None, true) => ("cached".to_owned(), palette.muted),
        (None, false) => (number::seconds(step.busy.as_secs_f64()), palette.ink),
    };
    let time = Span::new(time, BODY, colour);
    let room = RIGHT - MARGIN - time.width() - 14.0;
    let label = Span::new(BODY.cut(&label(step), room), BODY, palette.ink);
    let baseline = canvas.y + BODY.size;
    canvas.write((MARGIN, baseline), Anchor::Start, &[label]);
    canvas.write((RIGHT, baseline), Anchor::End, &[time]);
    let y = canvas.y + TEXT;
    for wait in step.waited_for_cache.iter().take(MAX_PARTS) {
        let name = waited(wait, &explanation.steps);
        bar(canvas, axis, &wait.time, (y, 4.0), idle(palette), &name);
    }
    for time in step.intervals.iter().take(MAX_PARTS) {
        let place = (y, height(step.kind));
        bar(canvas, axis, time, place, paint(step, palette), &step.name);
    }
    if step.unfinished {
        let end = axis.place(explanation.span.as_secs_f64()).min(RIGHT - 7.0);
        let paint = Paint::filled(palette.failed);
        canvas.mark(Mark::Right, (end, y + BAR / 2.0), 6.0, paint);
    }
    let parts = explanation.critical_path.iter().take(MAX_PARTS);
    for part in parts.filter(|part| part.step == Some(row.place)) {
        let x = axis.place(part.time.start.as_secs_f64());
        let width = (axis.place(part.time.end.as_secs_f64()) - x).max(1.5);
        let place = (x.min(RIGHT - width), y + BAR + 1.0);
        canvas.rect(place, width, 3.0, Paint::filled(palette.ink));
    }
    canvas.y = y + BAR + 9.0;
}

/// `build 4/4 RUN … go build`, `build 3/3 →linux/arm64 RUN … go build`.
fn label(step: &StepFacts) -> String {
    let mut start = String::new();
    if let Some(stage) = &step.stage {
        let _ = write!(start, "{} ", escape::columns(stage, 16));
    }
    if let Some((position, count)) = step.position {
        let _ = write!(start, "{position}/{count} ");
    }
    if let Some(target) = step
        .target
        .as_ref()
        .filter(|_| step.target != step.platform)
    {
        let _ = write!(start, "→{target} ");
    }
    let left = LABEL_COLUMNS.saturating_sub(start.chars().count());
    format!("{start}{}", short_instruction(&step.instruction, left))
}

/// How many steps were worked on at once, over time.
pub(super) fn concurrency(canvas: &mut Canvas, axis: &Axis, explanation: &Explanation) {
    let palette = canvas.palette;
    let Some(concurrency) = &explanation.concurrency else {
        return;
    };
    canvas.y += 6.0;
    let text = format!(
        "steps at once: {:.1} on average, max {}",
        concurrency.mean, concurrency.max
    );
    canvas.paragraph(&text, BODY, palette.muted, 1);
    let base = canvas.y + STRIP;
    let most = f64::from(concurrency.max.max(1));
    let mut height = base;
    let mut way: Vec<Point> = vec![(axis.place(0.0), base)];
    for point in concurrency.points.iter().take(MAX_POINTS) {
        let x = axis.place(point.at.as_secs_f64());
        way.push((x, height));
        height = base - f64::from(point.steps) / most * STRIP;
        way.push((x, height));
    }
    let end = axis.place(explanation.span.as_secs_f64());
    way.extend([(end, height), (end, base)]);
    canvas.path(&way, Paint::filled(palette.other_steps[0]));
    canvas.y = base + 6.0;
}

/// Whether any step of a kind is drawn as that kind is.
pub(super) fn has(explanation: &Explanation, kind: StepKind) -> bool {
    let mut steps = explanation.steps.iter();
    steps.any(|step| step.kind == kind && !step.cached)
}
