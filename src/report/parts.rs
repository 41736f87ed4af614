//! What the times of exported builds are made of, in lines.

use super::number;
use super::view::ScenarioView;
use crate::escape;

/// Columns that a variant's name may take.
const MAX_NAME: usize = 24;

/// `multi-arch of cross: 12.1 s = build 9.0 s + export layers 2.6 s + …`, a line for each
/// variant and kind. Holds text from outside, on one line.
pub(super) fn lines(scenario: &ScenarioView) -> impl Iterator<Item = String> {
    scenario.parts.iter().map(|of| {
        let parts = of.parts.iter().rev().map(|(part, seconds, bytes)| {
            let bytes = bytes.map(|bytes| format!(" ({})", number::bytes(bytes)));
            format!(
                "{part} {}{}",
                number::seconds(*seconds),
                bytes.unwrap_or_default()
            )
        });
        format!(
            "{} of {}: {}: {}",
            of.kind,
            escape::columns(&of.variant, MAX_NAME),
            number::seconds(of.total),
            parts.collect::<Vec<_>>().join(", ")
        )
    })
}
