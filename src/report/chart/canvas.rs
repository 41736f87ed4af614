//! What charts are drawn on: an SVG document that stands alone or within a page.
//!
//! The elements are written here: plotters' backend rounds to whole pixels and has no groups with a
//! tooltip, which say of each dot which sample it is. A document has no ids, no stylesheet and no
//! reference to anything, so that any number of them may stand in one page.

use std::fmt::Write;

use super::letters::Letters;
use super::palette::{Colour, Palette, Theme};
use crate::escape;

/// Width of a chart in its own unit.
pub(super) const WIDTH: f64 = 640.0;
/// What is left free at each side.
pub(super) const MARGIN: f64 = 16.0;
/// Where the margin at the right begins.
pub(super) const RIGHT: f64 = WIDTH - MARGIN;
/// Letters of text: 11 pixels high where the chart is 400 pixels wide.
pub(super) const BODY: Letters = Letters {
    size: 18.0,
    bold: false,
};
/// The same, bold.
pub(super) const BOLD: Letters = Letters {
    size: 18.0,
    bold: true,
};
/// Letters of a chart's heading.
pub(super) const HEADING: Letters = Letters {
    size: 22.0,
    bold: true,
};
/// From one line of text to the next, as a part of the letters' size.
const LEADING: f64 = 1.35;
/// From the top of a line to what its letters stand on, as a part of their size.
const ASCENT: f64 = 0.98;

/// A place on the chart.
pub(super) type Point = (f64, f64);

/// Which point of a text is at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A piece of a line of text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) letters: Letters,
    pub(super) colour: Colour,
}

impl Span {
    pub(super) fn new(text: impl Into<String>, letters: Letters, colour: Colour) -> Self {
        Self {
            text: text.into(),
            letters,
            colour,
        }
    }

    pub(super) fn width(&self) -> f64 {
        self.letters.width(&self.text)
    }
}

/// How a shape is filled and outlined.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Paint {
    pub(super) fill: Option<Colour>,
    /// Colour and width of the outline.
    pub(super) stroke: Option<(Colour, f64)>,
    pub(super) dashed: bool,
}

impl Paint {
    pub(super) fn filled(colour: Colour) -> Self {
        Self {
            fill: Some(colour),
            ..Self::default()
        }
    }

    pub(super) fn line(colour: Colour, width: f64) -> Self {
        Self {
            stroke: Some((colour, width)),
            ..Self::default()
        }
    }

    pub(super) fn outlined(self, colour: Colour, width: f64) -> Self {
        Self {
            stroke: Some((colour, width)),
            ..self
        }
    }

    pub(super) fn dashed(self) -> Self {
        Self {
            dashed: true,
            ..self
        }
    }

    fn attributes(self) -> String {
        let mut out = match self.fill {
            Some(colour) => format!(" fill=\"{colour}\""),
            None => " fill=\"none\"".to_owned(),
        };
        if let Some((colour, width)) = self.stroke {
            let _ = write!(
                out,
                " stroke=\"{colour}\" stroke-width=\"{}\"",
                short(width)
            );
        }
        if self.dashed {
            out.push_str(" stroke-dasharray=\"3 3\"");
        }
        out
    }
}

/// Marks of points: by their form alone they differ, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Circle,
    Square,
    Diamond,
    /// A triangle that points to the left.
    Left,
    /// A triangle that points to the right.
    Right,
    /// A triangle that points up.
    Up,
    /// A triangle that points down.
    Down,
    /// Two crossed lines.
    Cross,
}

/// A chart in the making.
pub(super) struct Canvas {
    out: String,
    pub(super) palette: &'static Palette,
    /// Where the next thing goes, from the top.
    pub(super) y: f64,
}

impl Canvas {
    pub(super) fn new(theme: Theme) -> Self {
        Self {
            out: String::new(),
            palette: theme.palette(),
            y: 12.0,
        }
    }

    /// A line of text with letters that stand on the place. What has no room up to the margin is
    /// left out.
    pub(super) fn write(&mut self, (x, y): Point, anchor: Anchor, spans: &[Span]) {
        let width: f64 = spans.iter().map(Span::width).sum();
        let (x, room) = match anchor {
            Anchor::Start => (x, RIGHT - x),
            // Near a margin it moves to where it has room.
            Anchor::Middle => {
                let half = (width / 2.0).min(f64::midpoint(RIGHT, -MARGIN));
                (x.clamp(MARGIN + half, RIGHT - half), RIGHT - MARGIN)
            }
            Anchor::End => (x, x - MARGIN),
        };
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let mut left = room;
        let mut text = String::new();
        let mut size = BODY.size;
        for span in spans.iter().filter(|span| !span.text.is_empty()) {
            if left < span.letters.width("…") {
                break;
            }
            let shown = span.letters.cut(&span.text, left);
            left -= span.letters.width(&shown);
            size = span.letters.size;
            let weight = match span.letters.bold {
                true => " font-weight=\"bold\"",
                false => "",
            };
            let _ = write!(
                text,
                "<tspan fill=\"{}\"{weight}>{}</tspan>",
                span.colour,
                entities(&shown)
            );
        }
        if text.is_empty() {
            return;
        }
        let _ = writeln!(
            self.out,
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{anchor} xml:space=\"preserve\">{text}</text>",
            short(x),
            short(y),
            short(size),
        );
    }

