//! The forest: ratio and interval of every candidate and kind, on one logarithmic axis around 1×,
//! with the changes that do not matter as a band, and the verdict in words and as the form of the
//! mark.

use super::axis::{self, Axis};
use super::canvas::{Anchor, BODY, BOLD, Canvas, HEADING, MARGIN, Mark, Paint, RIGHT, Span};
use super::palette::{Palette, Theme};
use super::wording;
use crate::escape;
use crate::report::number;
use crate::report::view::{Cell, View};
use crate::stats::{Interval, Ratio, Verdict};

/// Rows that are drawn; the summary has all.
const MAX_ROWS: usize = 120;
/// Height of the strip that has the interval.
const STRIP: f64 = 22.0;
/// Half the width of a mark.
const MARK: f64 = 6.5;
/// How far an interval is drawn beyond all estimates, as a factor: of two rounds it may be endless.
const BEYOND: f64 = 4.0;

/// A candidate in one kind of build.
struct Row<'v> {
    label: String,
    cell: &'v Cell,
    ratio: Ratio,
}

/// Every comparison with its interval; `None` where nothing is compared.
pub fn forest(view: &View, theme: Theme) -> Option<String> {
    let groups = groups(view);
    let rows: Vec<&Row<'_>> = groups.iter().flat_map(|(_, rows)| rows).collect();
    if rows.is_empty() {
        return None;
    }
    let axis = axis_of(&rows);
    let mut canvas = Canvas::new(theme);
    let palette = canvas.palette;
    let heading = Span::new("Time over the reference's", HEADING, palette.ink);
    canvas.line(&[heading]);
    let how = "Ratio of each candidate with its interval. Equal lengths are equal factors.";
    canvas.paragraph(how, BODY, palette.muted, 2);
    canvas.y += 6.0;

    let (layer, mut drawn) = (canvas.layer(), 0);
    let mut strips = Vec::new();
    for (name, rows) in &groups {
        if drawn == MAX_ROWS {
            break;
        }
        canvas.y += 6.0;
        canvas.line(&[Span::new(name.clone(), BOLD, palette.ink)]);
        for row in rows.iter().take(MAX_ROWS - drawn) {
            strips.push((canvas.y + BODY.size * 1.35, row.cell.delta));
            draw(&mut canvas, &axis, row);
            drawn += 1;
        }
    }
    canvas.below(layer, |canvas| background(canvas, &axis, &strips));
    named(&mut canvas, &axis);
    if rows.len() > drawn {
        let text = format!("{} more comparisons are not drawn.", rows.len() - drawn);
        canvas.paragraph(&text, BODY, palette.ink, 1);
    }
    legend(&mut canvas, &rows);
    canvas.paragraph(&wording::conditions(view), BODY, palette.muted, 8);
    canvas.paragraph(&wording::origin(view), BODY, palette.muted, 2);
    Some(canvas.finish(&format!(
        "Ratios and intervals of {}",
        wording::subjects(view)
    )))
}

/// The rows of each scenario that has any.
fn groups(view: &View) -> Vec<(String, Vec<Row<'_>>)> {
    let scenarios = view.scenarios.iter().filter_map(|scenario| {
        let reference = escape::terminal(&scenario.reference()?.name, 60);
        let names: Vec<&str> = scenario.variants.iter().map(|v| v.name.as_str()).collect();
        let labels = BODY.distinct(&names, 170.0);
        let variants = scenario.variants.iter().zip(labels);
        let rows: Vec<Row<'_>> = variants
            .flat_map(|(variant, label)| {
                let cells = variant.cells.iter();
                cells.filter_map(move |(kind, cell)| {
                    Some(Row {
                        label: format!("{label}, {kind}"),
                        cell,
                        ratio: cell.ratio?,
                    })
                })
            })
            .collect();
        let name = escape::terminal(&scenario.name, 80);
        (!rows.is_empty()).then(|| (format!("{name}, over {reference}"), rows))
    });
    scenarios.collect()
}

