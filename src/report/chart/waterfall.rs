//! Waterfalls: the steps of one build over its time, by platform, with the critical path; and two
//! builds, one below the other, on one axis.

mod legend;
mod paint;
mod steps;

use super::axis::{self, Axis};
use super::canvas::{Anchor, BODY, BOLD, Canvas, HEADING, MARGIN, Paint, RIGHT, Span};
use super::palette::{Colour, Palette, Theme};
use crate::escape;
use crate::explain::Explanation;
use crate::report::explanation::{Subject, capitalised, culprit, failure, groups, on_clock};
use crate::report::number;
use legend::legend;

/// Steps that a waterfall shows.
const MAX_ROWS: usize = 30;
/// Steps that each of two builds shows.
const MAX_ROWS_OF_PAIR: usize = 8;
/// Share of the longer build from which on a step is shown there.
const WORTH_SHOWING_IN_PAIR: f64 = 0.01;

/// The waterfall of one build. Text from outside is made safe and bounded, and so is the number of
/// rows.
pub fn waterfall(subject: &Subject, explanation: &Explanation, theme: Theme) -> String {
    let mut canvas = Canvas::new(theme);
    let palette = canvas.palette;
    canvas.paragraph(&subject.title, HEADING, palette.ink, 2);
    facts(&mut canvas, subject, explanation);
    let axis = over(&[explanation]);
    let (top, layer) = named(&mut canvas, &axis);
    steps::critical_path(&mut canvas, &axis, explanation);
    let (groups, hidden) = groups(explanation, MAX_ROWS);
    for group in &groups {
        steps::group(&mut canvas, &axis, group, explanation);
    }
    hidden_steps(&mut canvas, hidden);
    steps::concurrency(&mut canvas, &axis, explanation);
    grid(&mut canvas, &axis, layer, top);
    legend(&mut canvas, &[explanation]);
    canvas.finish(&format!("Waterfall of {}", subject.title))
}

/// Two builds on one time axis, the first above the second: each with its critical path and the
/// steps that take longest.
pub fn waterfall_pair(
    first: (&Subject, &Explanation),
    second: (&Subject, &Explanation),
    theme: Theme,
) -> String {
    let mut canvas = Canvas::new(theme);
    let palette = canvas.palette;
    let heading = "Two builds on one time axis";
    canvas.line(&[Span::new(heading, HEADING, palette.ink)]);
    let axis = over(&[first.1, second.1]);
    let (top, layer) = named(&mut canvas, &axis);
    let least = first
        .1
        .span
        .max(second.1.span)
        .mul_f64(WORTH_SHOWING_IN_PAIR);
    for (subject, explanation) in [first, second] {
        canvas.y += 6.0;
        let time = seconds(explanation);
        let room = RIGHT - MARGIN - BOLD.width(&format!(": {time}"));
        let title = BOLD.cut(&subject.title, room);
        canvas.line(&[Span::new(format!("{title}: {time}"), BOLD, palette.ink)]);
        for (colour, text) in problems(explanation, palette) {
            canvas.paragraph(&text, BODY, colour, 2);
        }
        steps::critical_path(&mut canvas, &axis, explanation);
        let (groups, mut hidden) = groups(explanation, MAX_ROWS_OF_PAIR);
        for mut group in groups {
            let all = group.rows.len();
            group
                .rows
                .retain(|row| row.step.error.is_some() || row.step.busy >= least);
            hidden += all - group.rows.len();
            if !group.rows.is_empty() {
                steps::group(&mut canvas, &axis, &group, explanation);
            }
        }
        hidden_steps(&mut canvas, hidden);
        canvas.y += 8.0;
    }
    grid(&mut canvas, &axis, layer, top);
    legend(&mut canvas, &[first.1, second.1]);
    canvas.finish(&format!(
        "Waterfalls on one time axis: {}, {}; {}, {}",
        escape::terminal(&first.0.title, 120),
        seconds(first.1),
        escape::terminal(&second.0.title, 120),
        seconds(second.1)
    ))
}

