//! How to read a report's figures, and how sure they are: plain sentences, of
//! which each renderer makes its own markup.

use super::round_summary;
use super::view::{ScenarioView, View};
use crate::model::BuildKind;

/// What the figures of the tables are. Holds names from outside.
pub(super) fn figures(view: &View) -> Vec<String> {
    let mut lines = vec!["Times: median wall time (min…max).".to_owned()];
    let scenarios = || view.scenarios.iter();
    if scenarios().any(|s| !s.between.is_empty()) {
        lines.push(match view.matrix.is_empty() {
            true => "From → to: each variant over the one before it.".to_owned(),
            false => "From → to: variants at one value, or one variant at two.".to_owned(),
        });
    }
    if !view.matrix.is_empty() {
        lines.push("A name is VARIANT@VALUE.".to_owned());
    }
    if scenarios().any(|s| s.variants.len() > 1 && s.reference().is_none()) {
        lines.push("The reference was left out, so nothing is compared.".to_owned());
    }
    if let Some(scenario) = scenarios().find(|scenario| scenario.shows_cost()) {
        lines.push(format!(
            "{} is multi-arch over cold: the cost of building for {} beside {}.",
            scenario.added_label(),
            scenario.added_names(),
            scenario.native,
        ));
    }
    let apart = |s: &&ScenarioView| !s.builds_native() && s.kinds.contains(&BuildKind::Cold);
    if let Some(scenario) = scenarios().find(apart) {
        lines.push(format!(
            "cold builds for {}, the other kinds for {}: neither contains the other.",
            scenario.native,
            scenario.platform_names(),
        ));
    }
    lines
}

/// What intervals and verdicts stand on.
pub(super) fn certainty(view: &View) -> Vec<String> {
    let mut lines = Vec::new();
    if !view.looks().is_empty() {
        lines.push(format!(
            "In brackets, from 6 rounds on: signed-rank intervals ({}); {}.",
            alphas(view),
            round_summary::delta(view)
        ));
        lines.push(
            "The verdict is faster, slower or same if the whole interval says so, and \
             inconclusive otherwise."
                .to_owned(),
        );
    }
    if view.has_model_based() {
        lines.push(format!("In brackets, {}.", round_summary::MODEL_BASED));
    }
    if !view.looks().is_empty() || view.has_model_based() {
        lines.push("An interval that includes 1× (±0%) shows no clear change.".to_owned());
    }
    if view.has_single_rounds() {
        lines.push("1 round: no interval; a difference below 1.5× is no clear change.".to_owned());
    }
    lines.extend(round_summary::by_chance(view).map(|text| format!("{text}.")));
    if lines.is_empty() {
        lines.push("Nothing is compared, so there is no interval.".to_owned());
    }
    lines
}

/// `α=0.0313 at 6 rounds`
fn alphas(view: &View) -> String {
    let looks = view.looks();
    let looks = looks
        .iter()
        .map(|(rounds, alpha)| format!("α={alpha:.3} at {rounds} rounds"));
    looks.collect::<Vec<_>>().join(", ")
}