fn axis_of(rows: &[&Row<'_>]) -> Axis {
    let estimates = rows.iter().map(|row| row.ratio.estimate);
    let estimates = estimates.filter(|ratio| ratio.is_finite() && *ratio > 0.0);
    let (low, high) = estimates.fold((1.0f64, 1.0f64), |(low, high), ratio| {
        (low.min(ratio), high.max(ratio))
    });
    let deltas = rows.iter().map(|row| row.cell.delta);
    let delta = deltas.fold(0.05, f64::max).min(4.0);
    let ends = rows.iter().filter_map(|row| row.ratio.interval);
    let (least, most) = ends.fold((low, high), |(least, most), interval| {
        (least.min(interval.low), most.max(interval.high))
    });
    let low = least.max(low / BEYOND).min(1.0 / (1.0 + 2.0 * delta)) / 1.08;
    let high = most.min(high * BEYOND).max(1.0 + 2.0 * delta) * 1.08;
    Axis::log(low, high, (MARGIN + 8.0, RIGHT - 8.0))
}

/// A line of text, and below it the interval with its mark.
fn draw(canvas: &mut Canvas, axis: &Axis, row: &Row<'_>) {
    let palette = canvas.palette;
    let baseline = canvas.y + BODY.size;
    let said = said(row);
    let word = verdict(row.cell);
    let right = [
        Span::new(said, BODY, palette.ink),
        Span::new(format!(", {word}"), BOLD, palette.ink),
    ];
    let taken: f64 = right.iter().map(Span::width).sum();
    let room = (RIGHT - MARGIN - taken - 12.0).max(60.0);
    let label = Span::new(BODY.cut(&row.label, room), BODY, palette.ink);
    canvas.write((MARGIN, baseline), Anchor::Start, &[label]);
    canvas.write((RIGHT, baseline), Anchor::End, &right);
    canvas.y += BODY.size * 1.35;

    let y = canvas.y + STRIP / 2.0;
    if let Some(Interval { low, high }) = row.ratio.interval {
        let line = Paint::line(palette.ink, 2.0);
        let (from, to) = (axis.place(low), axis.place(high));
        canvas.path(&[(from, y), (to, y)], line);
        // An end beyond the axis is an arrow, others a bar.
        for (end, x, arrow) in [(low, from, Mark::Left), (high, to, Mark::Right)] {
            match axis.has(end) {
                true => canvas.path(&[(x, y - 5.0), (x, y + 5.0)], line),
                false => canvas.mark(arrow, (x, y), 5.0, Paint::filled(palette.ink)),
            }
        }
    }
    let (mark, paint) = look(row.cell.verdict, palette);
    let tooltip = format!("{}: {}", row.label, number::factor(row.ratio.estimate));
    canvas.titled(&tooltip, |canvas| {
        let place = (axis.place(row.ratio.estimate), y);
        canvas.mark(mark, place, MARK, paint);
    });
    canvas.y += STRIP + 4.0;
}

/// `122× faster [102…145×]`
fn said(row: &Row<'_>) -> String {
    let described = row.cell.describe().unwrap_or_default();
    match number::interval(&row.ratio) {
        Some(interval) => format!("{described} [{interval}]"),
        None => described,
    }
}

fn verdict(cell: &Cell) -> &'static str {
    cell.verdict.map_or("no verdict", Verdict::as_str)
}

/// Form and colour of a mark: the form tells the verdict alone.
fn look(verdict: Option<Verdict>, palette: &Palette) -> (Mark, Paint) {
    let ground = palette.background;
    match verdict {
        Some(Verdict::Faster) => (
            Mark::Left,
            Paint::filled(palette.candidates[0]).outlined(ground, 1.0),
        ),
        Some(Verdict::Slower) => (
            Mark::Right,
            Paint::filled(palette.reference).outlined(ground, 1.0),
        ),
        Some(Verdict::Same) => (
            Mark::Square,
            Paint::filled(palette.ink).outlined(ground, 1.0),
        ),
        Some(Verdict::Inconclusive) => (
            Mark::Circle,
            Paint::filled(ground).outlined(palette.ink, 2.0),
        ),
        None => (
            Mark::Diamond,
            Paint::filled(ground).outlined(palette.muted, 2.0),
        ),
    }
}

