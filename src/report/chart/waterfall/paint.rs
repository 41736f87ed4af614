//! How the bar of a step looks: colours tell how a RUN was executed, and height and outline tell a
//! RUN from what BuildKit does itself, so that a reader who sees no colours is told as much.

use crate::explain::{StepFacts, StepKind};
use crate::report::chart::canvas::Paint;
use crate::report::chart::palette::Palette;

/// Height of the place of a bar.
pub(super) const BAR: f64 = 14.0;

/// Height of a bar: a RUN's is full.
pub(super) fn height(kind: StepKind) -> f64 {
    match kind.is_run() {
        true => BAR,
        false => BAR * 0.55,
    }
}

/// How a step's bar is drawn.
pub(super) fn paint(step: &StepFacts, palette: &Palette) -> Paint {
    let paint = of_kind(step.kind, step.cached, palette);
    match step.error.is_some() && !step.cancelled {
        true => paint.outlined(palette.failed, 2.5),
        false => paint,
    }
}

/// How the bars of a kind are drawn: what came from the cache is hollow.
pub(super) fn of_kind(kind: StepKind, cached: bool, palette: &Palette) -> Paint {
    let hollow = Paint::filled(palette.background);
    if cached {
        return hollow.outlined(palette.muted, 1.2).dashed();
    }
    let [pale, grey, dark] = palette.other_steps;
    match kind {
        StepKind::EmulatedRun => Paint::filled(palette.emulated()),
        StepKind::NativeRun => Paint::filled(palette.native()),
        StepKind::CrossRun => Paint::filled(palette.cross()),
        StepKind::UnknownRun => hollow.outlined(palette.ink, 2.0),
        StepKind::FileOperation => Paint::filled(pale),
        StepKind::BaseImage => Paint::filled(grey),
        StepKind::ContextTransfer => Paint::filled(dark),
        StepKind::Export => hollow.outlined(dark, 1.6),
        StepKind::Internal => hollow.outlined(pale, 1.6),
        StepKind::Unknown => hollow.outlined(grey, 1.6),
    }
}
