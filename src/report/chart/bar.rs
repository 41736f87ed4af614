//! A bar of the headline: a variant's builds of a kind, each a dot, their median a bar, and what
//! is said of it.

use super::axis::Axis;
use super::canvas::{Anchor, BODY, BOLD, Canvas, Mark, Paint, RIGHT, Span};
use super::palette::Colour;
use super::wording::Note;
use crate::model::Outcome;
use crate::report::article::Claim;
use crate::report::number;
use crate::stats::Times;

/// Height of a bar.
pub(super) const HEIGHT: f64 = 22.0;
/// From one bar to the next.
const STEP: f64 = 28.0;
/// Height of a line of text below a bar.
const LINE: f64 = 24.0;
/// Half the width of a dot.
const DOT: f64 = 3.4;
/// From a bar to the text beside it.
const GAP: f64 = 10.0;
/// Dots that are drawn; more lie upon each other.
const MAX_DOTS: usize = 200;

/// A variant's builds of a kind.
pub(super) struct Bar {
    /// Name of the variant, cut.
    pub(super) label: String,
    /// The whole of it.
    pub(super) name: String,
    pub(super) colour: Colour,
    pub(super) length: Length,
    /// What its median is a multiple of.
    pub(super) note: Option<Note>,
    /// How many of its builds failed, where others have a time.
    pub(super) failed: Option<String>,
    pub(super) claim: Option<Claim>,
}

/// What a bar shows.
pub(super) enum Length {
    /// Times of the builds that count: their summary, and each with its name.
    Times(Times, Vec<(f64, String)>),
    /// No build of it is good.
    Failed(Outcome),
    /// There is no build of it, and why.
    Missing(&'static str),
}

impl Bar {
    /// The greatest value that its axis must have.
    pub(super) fn max(&self) -> f64 {
        let longest = match &self.length {
            Length::Times(times, _) => times.max,
            Length::Failed(_) | Length::Missing(_) => 0.0,
        };
        self.claim
            .map_or(longest, |claim| claim.seconds.max(longest))
    }

    /// Width of the time that is written behind it.
    pub(super) fn room(&self) -> f64 {
        match &self.length {
            Length::Times(times, _) => BODY.width(&number::seconds(times.median)) + GAP + 2.0,
            Length::Failed(_) | Length::Missing(_) => 0.0,
        }
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, axis: &Axis) {
        let palette = canvas.palette;
        let (y, left) = (canvas.y, axis.place(0.0));
        let baseline = y + 17.0;
        let ink = |text: &str| Span::new(text, BODY, palette.ink);
        canvas.write((left - 8.0, baseline), Anchor::End, &[ink(&self.label)]);
        canvas.y += STEP;
        match &self.length {
            Length::Times(times, dots) => self.times(canvas, axis, times, dots, y),
            Length::Failed(outcome) => {
                let paint = Paint::line(palette.failed, 2.5);
                canvas.mark(Mark::Cross, (left + 10.0, y + HEIGHT / 2.0), 6.0, paint);
                let word = Span::new(outcome.as_str(), BODY, palette.failed);
                canvas.write((left + 24.0, baseline), Anchor::Start, &[word]);
            }
            Length::Missing(word) => {
                let word = Span::new(*word, BODY, palette.muted);
                canvas.write((left + 4.0, baseline), Anchor::Start, &[word]);
            }
        }
        if let Some(claim) = &self.claim {
            self.claimed(canvas, axis, claim, y);
        }
    }

    fn times(
        &self,
        canvas: &mut Canvas,
        axis: &Axis,
        times: &Times,
        dots: &[(f64, String)],
        y: f64,
    ) {
        let palette = canvas.palette;
        let left = axis.place(0.0);
        let (median, end) = (axis.place(times.median), axis.place(times.max));
        let time = number::seconds(times.median);
        let tooltip = format!("{}: {time}, median of {}", self.name, times.n);
        canvas.titled(&tooltip, |canvas| {
            let width = (median - left).max(1.5);
            canvas.rect((left, y), width, HEIGHT, Paint::filled(self.colour));
        });
        let dot = Paint::filled(palette.background).outlined(palette.ink, 1.3);
        for (seconds, name) in dots.iter().take(MAX_DOTS) {
            canvas.titled(name, |canvas| {
                let place = (axis.place(*seconds), y + HEIGHT / 2.0);
                canvas.mark(Mark::Circle, place, DOT, dot);
            });
        }
        // Behind the bar, in it, or below: the first that has the room.
        let behind = end.max(median) + GAP;
        let baseline = y + 17.0;
        let mut spans = vec![Span::new(time, BODY, palette.ink)];
        let mut below = Vec::new();
        let fits = |spans: &[Span], more: &Span| {
            let taken: f64 = spans.iter().map(Span::width).sum();
            behind + taken + 14.0 + more.width() <= RIGHT
        };
        if let Some(failed) = &self.failed {
            let failed = Span::new(format!("  {failed}"), BODY, palette.failed);
            match fits(&spans, &failed) {
                true => spans.push(failed),
                false => below.push(failed),
            }
        }
        if let Some(note) = &self.note {
            let (letters, colour) = match note.is_clear {
                true => (BOLD, palette.ink),
                false => (BODY, palette.muted),
            };
            let span = Span::new(format!("  {}", note.text), letters, colour);
            let first_dot = axis.place(times.min) - DOT - 4.0;
            let room = first_dot.min(median) - left - 8.0;
            if fits(&spans, &span) {
                spans.push(span);
            } else if BOLD.width(&note.text) <= room {
                let inside = Span::new(note.text.clone(), BOLD, palette.background);
                canvas.write((left + 8.0, baseline), Anchor::Start, &[inside]);
            } else {
                below.push(span);
            }
        }
        canvas.write((behind, baseline), Anchor::Start, &spans);
        if !below.is_empty() {
            canvas.write((left - 4.0, canvas.y + 14.0), Anchor::Start, &below);
            canvas.y += LINE;
        }
    }

    /// The article's figure as a pointer below the bar, where the bar would end.
    fn claimed(&self, canvas: &mut Canvas, axis: &Axis, claim: &Claim, y: f64) {
        let palette = canvas.palette;
        let x = axis.place(claim.seconds);
        let words = Span::new(format!("article: {}", claim.words), BODY, palette.muted);
        // Across the bar, where it is that long; beside it may be text.
        let end = match &self.length {
            Length::Times(times, _) => axis.place(times.median),
            Length::Failed(_) | Length::Missing(_) => axis.place(0.0),
        };
        if x <= end {
            let line = [(x, y), (x, y + HEIGHT + 6.0)];
            canvas.path(&line, Paint::line(palette.background, 5.0));
            canvas.path(&line, Paint::line(palette.ink, 1.8));
        }
        let top = canvas.y;
        canvas.mark(Mark::Up, (x, top), 5.0, Paint::filled(palette.ink));
        let fits = x + 12.0 + words.width() <= RIGHT;
        let (x, anchor) = match fits {
            true => (x + 10.0, Anchor::Start),
            false => (x - 10.0, Anchor::End),
        };
        canvas.write((x, top + 9.0), anchor, &[words]);
        canvas.y += LINE - 4.0;
    }
}