    /// A line of text from the left margin, below what there is.
    pub(super) fn line(&mut self, spans: &[Span]) {
        let sizes = spans.iter().map(|span| span.letters.size);
        let size = sizes.fold(BODY.size, f64::max);
        self.write((MARGIN, self.y + size * ASCENT), Anchor::Start, spans);
        self.y += size * LEADING;
    }

    /// Text over the whole width, broken between words, at most so many lines.
    pub(super) fn paragraph(&mut self, text: &str, letters: Letters, colour: Colour, max: usize) {
        for line in letters.wrap(text, RIGHT - MARGIN, max) {
            self.line(&[Span::new(line, letters, colour)]);
        }
    }

    pub(super) fn rect(&mut self, (x, y): Point, width: f64, height: f64, paint: Paint) {
        let _ = writeln!(
            self.out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}/>",
            short(x),
            short(y),
            short(width.max(0.0)),
            short(height.max(0.0)),
            paint.attributes()
        );
    }

    /// Lines from point to point.
    pub(super) fn path(&mut self, points: &[Point], paint: Paint) {
        self.drawn(points, false, paint);
    }

    fn drawn(&mut self, points: &[Point], closed: bool, paint: Paint) {
        let mut way = String::new();
        for (place, (x, y)) in points.iter().enumerate() {
            let letter = if place == 0 { 'M' } else { 'L' };
            let _ = write!(way, "{letter}{} {}", short(*x), short(*y));
        }
        if closed {
            way.push('Z');
        }
        let _ = writeln!(self.out, "<path d=\"{way}\"{}/>", paint.attributes());
    }

    /// A mark whose half width is `r`.
    pub(super) fn mark(&mut self, mark: Mark, (x, y): Point, r: f64, paint: Paint) {
        let corners: &[Point] = match mark {
            Mark::Circle => {
                let _ = writeln!(
                    self.out,
                    "<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}/>",
                    short(x),
                    short(y),
                    short(r),
                    paint.attributes()
                );
                return;
            }
            Mark::Cross => {
                for (from, to) in [((-r, -r), (r, r)), ((-r, r), (r, -r))] {
                    let ends = [(x + from.0, y + from.1), (x + to.0, y + to.1)];
                    self.drawn(&ends, false, paint);
                }
                return;
            }
            Mark::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            Mark::Diamond => &[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)],
            Mark::Left => &[(-1.1, 0.0), (0.9, -1.1), (0.9, 1.1)],
            Mark::Right => &[(1.1, 0.0), (-0.9, -1.1), (-0.9, 1.1)],
            Mark::Up => &[(0.0, -1.1), (1.1, 0.9), (-1.1, 0.9)],
            Mark::Down => &[(0.0, 1.1), (1.1, -0.9), (-1.1, -0.9)],
        };
        let corners: Vec<Point> = corners
            .iter()
            .map(|(dx, dy)| (x + dx * r, y + dy * r))
            .collect();
        self.drawn(&corners, true, paint);
    }

    /// Draws what a mouse over it explains. Outside text is made safe.
    pub(super) fn titled(&mut self, tooltip: &str, draw: impl FnOnce(&mut Self)) {
        let _ = write!(self.out, "<g><title>{}</title>", escape::html(tooltip));
        draw(self);
        self.out.push_str("</g>\n");
    }

    /// A layer of the drawing: what is drawn after it, and then put below by [`Canvas::below`].
    pub(super) fn layer(&self) -> usize {
        self.out.len()
    }

    /// Draws below what was drawn since a layer.
    pub(super) fn below(&mut self, layer: usize, draw: impl FnOnce(&mut Self)) {
        let above = self.out.split_off(layer);
        draw(self);
        self.out.push_str(&above);
    }

    /// The document. The label says what the chart shows to whoever does not see it.
    pub(super) fn finish(self, label: &str) -> String {
        let height = (self.y + 12.0).ceil();
        let lines: Vec<String> = label.lines().take(12).map(escape::html).collect();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" role=\"img\" font-family=\"sans-serif\">\n\
             <title>{}</title>\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"{}\"/>\n{}</svg>\n",
            lines.join(" "),
            self.palette.background,
            self.out
        )
    }
}

/// Text that was made visible before, for SVG.
fn entities(plain: &str) -> String {
    let mut escaped = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// A number with at most one decimal.
fn short(number: f64) -> String {
    let number = match number.is_finite() {
        true => (number * 10.0).round() / 10.0,
        false => 0.0,
    };
    // No minus before a zero.
    format!("{}", number + 0.0)
}
