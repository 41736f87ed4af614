//! `headline.svg`: what a second platform and an edit cost each variant, in
//! one picture that can be pasted into a pull request.

mod area;
mod panel;
pub(super) mod style;

use plotters::prelude::*;

use super::sentence::sentence;
use super::view::{ScenarioView, View};
use super::words::join;
use super::wrap::wrap;
use crate::escape;
use area::{Area, Drawn};
use style::{INK, MUTED, label};

/// Width of the picture, pixels: what a pull request shows.
const WIDTH: u32 = 900;
/// Height of a scenario's panels.
const PANELS: u32 = 330;
/// Height of a scenario's title.
const TITLE: u32 = 38;
/// Height of a line of small text.
const LINE: u32 = 18;
/// Characters of small text in a line.
const LINE_CHARS: usize = 128;
/// Characters of the headline in a line.
const HEADLINE_CHARS: usize = 100;
/// Scenarios shown; the summary has all.
const MAX_SCENARIOS: usize = 6;
/// Left and right margin.
const MARGIN: i32 = 22;

/// The chart of a run as an SVG document, 900 pixels wide. Text from outside
/// is escaped and bounded.
pub fn svg(view: &View) -> String {
    let scenarios = &view.scenarios[..view.scenarios.len().min(MAX_SCENARIOS)];
    let headline = lines(&sentence(view), HEADLINE_CHARS, 8);
    let footnote = lines(&footnote(view), LINE_CHARS, 6);
    let text_height = LINE * (headline.len() + footnote.len()) as u32;
    let height = 16 + text_height + (TITLE + PANELS) * scenarios.len().max(1) as u32 + 22;
    let mut out = String::new();
    if let Err(error) = draw(&mut out, height, scenarios, &headline, &footnote) {
        // Drawing to memory does not fail; should it, the file says so.
        out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"40\"><text x=\"10\" y=\"25\">{}</text></svg>\n",
            escape::html(&format!("the chart could not be drawn: {error}"))
        );
    }
    with_title(&out, &sentence(view))
}

fn draw(
    out: &mut String,
    height: u32,
    scenarios: &[ScenarioView],
    headline: &[String],
    footnote: &[String],
) -> Drawn {
    let root = SVGBackend::with_string(out, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut y = 14;
    for line in headline {
        root.draw(&Text::new(
            line.clone(),
            (MARGIN, y),
            label(17, &INK).bold(),
        ))?;
        y += LINE as i32;
    }
    for scenario in scenarios {
        draw_scenario(&root, scenario, y)?;
        y += (TITLE + PANELS) as i32;
    }
    y += 10;
    for line in footnote {
        root.draw(&Text::new(line.clone(), (MARGIN, y), label(14, &MUTED)))?;
        y += LINE as i32;
    }
    root.present()?;
    Ok(())
}

fn draw_scenario(root: &Area<'_>, scenario: &ScenarioView, y: i32) -> Drawn {
    let title = if scenario.title.is_empty() {
        scenario.name.clone()
    } else {
        format!("{}: {}", scenario.name, scenario.title)
    };
    let title = escape::columns(&title, 100);
    root.draw(&Text::new(title, (MARGIN, y + 14), label(15, &MUTED)))?;
    let top = y as u32 + TITLE;
    let area = root.clone().shrink((0, top), (WIDTH, PANELS));
    let (left, right) = area.split_horizontally(WIDTH * 11 / 20);
    panel::platforms(&left, scenario)?;
    panel::rebuilds(&right, scenario)?;
    Ok(())
}

/// What a reader must know to believe the picture.
fn footnote(view: &View) -> String {
    let mut parts = Vec::new();
    let versions = [
        ("Docker Engine", &view.builder.engine_version),
        ("BuildKit", &view.builder.buildkit_version),
    ];
    for value in view.matrix.iter().take(4) {
        parts.push(escape::terminal(&value.describe(), 120));
    }
    let versions = versions.into_iter().filter(|_| view.matrix.is_empty());
    for (name, version) in versions {
        if let Some(version) = version.as_ref().filter(|version| !version.is_empty()) {
            parts.push(format!("{name} {}", escape::terminal(version, 40)));
        }
    }
    if let Some(cpu) = view.host.cpu_model.as_ref().filter(|cpu| !cpu.is_empty()) {
        parts.push(escape::terminal(cpu, 60));
    }
    if let Some(cores) = view.host.cores {
        parts.push(format!("{cores} cores"));
    }
    let emulators = view.emulators.iter().filter(|_| view.matrix.is_empty());
    for emulator in emulators.take(4) {
        parts.push(escape::terminal(&emulator.describe(), 60));
    }
    if let Some(nodes) = view.describe_nodes() {
        parts.push(escape::columns(&format!("nodes: {nodes}"), 80));
    }
    let n = view.n();
    parts.push(match n {
        0 => "no times".to_owned(),
        1 => "n=1 (1 round: no interval)".to_owned(),
        _ => format!("n={n}: medians, lines from min to max; ratios are of pairs"),
    });
    parts.push(format!("seed {}", view.seed));
    if !view.failures.is_empty() {
        let (failed, measured) = (view.failures.len(), view.measured);
        parts.push(format!("{failed} of {measured} builds failed"));
    }
    if view.unfinished().is_some() {
        let word = match view.interrupted {
            0 => "unfinished",
            _ => "interrupted",
        };
        let built = view.measured - view.interrupted;
        parts.push(format!("{word}: {built} of {} samples", view.planned));
    }
    let mut text = parts.join(" · ");
    let stand_ins = view.stand_ins();
    if !stand_ins.is_empty() {
        let names = stand_ins
            .iter()
            .take(4)
            .map(|name| escape::terminal(name, 60));
        text.push_str(&format!(
            "\nBase images are stand-ins made from Debian packages, not the official ones: {}",
            join(names)
        ));
    }
    text.push_str(&format!(
        "\nbuildrace {}, run {}",
        escape::terminal(&view.buildrace, 40),
        escape::terminal(&view.run, 80)
    ));
    text
}

/// Lines of at most `columns`, the last of `max` lines ending in `…` where
/// there would be more.
fn lines(text: &str, columns: usize, max: usize) -> Vec<String> {
    let lines = wrap(text, columns);
    let more = lines.len() > max;
    let lines = lines.iter().take(max);
    let mut lines: Vec<String> = lines.map(|line| escape::columns(line, columns)).collect();
    if more && let Some(last) = lines.last_mut() {
        last.push('…');
    }
    lines
}

/// Gives the document a title, which screen readers read.
fn with_title(document: &str, title: &str) -> String {
    let lines: Vec<String> = title.lines().take(8).map(escape::html).collect();
    match document
        .find("<svg")
        .and_then(|at| document[at..].find('>').map(|end| at + end + 1))
    {
        Some(at) => format!(
            "{}\n<title>{}</title>{}",
            &document[..at],
            lines.join(" "),
            &document[at..]
        ),
        None => document.to_owned(),
    }
}
