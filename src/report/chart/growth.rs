//! Growth: what a build from nothing costs, over the number of its platforms. Its points come from
//! several runs of one program, each with another set of platforms.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::axis::{self, Axis};
use super::canvas::{Anchor, BODY, Canvas, HEADING, MARGIN, Mark, Paint, RIGHT, Span};
use super::palette::{Colour, Palette, Theme};
use crate::escape;
use crate::model::BuildKind;
use crate::report::number;
use crate::report::runs::{Point, Series, SeriesName};
use crate::report::words::join;

/// Variants that are drawn.
const MAX_VARIANTS: usize = 8;
/// Height of the plot.
const PLOT: f64 = 240.0;
/// Marks of variants, in their order.
const MARKS: [Mark; 4] = [Mark::Circle, Mark::Square, Mark::Up, Mark::Diamond];

/// A variant's line: the newest run of each number of platforms.
struct Line<'s> {
    name: &'s str,
    colour: Colour,
    mark: Mark,
    points: BTreeMap<usize, &'s Point>,
}

/// Cost against the number of platforms, from the series of one scenario on one class of machines;
/// `None` where it was not raced for two or more numbers of platforms.
pub fn growth(series: &[&Series], theme: Theme) -> Option<String> {
    let names = platforms(series);
    if names.len() < 2 {
        return None;
    }
    let first = &series.first()?.name;
    let mut canvas = Canvas::new(theme);
    let muted = canvas.palette.muted;
    let scenario = escape::terminal(&first.scenario, 80);
    let heading = HEADING.cut(&format!("{scenario}: cost of platforms"), RIGHT - MARGIN);
    canvas.line(&[Span::new(heading, HEADING, canvas.palette.ink)]);
    let how = "Seconds to build from nothing, median and range, over the number of platforms";
    canvas.paragraph(how, BODY, muted, 2);
    let lines = lines(series, canvas.palette);
    plot(&mut canvas, &lines);
    said(&mut canvas, &lines);
    let native = format!("1: {} alone", first.native);
    canvas.paragraph(&native, BODY, muted, 2);
    for (count, (_, name)) in &names {
        let text = format!("{count}: {}", name.platform_names());
        canvas.paragraph(&text, BODY, muted, 2);
    }
    canvas.y += 10.0;
    canvas.paragraph(&first.machine.describe(), BODY, muted, 2);
    let points = lines.iter().flat_map(|line| line.points.values());
    let mut runs: Vec<String> = points
        .map(|point| escape::terminal(&point.run, 80))
        .collect();
    runs.sort();
    runs.dedup();
    canvas.paragraph(&format!("runs {}", join(runs)), BODY, muted, 4);
    Some(canvas.finish(&format!(
        "What builds of {scenario} cost, over their number of platforms"
    )))
}

/// Whether a series is of builds from nothing for all platforms, the native one among them.
fn adds_platforms(name: &SeriesName) -> bool {
    name.kind == BuildKind::MultiArch && name.platforms.contains(&name.native)
}

/// The platforms behind each number of them, as the newest run has them.
fn platforms<'s>(series: &[&'s Series]) -> BTreeMap<usize, (Timestamp, &'s SeriesName)> {
    let mut names: BTreeMap<usize, (Timestamp, &SeriesName)> = BTreeMap::new();
    for series in series.iter().filter(|series| adds_platforms(&series.name)) {
        let newest = series.points.last().map(|point| point.started);
        let found = (newest.unwrap_or_default(), &series.name);
        let known = names.entry(series.name.platforms.len()).or_insert(found);
        if found.0 > known.0 {
            *known = found;
        }
    }
    names
}

/// A line for each variant, the reference first: at 1 the native platform alone, then builds for
/// all.
fn lines<'s>(series: &[&'s Series], palette: &Palette) -> Vec<Line<'s>> {
    let mut variants: BTreeMap<&str, BTreeMap<usize, &Point>> = BTreeMap::new();
    for of in series {
        let platforms = match of.name.kind {
            BuildKind::Cold => 1,
            _ if adds_platforms(&of.name) => of.name.platforms.len(),
            _ => continue,
        };
        let Some(newest) = of.points.last() else {
            continue;
        };
        let points = variants.entry(&of.name.variant).or_default();
        let known = points.entry(platforms).or_insert(newest);
        if newest.started > known.started {
            *known = newest;
        }
    }
    let is_reference = |points: &BTreeMap<usize, &Point>| points.values().any(|p| p.is_reference);
    let mut variants: Vec<_> = variants.into_iter().collect();
    variants.sort_by_key(|(_, points)| !is_reference(points));
    let first = usize::from(variants.first().is_some_and(|(_, p)| !is_reference(p)));
    let lines = variants.into_iter().take(MAX_VARIANTS).enumerate();
    lines
        .map(|(place, (name, points))| Line {
            name,
            colour: palette.variant(first + place),
            mark: MARKS[place % MARKS.len()],
            points,
        })
        .collect()
}

