//! Growth: what a build from nothing costs, over the number of its platforms. Its points come from
//! several runs of one program, each with another set of platforms.

use std::collections::BTreeMap;

use super::axis::{self, Axis};
use super::canvas::{Anchor, BODY, Canvas, HEADING, MARGIN, Mark, Paint, Point, RIGHT, Span};
use super::palette::{Colour, Theme};
use super::wording;
use crate::escape;
use crate::model::BuildKind;
use crate::report::number;
use crate::report::view::{ScenarioView, View};
use crate::report::words::join;
use crate::stats::Times;

/// Programs that are drawn.
const MAX_PROGRAMS: usize = 12;
/// Variants that are drawn of a program.
const MAX_VARIANTS: usize = 8;
/// Height of a program's plot.
const PLOT: f64 = 240.0;
/// Marks of variants, in their order.
const MARKS: [Mark; 4] = [Mark::Circle, Mark::Square, Mark::Up, Mark::Diamond];

/// The runs of one program: the newest of each number of platforms.
struct Program<'v> {
    name: &'v str,
    runs: BTreeMap<usize, (&'v View, &'v ScenarioView)>,
}

/// A variant's line.
struct Line {
    name: String,
    colour: Colour,
    mark: Mark,
    points: BTreeMap<usize, Times>,
}

/// Cost against the number of platforms; `None` where no program was raced with two or more numbers
/// of platforms. Runs may be of any scenarios.
pub fn growth(views: &[View], theme: Theme) -> Option<String> {
    let programs = programs(views);
    if programs.is_empty() {
        return None;
    }
    let mut canvas = Canvas::new(theme);
    let (ink, muted) = (canvas.palette.ink, canvas.palette.muted);
    for program in programs.iter().take(MAX_PROGRAMS) {
        plot(&mut canvas, program);
    }
    if let Some(more) = programs.len().checked_sub(MAX_PROGRAMS + 1) {
        let text = format!("{} more programs are not drawn.", more + 1);
        canvas.paragraph(&text, BODY, ink, 1);
    }
    let used = programs.iter().flat_map(|program| program.runs.values());
    let used: Vec<&View> = used.map(|(view, _)| *view).collect();
    if let Some(differ) = differences(&used) {
        let text = format!("The runs differ in {differ}: their times are of different machines.");
        canvas.paragraph(&text, BODY, ink, 3);
    }
    let newest = used.iter().max_by_key(|view| view.started);
    if let Some(view) = newest {
        canvas.paragraph(&wording::conditions(view), BODY, muted, 6);
    }
    let mut runs: Vec<String> = used
        .iter()
        .map(|view| escape::terminal(&view.run, 80))
        .collect();
    runs.sort();
    runs.dedup();
    canvas.paragraph(&format!("runs {}", join(runs)), BODY, muted, 4);
    let names = programs
        .iter()
        .map(|program| escape::terminal(program.name, 80));
    Some(canvas.finish(&format!(
        "What builds of {} cost, over their number of platforms",
        join(names)
    )))
}

fn programs(views: &[View]) -> Vec<Program<'_>> {
    let mut programs: Vec<Program<'_>> = Vec::new();
    for view in views.iter().filter(|view| view.matrix.is_empty()) {
        for scenario in &view.scenarios {
            let has_times = scenario
                .variants
                .iter()
                .any(|variant| variant.median(BuildKind::MultiArch).is_some());
            if !has_times || !scenario.builds_native() {
                continue;
            }
            let place = programs.iter().position(|p| p.name == scenario.name);
            let place = place.unwrap_or_else(|| {
                programs.push(Program {
                    name: &scenario.name,
                    runs: BTreeMap::new(),
                });
                programs.len() - 1
            });
            let known = programs[place].runs.entry(scenario.platforms.len());
            let known = known.or_insert((view, scenario));
            // Of several, the one with more variants, then the newest.
            let rank =
                |view: &View, scenario: &ScenarioView| (scenario.variants.len(), view.started);
            if rank(view, scenario) > rank(known.0, known.1) {
                *known = (view, scenario);
            }
        }
    }
    programs.retain(|program| program.runs.len() > 1);
    programs
}

