//! A waterfall of one build as SVG: lanes by platform, a row for each step
//! that matters, the critical path over and under them.
//!
//! The elements are written by hand: plotters, which draws the headline chart,
//! has no patterns and no tooltips.

use std::fmt::Write;

use plotters::style::RGBColor;

use super::super::number;
use super::super::svg::style::{BLUES, GRID, INK, MUTED, RED, YELLOW};
use super::super::wrap::wrap;
use super::Subject;
use super::build::failure;
use super::culprit::{capitalised, culprit};
use super::rows::{Group, Row, groups};
use super::scale::Scale;
use super::text::short_instruction;
use crate::escape;
use crate::explain::{Explanation, Interval, StepFacts, StepKind};

/// Width of the picture, pixels: what a pull request shows.
const WIDTH: f64 = 900.0;
const MARGIN: f64 = 22.0;
/// Where the time axis begins and ends.
const LEFT: f64 = 330.0;
const RIGHT: f64 = 820.0;
/// Height of a step's row, and of its bar.
const ROW: f64 = 19.0;
const BAR: f64 = 12.0;
/// Height of a line of text.
const LINE: f64 = 18.0;
/// Characters of small text in a line of the whole width.
const LINE_CHARS: usize = 150;
/// Columns of a step's label.
const LABEL_CHARS: usize = 46;
/// Height of the picture of how many steps ran at once.
const STRIP: f64 = 34.0;
/// Points of it that are drawn; more would lie within a pixel.
const MAX_POINTS: usize = 2000;
/// Parts of the critical path, and intervals of a step, that are drawn.
const MAX_PARTS: usize = 2000;

/// One build as an SVG document, 900 pixels wide. Text from outside is escaped
/// and bounded, and so is the number of rows.
pub fn waterfall(subject: &Subject, explanation: &Explanation) -> String {
    let mut picture = Picture {
        out: String::new(),
        y: 30.0,
        scale: Scale::new(explanation.span, LEFT, RIGHT),
    };
    picture.heading(subject, explanation);
    let (groups, hidden) = groups(explanation);
    let top = picture.y;
    // The grid lies below the bars, and how far down it goes is known then.
    let above = std::mem::take(&mut picture.out);
    picture.y += 20.0;
    picture.path_row(explanation);
    for group in &groups {
        picture.group(group, explanation);
    }
    if hidden > 0 {
        let text = format!("{hidden} short steps hidden");
        picture.text(MARGIN, picture.y + 12.0, 11, MUTED, "", &text);
        picture.y += ROW;
    }
    picture.concurrency(explanation);
    let rows = std::mem::take(&mut picture.out);
    picture.grid(top, picture.y);
    let grid = std::mem::take(&mut picture.out);
    picture.legend(explanation);
    let legend = picture.out;
    let height = picture.y + 14.0;
    let title = escape::html(&subject.title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {WIDTH} {height:.0}\" font-family=\"sans-serif\">\n\
         <title>Waterfall of {title}</title>\n\
         <defs><pattern id=\"cached\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" fill=\"#ffffff\"/>\
         <rect width=\"2\" height=\"6\" fill=\"{}\"/></pattern></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{above}{grid}{rows}{legend}</svg>\n",
        hex(MUTED)
    )
}

struct Picture {
    out: String,
    /// Where the next thing goes.
    y: f64,
    scale: Scale,
}

impl Picture {
    fn text(&mut self, x: f64, y: f64, size: u32, colour: RGBColor, more: &str, text: &str) {
        let _ = writeln!(
            self.out,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{}\"{more}>{}</text>",
            hex(colour),
            escape::html(text)
        );
    }

    /// A bar, with what a mouse over it shows.
    fn bar(&mut self, time: &Interval, y: f64, height: f64, paint: &str, tooltip: &str) {
        let x = self.scale.x(time.start.as_secs_f64());
        let width = (self.scale.x(time.end.as_secs_f64()) - x).max(1.5);
        let _ = writeln!(
            self.out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" {paint}>\
             <title>{}</title></rect>",
            escape::html(tooltip)
        );
    }

