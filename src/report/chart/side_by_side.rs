//! Runs side by side: each time over that of the first run, with its interval, on one logarithmic
//! axis around 1×.

use super::axis::{self, Axis};
use super::canvas::{Anchor, BODY, BOLD, Canvas, HEADING, MARGIN, Mark, Paint, RIGHT, Span};
use super::palette::Theme;
use crate::escape;
use crate::report::number;
use crate::report::runs::SideBySide;
use crate::stats::Ratio;

/// Rows that are drawn.
const MAX_ROWS: usize = 80;
/// Height of the strip that has the interval.
const STRIP: f64 = 22.0;
/// How far an interval is drawn beyond all estimates, as a factor.
const BEYOND: f64 = 3.0;

struct Row {
    label: String,
    ratio: Ratio,
    marks: Vec<&'static str>,
}

/// The ratios of every run over the first; `None` where no two can be compared.
pub fn side_by_side(runs: &SideBySide, theme: Theme) -> Option<String> {
    let rows = rows(runs);
    if rows.is_empty() {
        return None;
    }
    let mut canvas = Canvas::new(theme);
    let (ink, muted) = (canvas.palette.ink, canvas.palette.muted);
    let first = &runs.runs[0].letter;
    let heading = format!("Time over that of run {first}");
    canvas.line(&[Span::new(heading, HEADING, ink)]);
    let how = "Ratio of geometric means with Welch's 95% t-interval: a model, as the runs are not paired.";
    canvas.paragraph(how, BODY, muted, 3);
    for run in &runs.runs {
        let name = escape::terminal(&run.run, 80);
        let letter = Span::new(format!("{} ", run.letter), BOLD, ink);
        canvas.line(&[letter, Span::new(name, BODY, ink)]);
    }
    canvas.y += 6.0;
    let axis = axis_of(&rows);
    let layer = canvas.layer();
    let top = canvas.y;
    for row in rows.iter().take(MAX_ROWS) {
        draw(&mut canvas, &axis, row);
    }
    let bottom = canvas.y;
    let ticks = axis.ticks(6);
    canvas.below(layer, |canvas| {
        for tick in &ticks {
            let x = axis.place(*tick);
            let (colour, width) = match (tick - 1.0).abs() < 1e-9 {
                true => (canvas.palette.ink, 1.5),
                false => (canvas.palette.grid, 1.0),
            };
            canvas.path(&[(x, top), (x, bottom)], Paint::line(colour, width));
        }
    });
    for tick in ticks {
        let name = Span::new(format!("{}×", axis::log_name(tick)), BODY, muted);
        let place = (axis.place(tick), bottom + BODY.size + 2.0);
        canvas.write(place, Anchor::Middle, &[name]);
    }
    canvas.y = bottom + BODY.size + 12.0;
    if rows.len() > MAX_ROWS {
        let text = format!("{} more rows are not drawn.", rows.len() - MAX_ROWS);
        canvas.paragraph(&text, BODY, ink, 1);
    }
    let mut marks: Vec<&str> = rows
        .iter()
        .flat_map(|row| row.marks.iter().copied())
        .collect();
    marks.sort_unstable();
    marks.dedup();
    if !marks.is_empty() {
        let text = format!("Beside run {first} there are {}.", marks.join(", "));
        canvas.paragraph(&text, BODY, ink, 4);
    }
    Some(canvas.finish("Times of runs side by side"))
}

fn rows(runs: &SideBySide) -> Vec<Row> {
    let several = runs.runs.len() > 2;
    let mut rows = Vec::new();
    for row in &runs.rows {
        for (run, cell) in runs.runs.iter().zip(&row.cells) {
            let Some((cell, ratio)) = cell.as_ref().and_then(|c| Some((c, c.over_first?))) else {
                continue;
            };
            let of = if several {
                format!("{}: ", run.letter)
            } else {
                String::new()
            };
            let scenario = escape::terminal(&row.scenario, 60);
            let variant = escape::terminal(&row.variant, 60);
            rows.push(Row {
                label: format!("{of}{scenario}, {variant}, {}", row.kind),
                ratio,
                marks: cell.marks.iter().map(|mark| mark.describe()).collect(),
            });
        }
    }
    rows
}

fn axis_of(rows: &[Row]) -> Axis {
    let estimates = rows.iter().map(|row| row.ratio.estimate);
    let estimates = estimates.filter(|ratio| ratio.is_finite() && *ratio > 0.0);
    let (low, high) = estimates.fold((0.9f64, 1.1f64), |(low, high), ratio| {
        (low.min(ratio), high.max(ratio))
    });
    let ends = rows.iter().filter_map(|row| row.ratio.interval);
    let (least, most) = ends.fold((low, high), |(least, most), interval| {
        (least.min(interval.low), most.max(interval.high))
    });
    let (low, high) = (
        least.max(low / BEYOND) / 1.08,
        most.min(high * BEYOND) * 1.08,
    );
    Axis::log(low, high, (MARGIN + 8.0, RIGHT - 8.0))
}

fn draw(canvas: &mut Canvas, axis: &Axis, row: &Row) {
    let palette = canvas.palette;
    let baseline = canvas.y + BODY.size;
    let interval = number::interval(&row.ratio);
    let interval = interval.map_or_else(String::new, |interval| format!(" [{interval}]"));
    let said = format!("{}{interval}", number::describe_comparison(&row.ratio));
    let said = Span::new(said, BODY, palette.ink);
    let room = (RIGHT - MARGIN - said.width() - 12.0).max(60.0);
    let label = Span::new(BODY.cut(&row.label, room), BODY, palette.ink);
    canvas.write((MARGIN, baseline), Anchor::Start, &[label]);
    canvas.write((RIGHT, baseline), Anchor::End, &[said]);
    canvas.y += BODY.size * 1.35;
    let y = canvas.y + STRIP / 2.0;
    if let Some(interval) = row.ratio.interval {
        let line = Paint::line(palette.ink, 2.0);
        let (from, to) = (axis.place(interval.low), axis.place(interval.high));
        canvas.path(&[(from, y), (to, y)], line);
        for (end, x, arrow) in [
            (interval.low, from, Mark::Left),
            (interval.high, to, Mark::Right),
        ] {
            match axis.has(end) {
                true => canvas.path(&[(x, y - 5.0), (x, y + 5.0)], line),
                false => canvas.mark(arrow, (x, y), 5.0, Paint::filled(palette.ink)),
            }
        }
    }
    let paint = Paint::filled(palette.native()).outlined(palette.background, 1.0);
    canvas.mark(
        Mark::Circle,
        (axis.place(row.ratio.estimate), y),
        6.5,
        paint,
    );
    canvas.y += STRIP + 4.0;
}
