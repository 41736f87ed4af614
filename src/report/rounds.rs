//! What a report says of its rounds: how many were dropped and why, at which
//! look it was decided and what that cost, and what its intervals are.

use super::number;
use super::view::{RollUp, ScenarioView, View};
use crate::escape;
use crate::model::{BuildKind, Stopping};
use crate::stats::{LOOKS, Verdict};

/// Dropped rounds told one by one.
const MAX_DROPPED: usize = 6;

/// A sentence a dropped round. Holds text from outside, on one line.
pub(super) fn dropped(view: &View) -> impl Iterator<Item = String> {
    let more = view.dropped.len().checked_sub(MAX_DROPPED);
    let more = more.filter(|more| *more > 0);
    let each = view.dropped.iter().take(MAX_DROPPED).map(|dropped| {
        format!(
            "Round {} of {} is dropped: {}.",
            dropped.round, dropped.scenario, dropped.reason
        )
    });
    each.chain(more.map(|more| format!("{more} more rounds are dropped.")))
}

/// Variants whose incremental builds the edit did not reach. Holds text from
/// outside, on one line.
pub(super) fn unreached(view: &View) -> impl Iterator<Item = String> {
    view.scenarios.iter().flat_map(|scenario| {
        let variants = scenario.variants.iter().filter(|variant| {
            let cell = variant.cells.get(&BuildKind::Incremental);
            cell.is_some_and(|cell| cell.all_cached)
        });
        variants.map(|variant| {
            format!(
                "Incremental builds of {} executed no step: nothing that is built sees the edit.",
                variant.name
            )
        })
    })
}

/// At which look each scenario was decided, and what it cost. Holds text from
/// outside, on one line.
pub(super) fn looked(view: &View) -> impl Iterator<Item = String> {
    let is_auto = view.rules.stopping != Stopping::Fixed;
    view.scenarios
        .iter()
        .filter(move |_| is_auto)
        .filter_map(looked_at)
}

fn looked_at(scenario: &ScenarioView) -> Option<String> {
    let gate = scenario.gate?;
    let clean = scenario.clean as usize;
    let cost = format!(
        "{} builds, {} of building",
        scenario.builds,
        number::seconds(scenario.spent)
    );
    let name = &scenario.name;
    let first = LOOKS[0].rounds;
    Some(if clean >= LOOKS[1].rounds {
        format!("{name}: judged by {gate} at the second look, after {clean} rounds ({cost}).")
    } else if clean == first && is_decided(scenario) {
        format!("{name}: decided by {gate} at the first look, after {clean} rounds ({cost}).")
    } else if clean > first && is_decided(scenario) {
        format!(
            "{name}: judged by {gate} with the {clean} rounds that count, as the spare ones are \
             used up ({cost})."
        )
    } else {
        format!("{name}: not decided by {gate} after {clean} rounds ({cost}).")
    })
}

fn is_decided(scenario: &ScenarioView) -> bool {
    let gate = scenario.gate;
    let candidates = scenario.variants.iter().filter(|v| !v.reference);
    candidates
        .filter_map(|variant| variant.cells.get(&gate?))
        .all(|cell| cell.verdict.is_some() || cell.ratio.is_none())
}

/// What the intervals are, and the change that matters: a phrase each.
pub(super) fn intervals(view: &View) -> Vec<String> {
    let mut parts = Vec::new();
    let looks = view.looks();
    if !looks.is_empty() {
        let told: Vec<String> = looks
            .iter()
            .map(|(rounds, alpha)| format!("α={alpha:.3} at {rounds} rounds"))
            .collect();
        parts.push(format!(
            "intervals from six rounds on are signed-rank intervals, {}",
            told.join(", ")
        ));
        parts.push(delta(view));
    }
    if view.has_model_based() {
        let which = if looks.is_empty() {
            "intervals"
        } else {
            "those of fewer rounds"
        };
        parts.push(format!(
            "{which} are 95% t-intervals of the log ratios (model-based), and decide nothing"
        ));
    }
    parts
}

/// `δ=5%`, and where a noise floor is above that, or that none is known.
pub(super) fn delta(view: &View) -> String {
    let deltas: Vec<String> = view.deltas().into_iter().map(number::percentage).collect();
    let deltas = match deltas.as_slice() {
        [] => number::percentage(view.rules.delta),
        [one] => one.clone(),
        many => format!("{}…{}", many[0], many[many.len() - 1]),
    };
    let floors = view.rules.noise_floor.iter();
    let largest = floors.map(|floor| floor.share).max_by(f64::total_cmp);
    match largest {
        Some(share) => format!(
            "δ={deltas} is the change that matters (noise floor at most {})",
            number::percentage(share)
        ),
        None => format!("δ={deltas} is the change that matters (noise floor not calibrated)"),
    }
}

/// `cross in multi-arch over 3 scenarios: 4.1x faster [3.2…5.0x], faster`. Safe
/// for a terminal.
pub(super) fn rolled_up(roll_up: &RollUp) -> String {
    let RollUp {
        kind,
        candidate,
        scenarios,
        ratio,
        verdict,
    } = roll_up;
    let interval = number::interval(ratio).map_or_else(String::new, |text| format!(" [{text}]"));
    let verdict = verdict.map_or_else(String::new, |v: Verdict| format!(", {}", v.as_str()));
    format!(
        "{} in {kind} over {scenarios} scenarios: {}{interval}{verdict}",
        escape::terminal(candidate, 40),
        number::told_comparison(ratio),
    )
}
