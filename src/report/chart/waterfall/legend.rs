//! What the bars that occur mean.

use super::paint::{BAR, height, of_kind};
use super::steps::has;
use crate::explain::{Explanation, StepKind};
use crate::report::chart::canvas::{Anchor, BODY, Canvas, MARGIN, Paint, RIGHT, Span};

/// Width of a sample of a bar.
const SAMPLE: f64 = 16.0;

/// An entry for each kind of bar in any of the builds.
pub(super) fn legend(canvas: &mut Canvas, explanations: &[&Explanation]) {
    let palette = canvas.palette;
    let mut entries: Vec<(Paint, f64, &str)> = Vec::new();
    for kind in StepKind::ALL {
        if explanations.iter().any(|build| has(build, kind)) {
            let paint = of_kind(kind, false, palette);
            entries.push((paint, height(kind), kind.describe()));
        }
    }
    let mut steps = explanations.iter().flat_map(|build| &build.steps);
    if steps.any(|step| step.cached) {
        let paint = of_kind(StepKind::Unknown, true, palette);
        entries.push((paint, BAR, "from the cache"));
    }
    let on_path = Paint::filled(palette.ink);
    entries.push((on_path, 3.0, "underlined: on the critical path"));
    canvas.y += 10.0;
    let mut x = MARGIN;
    for (paint, height, words) in entries {
        let words = Span::new(words, BODY, palette.muted);
        let width = SAMPLE + 8.0 + words.width() + 16.0;
        if x > MARGIN && x + width > RIGHT {
            x = MARGIN;
            canvas.y += 25.0;
        }
        let place = (x, canvas.y + 11.0 - height / 2.0);
        canvas.rect(place, SAMPLE, height, paint);
        let place = (x + SAMPLE + 8.0, canvas.y + 17.0);
        canvas.write(place, Anchor::Start, &[words]);
        x += width;
    }
    canvas.y += 28.0;
}
