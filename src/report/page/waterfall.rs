//! Steps of builds as a table with a bar each: when the step was worked on, and
//! when it was on the critical path. A bar is in milliseconds, so zooming it is
//! showing another part of it.

use std::cmp::Reverse;
use std::fmt::Write;
use std::time::Duration;

use askama::Template;

use super::super::explanation::{short_instruction, waited};
use super::super::number;
use crate::escape;
use crate::explain::{Explanation, Interval, StepFacts, StepKind};

/// Intervals of a step, and parts of the critical path, that are drawn.
const MAX_PARTS: usize = 60;
/// What a step waited for that is told of it.
const MAX_WAITS: usize = 4;
/// Columns of a step's instruction.
const MAX_INSTRUCTION: usize = 100;
/// Columns of a stage's, node's or platform's name.
const MAX_NAME: usize = 24;

/// Builds on one time axis.
#[derive(Template)]
#[template(path = "waterfall.html")]
pub(super) struct Waterfall {
    /// What a screen reader calls it.
    pub(super) label: String,
    /// Whether a click on a heading sorts the steps: of one build.
    pub(super) sorts: bool,
    /// Length of the axis, milliseconds.
    pub(super) span: u128,
    /// What stands in the middle of the axis.
    pub(super) middle: String,
    /// What stands at its end.
    pub(super) end: String,
    /// The builds, from top to bottom.
    pub(super) builds: Vec<Build>,
}

/// A build of a waterfall.
pub(super) struct Build {
    /// What it is, where there are several.
    title: Option<String>,
    /// Where all of its steps are, where these are not all.
    anchor: Option<String>,
    time: String,
    bar: String,
    steps: Vec<StepRow>,
    hidden: usize,
}

struct StepRow {
    class: String,
    name: String,
    platform: String,
    kind: &'static str,
    time: String,
    /// What it waited for.
    waited: Vec<String>,
    bar: String,
}

impl Waterfall {
    /// All steps of one build, but for the shortest beyond `max`.
    pub(super) fn of_sample(label: String, explanation: &Explanation, max: usize) -> Self {
        let span = explanation.span;
        let build = Build::new(explanation, span, Duration::ZERO, max);
        Self::new(label, span, vec![build], true)
    }

    /// The steps that matter of several builds: each with its title, and the
    /// anchor of all of its steps.
    pub(super) fn of_builds(
        label: String,
        explained: &[(String, Option<String>, &Explanation)],
        max: usize,
    ) -> Self {
        /// Share of the longest build from which on a step has a row.
        const WORTH_SHOWING: f64 = 0.01;
        let spans = explained.iter().map(|(.., explanation)| explanation.span);
        let span = spans.max().unwrap_or_default();
        let least = span.mul_f64(WORTH_SHOWING);
        let builds = explained.iter().map(|(title, anchor, explanation)| {
            let mut build = Build::new(explanation, span, least, max);
            build.title = Some(title.clone());
            build.anchor.clone_from(anchor);
            build
        });
        Self::new(label, span, builds.collect(), false)
    }

    fn new(label: String, span: Duration, builds: Vec<Build>, sorts: bool) -> Self {
        let seconds = span.as_secs_f64();
        Self {
            label,
            sorts,
            span: span.as_millis().max(1),
            middle: number::seconds(seconds / 2.0),
            end: number::seconds(seconds),
            builds,
        }
    }
}

impl Build {
    fn new(explanation: &Explanation, span: Duration, least: Duration, max: usize) -> Self {
        let mut shown: Vec<usize> = (0..explanation.steps.len()).collect();
        shown.retain(|place| {
            let step = &explanation.steps[*place];
            let has_waited = !step.waited_for_cache.is_empty();
            step.busy >= least || step.error.is_some() || has_waited
        });
        shown.sort_by_key(|place| Reverse(explanation.steps[*place].busy));
        shown.truncate(max);
        // In the order in which they began.
        shown.sort_unstable();
        let hidden = explanation.steps.len() - shown.len();
        let rows = shown.iter().map(|place| row(explanation, *place, span));
        let whole = Interval {
            start: Duration::ZERO,
            end: explanation.span,
        };
        Self {
            title: None,
            anchor: None,
            time: number::seconds(explanation.span.as_secs_f64()),
            bar: bar(
                span,
                THIN,
                std::iter::once(&whole),
                std::iter::empty(),
                std::iter::empty(),
            ),
            steps: rows.collect(),
            hidden,
        }
    }
}