fn plot(canvas: &mut Canvas, lines: &[Line<'_>]) {
    let palette = canvas.palette;
    let points = lines.iter().flat_map(|line| line.points.values());
    let max = points.map(|point| point.max).fold(0.0, f64::max);
    let most = lines.iter().flat_map(|line| line.points.keys()).max();
    let most = most.copied().unwrap_or(1) as f64;
    let (top, bottom) = (canvas.y + 16.0, canvas.y + PLOT);
    let y_axis = Axis::linear(max * 1.05, (bottom, top));
    let ticks = y_axis.ticks(5);
    let mut names = axis::names(&ticks);
    if let Some(last) = names.last_mut() {
        last.push_str(" s");
    }
    let widths = names.iter().map(|name| BODY.width(name));
    let left = MARGIN + widths.fold(0.0, f64::max) + 10.0;
    let right = RIGHT - 20.0;
    let place = |platforms: usize| {
        let share = (platforms as f64 - 0.7) / (most - 0.7 + 0.2);
        left + share * (right - left)
    };
    for (tick, name) in ticks.iter().zip(names) {
        let y = y_axis.place(*tick);
        canvas.path(&[(left, y), (RIGHT, y)], Paint::line(palette.grid, 1.0));
        let name = Span::new(name, BODY, palette.muted);
        canvas.write((left - 8.0, y + 6.0), Anchor::End, &[name]);
    }
    canvas.path(
        &[(left, bottom), (RIGHT, bottom)],
        Paint::line(palette.muted, 1.2),
    );
    let keys = lines.iter().flat_map(|line| line.points.keys().copied());
    let mut named: Vec<usize> = keys.collect();
    named.sort_unstable();
    named.dedup();
    for platforms in named {
        let name = Span::new(platforms.to_string(), BODY, palette.ink);
        canvas.write((place(platforms), bottom + 20.0), Anchor::Middle, &[name]);
    }
    for line in lines {
        draw(canvas, line, &y_axis, &place);
    }
    canvas.y = bottom + 34.0;
}

fn draw(canvas: &mut Canvas, line: &Line<'_>, axis: &Axis, place: &impl Fn(usize) -> f64) {
    let palette = canvas.palette;
    let way: Vec<super::canvas::Point> = line
        .points
        .iter()
        .map(|(platforms, point)| (place(*platforms), axis.place(point.median)))
        .collect();
    canvas.path(&way, Paint::line(line.colour, 2.5));
    for (platforms, point) in &line.points {
        let x = place(*platforms);
        let tooltip = format!(
            "{}, platforms: {platforms}: {}, median of {}",
            line.name,
            number::seconds(point.median),
            point.n
        );
        canvas.titled(&tooltip, |canvas| {
            let (low, high) = (axis.place(point.min), axis.place(point.max));
            canvas.path(&[(x, low), (x, high)], Paint::line(palette.ink, 2.0));
            let paint = Paint::filled(line.colour).outlined(palette.background, 1.0);
            canvas.mark(line.mark, (x, axis.place(point.median)), 6.0, paint);
        });
    }
}

/// What each line says, with its mark: `naive: 12.7× its build for 1 platform`.
fn said(canvas: &mut Canvas, lines: &[Line<'_>]) {
    let palette = canvas.palette;
    let names: Vec<&str> = lines.iter().map(|line| line.name).collect();
    let labels = BODY.distinct(&names, 200.0);
    for (line, label) in lines.iter().zip(labels) {
        let y = canvas.y;
        canvas.mark(
            line.mark,
            (MARGIN + 8.0, y + 11.0),
            6.0,
            Paint::filled(line.colour),
        );
        let mut text = vec![Span::new(label, BODY, palette.ink)];
        if let (Some((1, one)), Some((most, all))) =
            (line.points.first_key_value(), line.points.last_key_value())
            && *most > 1
            && one.median > 0.0
        {
            let ratio = number::factor(all.median / one.median);
            let words = format!(": {ratio} from 1 to {most} platforms (medians)");
            text.push(Span::new(words, BODY, palette.ink));
        }
        canvas.write((MARGIN + 22.0, y + 17.0), Anchor::Start, &text);
        canvas.y += 25.0;
    }
}