    fn heading(&mut self, subject: &Subject, explanation: &Explanation) {
        let title = escape::columns(&subject.title, 90);
        self.text(MARGIN, self.y, 17, INK, " font-weight=\"bold\"", &title);
        self.y += LINE;
        let mut facts = format!(
            "{} on BuildKit's clock",
            number::seconds(explanation.span.as_secs_f64())
        );
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
        let mut lines = vec![(MUTED, facts)];
        if let Some(sentence) = culprit(explanation) {
            lines.push((INK, format!("{}.", capitalised(&sentence))));
        }
        if let Some(text) = failure(explanation) {
            let text = text.strip_prefix("it ").map(|rest| format!("It {rest}"));
            lines.extend(text.map(|text| (RED, text)));
        }
        if !explanation.complete {
            let text = "Incomplete: the recording was cut off, or steps had not ended.";
            lines.push((RED, text.to_owned()));
        }
        if explanation.node.is_none() {
            let text = "Emulated steps are unknown: a recording does not name the CPU.";
            lines.push((RED, text.to_owned()));
        }
        for (colour, text) in lines {
            for line in wrap(&text, LINE_CHARS).iter().take(3) {
                self.text(MARGIN, self.y, 12, colour, "", line);
                self.y += LINE - 2.0;
            }
        }
        self.y += 8.0;
    }

    /// Lines and names of round times, over the whole height of the rows.
    fn grid(&mut self, top: f64, bottom: f64) {
        for (at, label) in self.scale.ticks() {
            let x = self.scale.x(at);
            let _ = writeln!(
                self.out,
                "<path d=\"M{x:.1} {:.1}V{bottom:.1}\" stroke=\"{}\"/>",
                top + 14.0,
                hex(GRID)
            );
            self.text(x, top + 9.0, 11, MUTED, " text-anchor=\"middle\"", &label);
        }
    }

    /// The critical path in one row, waiting included.
    fn path_row(&mut self, explanation: &Explanation) {
        let y = self.y;
        self.text(
            MARGIN,
            y + 12.0,
            12,
            INK,
            " font-weight=\"bold\"",
            "critical path",
        );
        for part in explanation.critical_path.iter().take(MAX_PARTS) {
            let (paint, name) = match part.step {
                Some(step) => {
                    let step = &explanation.steps[step];
                    let paint = fill(step.kind, step.cached) + outline(step.cached);
                    (paint, step.name.as_str())
                }
                None => (
                    format!(
                        "fill=\"none\" stroke=\"{}\" stroke-dasharray=\"2 2\"",
                        hex(MUTED)
                    ),
                    "waiting",
                ),
            };
            self.bar(&part.time, y + 3.0, BAR, &paint, &tooltip(name, &part.time));
        }
        self.y += ROW + 2.0;
    }

    fn group(&mut self, group: &Group<'_>, explanation: &Explanation) {
        self.y += 6.0;
        let name = escape::columns(&group.name, 60);
        self.text(
            MARGIN,
            self.y + 12.0,
            12,
            INK,
            " font-weight=\"bold\"",
            &name,
        );
        self.y += ROW;
        for row in &group.rows {
            self.row(row, explanation);
        }
    }

    fn row(&mut self, row: &Row<'_>, explanation: &Explanation) {
        let (y, step) = (self.y, row.step);
        self.text(MARGIN + 8.0, y + 12.0, 12, INK, "", &label(step));
        let paint = row_paint(step);
        for time in step.intervals.iter().take(MAX_PARTS) {
            self.bar(time, y + 3.0, BAR, &paint, &tooltip(&step.name, time));
        }
        if step.unfinished {
            let x = self.scale.x(explanation.span.as_secs_f64());
            self.text(x + 1.0, y + 13.0, 12, RED, "", "→");
        }
        let parts = explanation.critical_path.iter().take(MAX_PARTS);
        for part in parts.filter(|part| part.step == Some(row.place)) {
            let x = self.scale.x(part.time.start.as_secs_f64());
            let width = (self.scale.x(part.time.end.as_secs_f64()) - x).max(1.5);
            let _ = writeln!(
                self.out,
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"2.5\" fill=\"{}\"/>",
                y + 3.0 + BAR,
                hex(INK)
            );
        }
        let (time, colour) = match (&step.error, step.cached) {
            (Some(_), _) if step.cancelled => ("cancelled".to_owned(), MUTED),
            (Some(_), _) => ("failed".to_owned(), RED),
            (None, true) => ("cached".to_owned(), MUTED),
            (None, false) => (number::seconds(step.busy.as_secs_f64()), INK),
        };
        let end = WIDTH - MARGIN;
        self.text(end, y + 12.0, 12, colour, " text-anchor=\"end\"", &time);
        self.y += ROW;
    }