fn row(explanation: &Explanation, place: usize, span: Duration) -> StepRow {
    let step = &explanation.steps[place];
    let on_path = explanation.critical_path.iter();
    let on_path = on_path.filter(|part| part.step == Some(place));
    let waits = step.waited_for_cache.iter().take(MAX_WAITS);
    StepRow {
        class: class(step),
        name: name(step),
        platform: platform(step),
        kind: kind(step),
        time: time(step),
        waited: waits.map(|wait| waited(wait, &explanation.steps)).collect(),
        bar: bar(
            span,
            shape(step.kind),
            step.intervals.iter(),
            step.waited_for_cache.iter().map(|wait| &wait.time),
            on_path.map(|part| &part.time),
        ),
    }
}

fn class(step: &StepFacts) -> String {
    let mut class = step.kind.as_str().to_owned();
    if step.error.is_some() && !step.cancelled {
        class.push_str(" failed");
    } else if step.cached {
        class.push_str(" cached");
    }
    class
}

/// `build 4/4 RUN … go build`.
fn name(step: &StepFacts) -> String {
    let mut name = String::new();
    if let Some(stage) = &step.stage {
        let _ = write!(name, "{} ", escape::columns(stage, MAX_NAME));
    }
    if let Some((position, count)) = step.position {
        let _ = write!(name, "{position}/{count} ");
    }
    name + &short_instruction(&step.instruction, MAX_INSTRUCTION)
}

/// `linux/arm64`, `linux/amd64 → linux/arm64`, `farm1, linux/arm64`.
fn platform(step: &StepFacts) -> String {
    let node = step
        .node
        .as_deref()
        .map(|node| escape::columns(node, MAX_NAME));
    let runs = step.platform.as_ref().map(ToString::to_string);
    let target = step.target.as_ref().map(ToString::to_string);
    let runs = match (runs, target) {
        (Some(runs), Some(target)) if runs != target => Some(format!("{runs} → {target}")),
        (runs, target) => runs.or(target),
    };
    let parts: Vec<String> = node.into_iter().chain(runs).collect();
    parts.join(", ")
}

fn kind(step: &StepFacts) -> &'static str {
    match step.kind {
        StepKind::EmulatedRun => "emulated",
        StepKind::NativeRun => "native",
        StepKind::CrossRun => "cross",
        StepKind::UnknownRun => "native or emulated",
        kind => kind.describe(),
    }
}

fn time(step: &StepFacts) -> String {
    match (&step.error, step.cached) {
        (Some(_), _) if step.cancelled => "cancelled".to_owned(),
        (Some(_), _) => "failed".to_owned(),
        (None, true) => "cached".to_owned(),
        (None, false) if step.unfinished => "unfinished".to_owned(),
        (None, false) => number::seconds(step.busy.as_secs_f64()),
    }
}

/// Where a bar begins from the top, and how high it is, in ninths of its row.
type Shape = (u32, u32);

const FULL: Shape = (0, 6);
const THIN: Shape = (2, 3);

/// Without colours, too, a RUN is told from what BuildKit does itself.
fn shape(kind: StepKind) -> Shape {
    match kind.is_run() {
        true => FULL,
        false => THIN,
    }
}

/// Times within a build as a picture as wide as its column, on an axis from 0 to
/// `span`; between them, thin, those in which it waited, and below them those of `critical`.
fn bar<'i>(
    span: Duration,
    shape: Shape,
    worked: impl Iterator<Item = &'i Interval>,
    waited: impl Iterator<Item = &'i Interval>,
    critical: impl Iterator<Item = &'i Interval>,
) -> String {
    let mut paths = String::new();
    let mut draw = |class: &str, path: String| {
        if !path.is_empty() {
            let _ = write!(paths, "<path{class} d=\"{path}\"/>");
        }
    };
    draw("", path(worked, shape));
    draw(" class=\"waited\"", path(waited, (3, 1)));
    draw(" class=\"critical\"", path(critical, (7, 1)));
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 {} 9\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\">{paths}</svg>",
        span.as_millis().max(1)
    )
}

/// A box for each interval; those of no width are drawn by their outline.
fn path<'i>(times: impl Iterator<Item = &'i Interval>, (y, height): Shape) -> String {
    let mut path = String::new();
    for time in times.take(MAX_PARTS) {
        let (start, end) = (time.start.as_millis(), time.end.as_millis());
        let width = end.saturating_sub(start);
        let _ = write!(path, "M{start} {y}h{width}v{height}h-{width}z");
    }
    path
}
