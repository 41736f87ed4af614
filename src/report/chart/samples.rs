//! Each sample over the run's time, the samples of a variant joined from round to round, and below
//! them how busy the machine was: so a reader sees drift, and what a dropped round was dropped for.

use std::collections::{BTreeMap, BTreeSet};

use super::axis::{self, Axis};
use super::canvas::{Anchor, BODY, BOLD, Canvas, HEADING, MARGIN, Mark, Paint, Point, RIGHT, Span};
use super::palette::Theme;
use super::wording;
use crate::escape;
use crate::model::{BuildKind, Outcome};
use crate::report::number;
use crate::report::view::{SampleView, ScenarioView, View};

/// Panels that are drawn, one for each scenario and kind.
const MAX_PANELS: usize = 24;
/// Samples that are drawn of a panel.
const MAX_SAMPLES: usize = 1000;
/// Dropped rounds whose reasons are written out.
const MAX_REASONS: usize = 6;
/// Height of a panel, and of a strip of the machine's load.
const PANEL: f64 = 120.0;
const STRIP: f64 = 44.0;
/// Where the time axis begins and ends.
const LEFT: f64 = 84.0;
const END: f64 = RIGHT - 10.0;
/// Half the width of a mark.
const MARK: f64 = 5.0;
/// Marks of variants, in their order.
const MARKS: [Mark; 5] = [
    Mark::Circle,
    Mark::Square,
    Mark::Up,
    Mark::Diamond,
    Mark::Down,
];

/// The samples of a run; `None` where there is none.
pub fn samples(view: &View, theme: Theme) -> Option<String> {
    if view.samples.is_empty() {
        return None;
    }
    let mut canvas = Canvas::new(theme);
    let palette = canvas.palette;
    canvas.line(&[Span::new("Every sample", HEADING, palette.ink)]);
    let time = Time::of(view);
    let how = format!(
        "Seconds to build, logarithmic, over {}. Lines join a variant's rounds.",
        time.words
    );
    canvas.paragraph(&how, BODY, palette.muted, 3);
    let panels = view.scenarios.iter().flat_map(|scenario| {
        let kinds = scenario.kinds.iter();
        kinds.map(move |kind| (scenario, *kind))
    });
    let panels: Vec<(&ScenarioView, BuildKind)> = panels.collect();
    for (scenario, kind) in panels.iter().take(MAX_PANELS) {
        panel(&mut canvas, view, &time, scenario, *kind);
    }
    if let Some(more) = panels.len().checked_sub(MAX_PANELS + 1) {
        let text = format!("{} more kinds of build are not drawn.", more + 1);
        canvas.paragraph(&text, BODY, palette.ink, 1);
    }
    load(&mut canvas, view, &time);
    time.named(&mut canvas);
    legend(&mut canvas, view);
    reasons(&mut canvas, view);
    canvas.paragraph(&wording::conditions(view), BODY, palette.muted, 8);
    canvas.paragraph(&wording::origin(view), BODY, palette.muted, 2);
    Some(canvas.finish(&format!(
        "Every sample of {} over the run's time",
        wording::subjects(view)
    )))
}

/// The axis from left to right: the run's time, or the order of building where that is not known.
struct Time<'v> {
    axis: Axis,
    places: BTreeMap<&'v str, f64>,
    is_time: bool,
    words: &'static str,
}

impl<'v> Time<'v> {
    fn of(view: &'v View) -> Self {
        // A run that went on later has a gap that would leave no room for the rest.
        let is_known = view.samples.iter().all(|sample| sample.began.is_some());
        let is_time = is_known && view.resumed.is_empty();
        let samples = view.samples.iter().enumerate();
        let places: BTreeMap<&str, f64> = samples
            .map(|(order, sample)| {
                let began = sample.began.filter(|_| is_time);
                (sample.id.as_str(), began.unwrap_or(order as f64 + 1.0))
            })
            .collect();
        let last = places.values().copied().fold(0.0, f64::max);
        let words = match (is_time, view.resumed.is_empty()) {
            (true, _) => "the time since the run began",
            (false, true) => "the order in which they were built",
            (false, false) => "the order in which they were built: the run was cut off and resumed",
        };
        Self {
            axis: Axis::linear(last * 1.02, (LEFT, END)),
            places,
            is_time,
            words,
        }
    }

