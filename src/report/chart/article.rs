//! What the article that buildrace is about says of its subject, to be marked beside what was
//! measured.

use crate::model::BuildKind;
use crate::report::view::{ScenarioView, VariantView};

/// The scenario whose subject is the article's own.
const SCENARIO: &str = "docker-cli";
/// The article's second Dockerfile.
const CROSS: &str = "cross";

/// A figure of the article as a time here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Claim {
    /// Where the figure would be, from the base that was measured here, seconds.
    pub(super) seconds: f64,
    /// The article's words.
    pub(super) words: &'static str,
}

/// What the article says of a build; `None` where it says nothing, or nothing was measured that the
/// figure is a multiple of.
pub(super) fn claim(
    scenario: &ScenarioView,
    variant: &VariantView,
    kind: BuildKind,
) -> Option<Claim> {
    if scenario.name != SCENARIO {
        return None;
    }
    let (base, factor, words) = match (kind, variant.reference) {
        (BuildKind::MultiArch, true) if scenario.shows_cost() => {
            (variant.median(BuildKind::Cold), 7.0, "almost 7×")
        }
        (BuildKind::MultiArch, false) if scenario.shows_cost() && variant.name == CROSS => {
            (variant.median(BuildKind::Cold), 1.7, "1.7×")
        }
        (BuildKind::Incremental, false) if variant.name == CROSS => {
            let reference = scenario.reference()?;
            (reference.median(kind), 0.01, "100× faster")
        }
        _ => return None,
    };
    Some(Claim {
        seconds: base? * factor,
        words,
    })
}