/// The band of each row, and the line at 1×.
fn background(canvas: &mut Canvas, axis: &Axis, strips: &[(f64, f64)]) {
    let palette = canvas.palette;
    for (y, delta) in strips {
        let (low, high) = (axis.place(1.0 / (1.0 + delta)), axis.place(1.0 + delta));
        let paint = Paint::filled(palette.band);
        canvas.rect((low, *y), high - low, STRIP, paint);
        let x = axis.place(1.0);
        let line = Paint::line(palette.muted, 1.2);
        canvas.path(&[(x, *y), (x, y + STRIP)], line);
        let ends = [(MARGIN, y + STRIP), (RIGHT, y + STRIP)];
        canvas.path(&ends, Paint::line(palette.grid, 1.0));
    }
}

/// The axis with its names: 1× is always among them.
fn named(canvas: &mut Canvas, axis: &Axis) {
    let palette = canvas.palette;
    let y = canvas.y;
    let mut taken: Vec<(f64, f64)> = Vec::new();
    let mut ticks = axis.ticks(7);
    ticks.retain(|tick| (tick - 1.0).abs() > 1e-9);
    ticks.insert(0, 1.0);
    for tick in ticks {
        let letters = if tick == 1.0 { BOLD } else { BODY };
        let name = Span::new(format!("{}×", axis::log_name(tick)), letters, palette.ink);
        let (x, half) = (axis.place(tick), name.width() / 2.0 + 5.0);
        let (from, to) = (x - half, x + half);
        let is_free = taken
            .iter()
            .all(|(left, right)| to < *left || from > *right);
        if !is_free || from < MARGIN - 6.0 || to > RIGHT + 6.0 {
            continue;
        }
        taken.push((from, to));
        canvas.path(&[(x, y), (x, y + 6.0)], Paint::line(palette.muted, 1.2));
        canvas.write((x, y + 22.0), Anchor::Middle, &[name]);
    }
    let ends = [
        ((MARGIN, y + 45.0), Anchor::Start, "← faster"),
        ((RIGHT, y + 45.0), Anchor::End, "slower →"),
    ];
    for (place, anchor, text) in ends {
        canvas.write(place, anchor, &[Span::new(text, BODY, palette.muted)]);
    }
    canvas.y += 54.0;
}

/// What marks and band mean, as far as they occur.
fn legend(canvas: &mut Canvas, rows: &[&Row<'_>]) {
    let palette = canvas.palette;
    let kinds = [
        (Some(Verdict::Faster), "faster"),
        (Some(Verdict::Slower), "slower"),
        (Some(Verdict::Same), "same"),
        (Some(Verdict::Inconclusive), "inconclusive"),
        (None, "no verdict: too few rounds"),
    ];
    let mut x = MARGIN;
    for (verdict, words) in kinds {
        if rows.iter().all(|row| row.cell.verdict != verdict) {
            continue;
        }
        let width = 22.0 + BODY.width(words) + 18.0;
        if x > MARGIN && x + width > RIGHT {
            x = MARGIN;
            canvas.y += 24.0;
        }
        let (mark, paint) = look(verdict, palette);
        canvas.mark(mark, (x + 8.0, canvas.y + 11.0), MARK, paint);
        let words = Span::new(words, BODY, palette.ink);
        canvas.write((x + 22.0, canvas.y + 17.0), Anchor::Start, &[words]);
        x += width;
    }
    canvas.y += 26.0;
    let mut deltas: Vec<f64> = rows.iter().map(|row| row.cell.delta).collect();
    deltas.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (deltas.first(), deltas.last()) else {
        return;
    };
    let share = match number::percentage(*least) == number::percentage(*most) {
        true => format!("±{}", number::percentage(*most)),
        false => format!(
            "±{} to ±{}",
            number::percentage(*least),
            number::percentage(*most)
        ),
    };
    let text = format!("Band: {share}, changes that do not matter.");
    canvas.paragraph(&text, BODY, palette.muted, 1);
}