    fn x(&self, sample: &SampleView) -> f64 {
        let place = self.places.get(sample.id.as_str());
        self.axis.place(place.copied().unwrap_or(0.0))
    }

    /// Names below the last panel: in minutes or hours, where they are many.
    fn named(&self, canvas: &mut Canvas) {
        let palette = canvas.palette;
        let last = self.places.values().copied().fold(0.0, f64::max);
        let (unit, name) = match self.is_time {
            false => (1.0, ""),
            true if last > 3.0 * 3600.0 => (3600.0, " h"),
            true if last > 180.0 => (60.0, " min"),
            true => (1.0, " s"),
        };
        let axis = Axis::linear(last * 1.02 / unit, (LEFT, END));
        let ticks = axis.ticks(5);
        let mut names = axis::names(&ticks);
        if let Some(last) = names.last_mut() {
            last.push_str(name);
        }
        for (tick, name) in ticks.iter().zip(names) {
            let x = axis.place(*tick);
            let line = Paint::line(palette.muted, 1.2);
            canvas.path(&[(x, canvas.y), (x, canvas.y + 5.0)], line);
            let name = Span::new(name, BODY, palette.muted);
            canvas.write((x, canvas.y + 22.0), Anchor::Middle, &[name]);
        }
        canvas.y += 34.0;
    }
}

/// The samples of one kind of a scenario.
fn panel(
    canvas: &mut Canvas,
    view: &View,
    time: &Time<'_>,
    scenario: &ScenarioView,
    kind: BuildKind,
) {
    let palette = canvas.palette;
    let of = view.samples.iter();
    let of = of.filter(|sample| sample.kind == kind && sample.scenario == scenario.name);
    let samples: Vec<&SampleView> = of.take(MAX_SAMPLES).collect();
    let built = samples
        .iter()
        .filter(|sample| sample.outcome == Outcome::Ok);
    let seconds = built.map(|sample| sample.seconds.max(1e-3));
    let range = seconds.fold(None, |range: Option<(f64, f64)>, at| {
        let (low, high) = range.unwrap_or((at, at));
        Some((low.min(at), high.max(at)))
    });
    let mut heading = vec![Span::new(kind.to_string(), BOLD, palette.ink)];
    if view.scenarios.len() > 1 {
        let name = escape::columns(&scenario.name, 40);
        heading.insert(0, Span::new(format!("{name}, "), BOLD, palette.ink));
    }
    canvas.y += 6.0;
    canvas.line(&heading);
    let (top, bottom) = (canvas.y + 12.0, canvas.y + PANEL);
    canvas.y = bottom + 6.0;
    canvas.path(
        &[(LEFT, bottom), (END, bottom)],
        Paint::line(palette.muted, 1.2),
    );
    let (low, high) = range.unwrap_or((0.5, 2.0));
    let axis = Axis::log(low / 1.25, high * 1.25, (bottom, top));
    for tick in axis.ticks(4) {
        let y = axis.place(tick);
        canvas.path(&[(LEFT, y), (END, y)], Paint::line(palette.grid, 1.0));
        // The last name has no room above the panel's own heading.
        let name = Span::new(format!("{} s", axis::log_name(tick)), BODY, palette.muted);
        canvas.write((LEFT - 8.0, y + 6.0), Anchor::End, &[name]);
    }
    let first = usize::from(scenario.reference().is_none());
    for (place, variant) in scenario.variants.iter().enumerate() {
        let of = samples
            .iter()
            .filter(|sample| sample.variant == variant.name);
        let of: Vec<&&SampleView> = of.collect();
        let colour = palette.variant(first + place);
        let joined: Vec<Point> = of
            .iter()
            .filter(|sample| sample.counts())
            .map(|sample| (time.x(sample), axis.place(sample.seconds)))
            .collect();
        if joined.len() > 1 {
            canvas.path(&joined, Paint::line(colour, 1.5));
        }
        for sample in of {
            let y = axis.place(sample.seconds);
            let (mark, paint, y) = match (sample.outcome, &sample.dropped) {
                (Outcome::Ok, None) => {
                    let paint = Paint::filled(colour).outlined(palette.background, 1.0);
                    (MARKS[place % MARKS.len()], paint, y)
                }
                (Outcome::Ok, Some(_)) => {
                    let paint = Paint::filled(palette.background).outlined(colour, 2.0);
                    (MARKS[place % MARKS.len()], paint, y)
                }
                // It has no time that could be compared: it stands at the bottom.
                _ => (Mark::Cross, Paint::line(palette.failed, 2.0), bottom - 8.0),
            };
            canvas.titled(&told(sample), |canvas| {
                canvas.mark(mark, (time.x(sample), y), MARK, paint);
            });
        }
    }
    if range.is_none() {
        let text = Span::new("no times", BODY, palette.muted);
        canvas.write(
            (f64::midpoint(LEFT, END), f64::midpoint(top, bottom)),
            Anchor::Middle,
            &[text],
        );
    }
}

