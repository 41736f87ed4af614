//! What a chart is drawn on.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::model::BuildKind;
use crate::report::view::ScenarioView;

/// A part of the picture.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// What drawing fails with.
pub(super) type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Whether the picture has anything to show of a kind.
pub(super) fn raced(scenario: &ScenarioView, kind: BuildKind) -> bool {
    scenario.kinds.contains(&kind)
}