    /// How many steps were worked on at once, over time.
    fn concurrency(&mut self, explanation: &Explanation) {
        let concurrency = &explanation.concurrency;
        self.y += 10.0;
        let text = format!(
            "steps at once: {:.1} on average, {} at most",
            concurrency.mean, concurrency.max
        );
        self.text(MARGIN, self.y + 12.0, 12, MUTED, "", &text);
        let base = self.y + STRIP;
        let most = f64::from(concurrency.max.max(1));
        let mut path = format!("M{LEFT:.1} {base:.1}");
        for point in concurrency.points.iter().take(MAX_POINTS) {
            let x = self.scale.x(point.at.as_secs_f64());
            let y = base - f64::from(point.steps) / most * STRIP;
            let _ = write!(path, "H{x:.1}V{y:.1}");
        }
        let _ = writeln!(
            self.out,
            "<path d=\"{path}V{base:.1}H{LEFT:.1}Z\" fill=\"{}\"/>",
            hex(GRID)
        );
        self.y = base + 6.0;
    }

    /// What the colours that occur mean.
    fn legend(&mut self, explanation: &Explanation) {
        self.y += 12.0;
        let mut entries: Vec<(String, String)> = Vec::new();
        for kind in StepKind::ALL {
            let mut of_kind = explanation.steps.iter().filter(|step| step.kind == kind);
            if of_kind.any(|step| !step.cached) {
                entries.push((fill(kind, false), kind.describe().to_owned()));
            }
        }
        if explanation.steps.iter().any(|step| step.cached) {
            let paint = fill(StepKind::Unknown, true) + outline(true);
            entries.push((paint, "from the cache".to_owned()));
        }
        let on_path = format!("fill=\"{}\"", hex(INK));
        entries.push((on_path, "underlined: on the critical path".to_owned()));
        let mut x = MARGIN;
        for (paint, text) in entries {
            let width = 18.0 + 6.6 * text.chars().count() as f64 + 16.0;
            if x + width > WIDTH - MARGIN {
                x = MARGIN;
                self.y += LINE;
            }
            let (y, height) = if text.starts_with("underlined") {
                (self.y + 5.0, 2.5)
            } else {
                (self.y, 11.0)
            };
            let _ = writeln!(
                self.out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"12\" height=\"{height:.1}\" {paint}/>"
            );
            self.text(x + 18.0, self.y + 10.0, 12, MUTED, "", &text);
            x += width;
        }
        self.y += LINE;
    }
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
    let left = LABEL_CHARS.saturating_sub(start.chars().count());
    format!("{start}{}", short_instruction(&step.instruction, left))
}

fn tooltip(name: &str, time: &Interval) -> String {
    format!(
        "{}: {} to {}",
        escape::terminal(name, 300),
        number::seconds(time.start.as_secs_f64()),
        number::seconds(time.end.as_secs_f64())
    )
}

fn row_paint(step: &StepFacts) -> String {
    let fill = fill(step.kind, step.cached);
    if step.error.is_some() && !step.cancelled {
        format!("{fill} stroke=\"{}\" stroke-width=\"2\"", hex(RED))
    } else {
        fill + outline(step.cached)
    }
}

/// The hatching of what came from the cache needs a line around it.
fn outline(cached: bool) -> &'static str {
    if cached {
        " stroke=\"#5a6674\" stroke-width=\"0.5\""
    } else {
        ""
    }
}

/// How a step's bar is filled: native blue and emulated yellow, as in the
/// article that buildrace is about; cached hatched.
fn fill(kind: StepKind, cached: bool) -> String {
    if cached {
        return "fill=\"url(#cached)\"".to_owned();
    }
    let colour = match kind {
        StepKind::EmulatedRun => YELLOW,
        StepKind::NativeRun => BLUES[0],
        StepKind::CrossRun => BLUES[1],
        StepKind::UnknownRun => RGBColor(0x8b, 0x7f, 0xb5),
        StepKind::FileOperation => RGBColor(0x8d, 0x99, 0xa6),
        StepKind::BaseImage => RGBColor(0xb4, 0xbd, 0xc7),
        StepKind::ContextTransfer => RGBColor(0x7a, 0xa8, 0x8f),
        StepKind::Export => RGBColor(0xa5, 0x7c, 0x5c),
        StepKind::Internal => RGBColor(0xcf, 0xd6, 0xde),
        StepKind::Unknown => RGBColor(0x9c, 0x9c, 0x9c),
    };
    format!("fill=\"{}\"", hex(colour))
}

fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