/// In what the machines of runs differ.
fn differences(views: &[&View]) -> Option<String> {
    /// What it is, and what a run says of it.
    type Fact = (&'static str, fn(&View) -> String);
    let facts: [Fact; 4] = [
        ("CPU", |view| format!("{:?}", view.host.cpu_model)),
        ("cores", |view| format!("{:?}", view.host.cores)),
        ("BuildKit", |view| {
            format!("{:?}", view.builder.buildkit_version)
        }),
        ("engine", |view| {
            format!("{:?}", view.builder.engine_version)
        }),
    ];
    let differ = facts.iter().filter(|(_, fact)| {
        let mut told = views.iter().map(|view| fact(view));
        let first = told.next();
        told.any(|fact| Some(fact) != first)
    });
    let names: Vec<String> = differ.map(|(name, _)| (*name).to_owned()).collect();
    (!names.is_empty()).then(|| join(names))
}

/// A line for each variant: at 1 the native platform alone, in the run of fewest platforms that has
/// it, then builds for all.
fn lines(program: &Program<'_>, theme: &'static super::palette::Palette) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut add = |scenario: &ScenarioView, platforms: usize, kind: BuildKind| {
        let first = usize::from(scenario.reference().is_none());
        for (place, variant) in scenario.variants.iter().enumerate() {
            let Some(times) = variant.cells.get(&kind).and_then(|cell| cell.times) else {
                continue;
            };
            let known = lines.iter().position(|line| line.name == variant.name);
            let known = known.unwrap_or_else(|| {
                lines.push(Line {
                    name: variant.name.clone(),
                    colour: theme.variant(first + place),
                    mark: MARKS[place % MARKS.len()],
                    points: BTreeMap::new(),
                });
                lines.len() - 1
            });
            lines[known].points.entry(platforms).or_insert(times);
        }
    };
    for (platforms, (_, scenario)) in &program.runs {
        add(scenario, 1, BuildKind::Cold);
        add(scenario, *platforms, BuildKind::MultiArch);
    }
    lines.truncate(MAX_VARIANTS);
    lines
}

fn plot(canvas: &mut Canvas, program: &Program<'_>) {
    let palette = canvas.palette;
    let lines = lines(program, palette);
    let name = HEADING.cut(
        &format!("{}: cost of platforms", program.name),
        RIGHT - MARGIN,
    );
    canvas.line(&[Span::new(name, HEADING, palette.ink)]);
    let how = "Seconds to build from nothing, median and range, over the number of platforms";
    canvas.paragraph(how, BODY, palette.muted, 2);
    let times = lines.iter().flat_map(|line| line.points.values());
    let max = times.map(|times| times.max).fold(0.0, f64::max);
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
    let mut named: Vec<usize> = lines
        .iter()
        .flat_map(|l| l.points.keys().copied())
        .collect();
    named.sort_unstable();
    named.dedup();
    for platforms in named {
        let name = Span::new(platforms.to_string(), BODY, palette.ink);
        canvas.write((place(platforms), bottom + 20.0), Anchor::Middle, &[name]);
    }
    for line in &lines {
        draw(canvas, line, &y_axis, &place);
    }
    canvas.y = bottom + 34.0;
    said(canvas, &lines);
    platforms(canvas, program);
    canvas.y += 10.0;
}

fn draw(canvas: &mut Canvas, line: &Line, axis: &Axis, place: &impl Fn(usize) -> f64) {
    let palette = canvas.palette;
    let way: Vec<Point> = line
        .points
        .iter()
        .map(|(platforms, times)| (place(*platforms), axis.place(times.median)))
        .collect();
    canvas.path(&way, Paint::line(line.colour, 2.5));
    for (platforms, times) in &line.points {
        let x = place(*platforms);
        let tooltip = format!(
            "{}, platforms: {platforms}: {}, median of {}",
            line.name,
            number::seconds(times.median),
            times.n
        );
        canvas.titled(&tooltip, |canvas| {
            let (low, high) = (axis.place(times.min), axis.place(times.max));
            canvas.path(&[(x, low), (x, high)], Paint::line(palette.ink, 2.0));
            let paint = Paint::filled(line.colour).outlined(palette.background, 1.0);
            canvas.mark(line.mark, (x, axis.place(times.median)), 6.0, paint);
        });
    }
}

/// What each line says, with its mark: `naive: 12.7× its build for 1 platform`.
fn said(canvas: &mut Canvas, lines: &[Line]) {
    let palette = canvas.palette;
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
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

/// Which platforms the numbers are.
fn platforms(canvas: &mut Canvas, program: &Program<'_>) {
    for (count, (_, scenario)) in &program.runs {
        let text = format!("{count}: {}", scenario.platform_names());
        canvas.paragraph(&text, BODY, canvas.palette.muted, 2);
    }
}
