//! `index.html`: a run as one page that holds all it needs. It loads nothing,
//! reads without its script, prints, and is light or dark as the screen is.
//!
//! A file a section turns the view into texts that are fit to be shown, and the
//! templates beside them put those in their places, escaped.

mod anchors;
mod check;
mod frame;
mod jobs;
mod links;
mod method;
mod picture;
mod reasons;
mod samples;
mod times;
mod waterfall;

#[cfg(test)]
mod outline;
#[cfg(test)]
pub(super) use outline::outline;
#[cfg(test)]
mod tests;

use askama::Template;

use super::chart::{self, Theme};
use super::environment::{cpu, moment};
use super::prose::Piece;
use super::sentence::sentence;
use super::view::View;
use super::words::join;
use super::{figures, questions, reading, round_summary};
use crate::escape;
use crate::explain::RunExplanation;
use anchors::Anchors;
pub(super) use anchors::is_plain;
use check::Check;
pub(super) use frame::{FRAME, Frame, rendered};
use jobs::Jobs;
pub use links::PageLinks;
use method::{Edit, Failure, Row};
use picture::figure;
pub(super) use picture::inlined;
use reasons::Reasons;
use samples::{SampleSteps, ScenarioSamples};
use times::Times;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    frame: &'a Frame,
    title: String,
    sentences: Vec<String>,
    /// What a reader must know of the run before its figures.
    notes: Vec<String>,
    /// Run, time and machine in a line.
    facts: String,
    check: Option<Check>,
    headline: String,
    /// Further charts, as far as there is something to draw.
    forest: Option<String>,
    ladder: Option<String>,
    course: Option<String>,
    times: Vec<Times>,
    jobs: Vec<Jobs>,
    rolled_up: Vec<String>,
    reading: Vec<String>,
    reasons: Vec<Reasons>,
    questions: Vec<Row>,
    edits: Vec<Edit>,
    failures: Vec<Failure>,
    more_failures: usize,
    failure_rates: Vec<String>,
    environment: Vec<Row>,
    samples: Vec<ScenarioSamples>,
    steps: Vec<SampleSteps>,
    /// Samples with a trace whose steps are left out.
    hidden_steps: usize,
    repeat: Repeat,
    buildrace: String,
    run: String,
}

/// How to make the run again.
struct Repeat {
    intro: String,
    command: String,
    commit: Option<String>,
}

/// The page of a run as HTML. Text from outside is escaped and bounded.
pub fn page(view: &View, explained: &RunExplanation, links: &PageLinks) -> String {
    let anchors = Anchors::new(view, explained);
    let names = view.scenarios.iter().map(|s| escape::columns(&s.name, 48));
    let (failures, more_failures) = method::failures(view);
    let steps = samples::steps(view, explained, &anchors, links);
    let scenarios = view.scenarios.iter().enumerate();
    let page = Page {
        frame: &FRAME,
        title: match view.scenarios.is_empty() {
            true => "buildrace".to_owned(),
            false => join(names),
        },
        sentences: sentence(view).lines().map(str::to_owned).collect(),
        notes: notes(view),
        facts: facts(view),
        check: view.check.as_ref().map(check::check),
        headline: figure(&chart::headline(view, Theme::Light), figures::HEADLINE),
        forest: chart::forest(view, Theme::Light).map(|svg| figure(&svg, figures::FOREST)),
        ladder: chart::ladder(view, Theme::Light).map(|svg| figure(&svg, figures::LADDER)),
        course: chart::samples(view, Theme::Light).map(|svg| figure(&svg, figures::SAMPLES)),
        times: scenarios
            .map(|(at, s)| times::times(s, at, &anchors))
            .collect(),
        jobs: jobs::jobs(view),
        rolled_up: view.roll_up.iter().map(round_summary::rolled_up).collect(),
        reading: reading(view),
        reasons: reasons::reasons(&view.scenarios, explained, &anchors),
        questions: method::questions(view),
        edits: method::edits(view),
        failures,
        more_failures,
        failure_rates: method::failure_rates(view),
        environment: method::environment(view),
        samples: samples::samples(view, explained, &anchors),
        hidden_steps: explained.samples.len() - steps.len(),
        steps,
        repeat: repeat(view),
        buildrace: escape::bounded(&view.buildrace),
        run: escape::bounded(&view.run),
    };
    rendered(&page)
}

fn notes(view: &View) -> Vec<String> {
    let mut notes: Vec<String> = view.unfinished().into_iter().collect();
    let left_out = view.left_out.iter();
    notes.extend(left_out.map(|out| format!("Left out: {}.", escape::bounded(&out.describe()))));
    let values = view.matrix.iter();
    notes.extend(values.map(|value| format!("{}.", escape::bounded(&value.describe()))));
    notes
}

fn facts(view: &View) -> String {
    let rounds = match view.rounds {
        1 => "1 round".to_owned(),
        rounds => format!("{rounds} rounds"),
    };
    [
        format!("Run {}", escape::bounded(&view.run)),
        moment(&view.started),
        rounds,
        format!("{} samples", view.measured),
        escape::bounded(&cpu(view)),
        format!("buildrace {}", escape::columns(&view.buildrace, 40)),
    ]
    .join(" · ")
}

fn reading(view: &View) -> Vec<String> {
    let lines = reading::figures(view)
        .into_iter()
        .chain(reading::certainty(view));
    lines.map(|line| escape::bounded(&line)).collect()
}

fn repeat(view: &View) -> Repeat {
    let suite = match &view.suite {
        Some(suite) => format!(", the suite {},", escape::bounded(suite)),
        None => String::new(),
    };
    let buildrace = escape::bounded(&view.buildrace);
    Repeat {
        intro: format!("Repeat it{suite} with buildrace {buildrace}, in the same order:"),
        command: escape::terminal(&questions::command(view), 4000),
        commit: view.commit.as_ref().map(|commit| escape::bounded(commit)),
    }
}