fn seconds(explanation: &Explanation) -> String {
    number::seconds(explanation.span.as_secs_f64())
}

/// How long it took, on what, and who is to blame.
fn facts(canvas: &mut Canvas, subject: &Subject, explanation: &Explanation) {
    let palette = canvas.palette;
    let mut facts = format!("{} {}", seconds(explanation), on_clock(explanation.clock));
    if let Some(wall) = subject.wall {
        let wall = number::seconds(wall.as_secs_f64());
        facts.push_str(&format!(", {wall} on the client's"));
    }
    let parts: Vec<String> = explanation
        .make_up
        .iter()
        .filter(|part| part.share >= 0.0005)
        .map(|part| format!("{} {}", part.activity.describe(), number::share(part.share)))
        .collect();
    if !parts.is_empty() {
        facts.push_str(&format!(". Critical path: {}", parts.join(", ")));
    }
    canvas.paragraph(&facts, BODY, palette.muted, 5);
    if let Some(sentence) = culprit(explanation) {
        let text = format!("{}.", capitalised(&sentence));
        canvas.paragraph(&text, BODY, palette.ink, 5);
    }
    for (colour, text) in problems(explanation, palette) {
        canvas.paragraph(&text, BODY, colour, 4);
    }
}

/// What a reader must know of a build or its recording that is not whole.
fn problems(explanation: &Explanation, palette: &Palette) -> Vec<(Colour, String)> {
    let mut problems = Vec::new();
    if let Some(text) = failure(explanation) {
        let text = text.strip_prefix("it ").map(|rest| format!("It {rest}"));
        problems.extend(text.map(|text| (palette.failed, text)));
    }
    if !explanation.complete {
        let text = "Incomplete: the recording was cut off, or steps had not ended.";
        problems.push((palette.failed, text.to_owned()));
    }
    if explanation.node.is_none() {
        let text = "Emulated steps are unknown: a recording does not name the CPU.";
        problems.push((palette.failed, text.to_owned()));
    }
    problems
}

/// The axis that the builds have room on.
fn over(explanations: &[&Explanation]) -> Axis {
    let spans = explanations.iter().map(|e| e.span.as_secs_f64());
    Axis::linear(spans.fold(0.0, f64::max), (MARGIN, RIGHT))
}

/// The names of the axis' ticks, and where what they are for begins.
fn named(canvas: &mut Canvas, axis: &Axis) -> (f64, usize) {
    let (palette, y) = (canvas.palette, canvas.y + 24.0);
    for (at, name) in ticks(axis) {
        let name = Span::new(name, BODY, palette.muted);
        canvas.write((axis.place(at), y), Anchor::Middle, &[name]);
    }
    canvas.y = y + 8.0;
    (canvas.y, canvas.layer())
}

fn ticks(axis: &Axis) -> Vec<(f64, String)> {
    let ticks = axis.ticks(6);
    let mut names = axis::names(&ticks);
    if let Some(last) = names.last_mut() {
        last.push_str(" s");
    }
    ticks.into_iter().zip(names).collect()
}

fn grid(canvas: &mut Canvas, axis: &Axis, layer: usize, top: f64) {
    let bottom = canvas.y;
    canvas.below(layer, |canvas| {
        let line = Paint::line(canvas.palette.grid, 1.0);
        for (at, _) in ticks(axis) {
            let x = axis.place(at);
            canvas.path(&[(x, top), (x, bottom)], line);
        }
    });
}

fn hidden_steps(canvas: &mut Canvas, hidden: usize) {
    let text = match hidden {
        0 => return,
        1 => "1 short step hidden".to_owned(),
        hidden => format!("{hidden} short steps hidden"),
    };
    canvas.paragraph(&text, BODY, canvas.palette.muted, 1);
}