/// What a mouse over a sample shows.
fn told(sample: &SampleView) -> String {
    let mut parts = vec![format!(
        "{}: {} {}, round {}",
        sample.id, sample.variant, sample.kind, sample.round
    )];
    parts.push(match sample.outcome {
        Outcome::Ok => number::seconds(sample.seconds),
        outcome => format!("{outcome} after {}", number::seconds(sample.seconds)),
    });
    parts.extend(sample.dropped.iter().map(|why| format!("dropped: {why}")));
    parts.extend(sample.disturbances.iter().take(3).cloned());
    parts.join("; ")
}

/// How busy the machine was before each sample, and what the hypervisor took meanwhile.
fn load(canvas: &mut Canvas, view: &View, time: &Time<'_>) {
    let limits = view.rules.contamination;
    /// What it is, a sample's share of it, and the share from which on a round is dropped.
    type Strip = (&'static str, fn(&SampleView) -> Option<f64>, Option<f64>);
    let strips: [Strip; 2] = [
        (
            "CPU busy just before",
            |sample| sample.busy_before,
            limits.map(|limits| limits.busy_before),
        ),
        (
            "CPU steal meanwhile",
            |sample| sample.steal,
            limits.map(|limits| limits.steal),
        ),
    ];
    for (name, share, limit) in strips {
        let known = view.samples.iter().filter_map(|sample| {
            let share = share(sample).filter(|share| share.is_finite())?;
            Some((sample, share.clamp(0.0, 1.0)))
        });
        let known: Vec<(&SampleView, f64)> = known.take(4 * MAX_SAMPLES).collect();
        if known.is_empty() {
            continue;
        }
        let max = known.iter().map(|(_, share)| *share).fold(0.0, f64::max);
        strip(canvas, time, (name, max), &known, limit);
    }
}

fn strip(
    canvas: &mut Canvas,
    time: &Time<'_>,
    (name, max): (&str, f64),
    known: &[(&SampleView, f64)],
    limit: Option<f64>,
) {
    let palette = canvas.palette;
    canvas.y += 4.0;
    let mut text = vec![
        Span::new(name, BOLD, palette.ink),
        Span::new(
            format!("  max {}", number::percentage(max)),
            BODY,
            palette.muted,
        ),
    ];
    if let Some(limit) = limit {
        let words = format!(", limit {}", number::percentage(limit));
        text.push(Span::new(words, BODY, palette.muted));
    }
    canvas.line(&text);
    let (top, bottom) = (canvas.y + 2.0, canvas.y + STRIP);
    canvas.y = bottom + 6.0;
    let axis = Axis::linear(max.max(limit.unwrap_or(0.05)) * 1.1, (bottom, top));
    canvas.path(
        &[(LEFT, bottom), (END, bottom)],
        Paint::line(palette.muted, 1.2),
    );
    for (sample, share) in known {
        let is_over = limit.is_some_and(|limit| *share > limit);
        let colour = match is_over {
            true => palette.failed,
            false => palette.other_steps[1],
        };
        let (x, y) = (time.x(sample), axis.place(*share));
        let tooltip = format!("{}: {}", sample.id, number::percentage(*share));
        canvas.titled(&tooltip, |canvas| {
            canvas.rect((x - 1.5, y), 3.0, bottom - y, Paint::filled(colour));
        });
    }
    if let Some(limit) = limit {
        let y = axis.place(limit);
        let line = Paint::line(palette.ink, 1.2).dashed();
        canvas.path(&[(LEFT, y), (END, y)], line);
    }
}

/// Which mark is which variant, and what hollow marks and crosses are.
fn legend(canvas: &mut Canvas, view: &View) {
    let palette = canvas.palette;
    let mut entries: Vec<(Mark, Paint, String)> = Vec::new();
    let mut seen = BTreeSet::new();
    for scenario in &view.scenarios {
        let first = usize::from(scenario.reference().is_none());
        let names: Vec<&str> = scenario.variants.iter().map(|v| v.name.as_str()).collect();
        let labels = BODY.distinct(&names, 220.0);
        for (place, (name, label)) in names.iter().zip(labels).enumerate() {
            if seen.insert((place, *name)) && seen.len() <= 16 {
                let paint = Paint::filled(palette.variant(first + place));
                entries.push((MARKS[place % MARKS.len()], paint, label));
            }
        }
    }
    let hollow = Paint::filled(palette.background).outlined(palette.ink, 2.0);
    if view.samples.iter().any(|sample| sample.dropped.is_some()) {
        entries.push((Mark::Circle, hollow, "hollow: round dropped".to_owned()));
    }
    if view
        .samples
        .iter()
        .any(|sample| sample.outcome != Outcome::Ok)
    {
        let paint = Paint::line(palette.failed, 2.0);
        entries.push((Mark::Cross, paint, "not built".to_owned()));
    }
    canvas.y += 4.0;
    let mut x = MARGIN;
    for (mark, paint, words) in entries {
        let width = 22.0 + BODY.width(&words) + 16.0;
        if x > MARGIN && x + width > RIGHT {
            x = MARGIN;
            canvas.y += 24.0;
        }
        canvas.mark(mark, (x + 8.0, canvas.y + 11.0), MARK + 1.0, paint);
        let words = Span::new(words, BODY, palette.ink);
        canvas.write((x + 22.0, canvas.y + 17.0), Anchor::Start, &[words]);
        x += width;
    }
    canvas.y += 30.0;
}

/// Why rounds were dropped.
fn reasons(canvas: &mut Canvas, view: &View) {
    let palette = canvas.palette;
    for dropped in view.dropped.iter().take(MAX_REASONS) {
        let of = match view.scenarios.len() {
            1 => String::new(),
            _ => format!(" of {}", escape::terminal(&dropped.scenario, 60)),
        };
        let reason = escape::terminal(&dropped.reason, 200);
        let text = format!("Round {}{of} was dropped: {reason}.", dropped.round);
        canvas.paragraph(&text, BODY, palette.ink, 4);
    }
    if let Some(more) = view.dropped.len().checked_sub(MAX_REASONS + 1) {
        let text = format!("{} more rounds were dropped.", more + 1);
        canvas.paragraph(&text, BODY, palette.ink, 1);
    }
}
