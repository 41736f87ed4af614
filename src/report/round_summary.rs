//! What a report says of its rounds: how many were dropped and why, at which
//! look it was decided and what that cost, and what its intervals are.

use super::number;
use super::view::{Cell, RollUp, ScenarioView, View};
use crate::escape;
use crate::model::{BuildKind, Stopping};
use crate::stats::{Interval, LOOKS, Ratio, Verdict};

/// What an interval of fewer rounds than a verdict takes is.
pub(super) const MODEL_BASED: &str = "intervals of fewer than 6 rounds: 95% t-intervals, which \
                                      assume normal log ratios; no verdict below 6 rounds";

/// A round whose ratio is so many times the typical one stands out.
const FAR_OFF: f64 = 1.5;

/// How the ratios of a scenario's table are made, in a sentence; `None` where
/// it has none.
pub(super) fn how_made(scenario: &ScenarioView) -> Option<String> {
    let mut candidates = scenario.variants.iter().filter(|v| !v.reference);
    let has_ratio = |cell: &Cell| cell.ratio.is_some();
    let compared = candidates
        .clone()
        .any(|variant| variant.cells.values().any(has_ratio));
    let costs = scenario.shows_cost() && scenario.variants.iter().any(|v| v.added_cost.is_some());
    let pair = match (compared, scenario.reference()) {
        (true, Some(reference)) => {
            let reference = escape::terminal(&reference.name, 40);
            let over = match (candidates.next(), candidates.next()) {
                (Some(one), None) => escape::terminal(&one.name, 40),
                _ => "each variant".to_owned(),
            };
            Some(format!("{over} over {reference}"))
        }
        _ => None,
    };
    let cost = costs.then(|| format!("{}: multi-arch over cold", scenario.added_label()));
    let pairs: Vec<String> = pair.into_iter().chain(cost).collect();
    if pairs.is_empty() {
        return None;
    }
    let contradicted = scenario.variants.iter().any(|variant| {
        variant.cost_contradicted || variant.cells.values().any(|cell| cell.contradicted)
    });
    let contradicted = match contradicted {
        true => " ≈: the ratio of the medians points the other way; no clear change.",
        false => "",
    };
    Some(format!(
        "Ratios: typical ratio of a pair, round by round ({}); not the ratio of the \
         medians.{contradicted}",
        pairs.join("; ")
    ))
}

/// How far the rounds' ratios are apart, where there are several: the typical
/// one hides a build that is three times slower in one of ten.
pub(super) fn spread(scenario: &ScenarioView) -> Option<String> {
    let candidates = scenario.variants.iter().filter(|v| !v.reference);
    let each = candidates.filter_map(|variant| {
        let kinds = variant.cells.iter();
        let described: Vec<String> = kinds
            .filter_map(|(kind, cell)| Some(format!("{kind} {}", spread_of(cell)?)))
            .collect();
        let name = escape::terminal(&variant.name, 40);
        (!described.is_empty()).then(|| format!("{name} {}", described.join(", ")))
    });
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| format!("Min…max of the rounds' ratios: {}.", each.join("; ")))
}

/// `5.1…8.0× faster`, or `−2…+210% (worst: round 7, 3.1× slower)`.
fn spread_of(cell: &Cell) -> Option<String> {
    let estimate = cell.ratio?.estimate;
    let by_ratio = |a: &(&u32, &f64), b: &(&u32, &f64)| a.1.total_cmp(b.1);
    let (_, low) = cell.ratios.iter().min_by(by_ratio)?;
    let (worst, high) = cell.ratios.iter().max_by(by_ratio)?;
    if cell.ratios.len() < 2 {
        return None;
    }
    let range = Ratio {
        estimate,
        interval: Some(Interval {
            low: *low,
            high: *high,
        }),
        ..cell.ratio?
    };
    let mut text = number::interval(&range)?;
    if let Some(word) = number::describe_comparison(&range).split(' ').nth(1) {
        text = format!("{text} {word}");
    }
    if *high >= estimate * FAR_OFF {
        let slowest = number::comparison(*high);
        text = format!("{text} (worst: round {worst}, {slowest})");
    }
    Some(text)
}

/// `16 comparisons; if nothing differed, about 1 would exclude 1 by chance`.
pub(super) fn by_chance(view: &View) -> Option<String> {
    let comparisons = view.several.comparisons;
    let expected = match view.several.by_chance {
        few if few < 0.75 => format!("{few:.1}"),
        many => format!("{many:.0}"),
    };
    (comparisons > 1).then(|| {
        format!(
            "{comparisons} comparisons; if nothing differed, about {expected} would exclude 1 by \
             chance"
        )
    })
}

/// Dropped rounds listed one by one.
const MAX_DROPPED: usize = 6;

/// A sentence a dropped round. Holds text from outside, on one line.
pub(super) fn dropped(view: &View) -> impl Iterator<Item = String> {
    let more = view.dropped.len().checked_sub(MAX_DROPPED);
    let more = more.filter(|more| *more > 0);
    let each = view.dropped.iter().take(MAX_DROPPED).map(|dropped| {
        format!(
            "Round {} of {} dropped: {}.",
            dropped.round, dropped.scenario, dropped.reason
        )
    });
    each.chain(more.map(|more| format!("{more} more rounds dropped.")))
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
                "Incremental builds of {} executed no step: the edited file reaches no step.",
                variant.name
            )
        })
    })
}

/// At which look each scenario was decided, and what it cost. Holds text from
/// outside, on one line.
pub(super) fn decisions(view: &View) -> impl Iterator<Item = String> {
    let is_auto = view.rules.stopping != Stopping::Fixed;
    view.scenarios
        .iter()
        .filter(move |_| is_auto)
        .filter_map(decision)
}

fn decision(scenario: &ScenarioView) -> Option<String> {
    let gate = scenario.gate?;
    let clean = scenario.clean as usize;
    let cost = format!(
        "{} builds, {} of building",
        scenario.builds,
        number::seconds(scenario.spent)
    );
    let name = &scenario.name;
    let first = LOOKS[0].rounds;
    let rounds = match clean {
        1 => "1 round".to_owned(),
        clean => format!("{clean} rounds"),
    };
    Some(if clean >= LOOKS[1].rounds {
        format!("{name}: judged by {gate} at the second look, after {clean} rounds ({cost}).")
    } else if clean == first && is_decided(scenario) {
        format!(
            "{name}: decided by {gate} at the first look, after {clean} rounds ({cost}). A run \
             that stops early overstates a difference on average (winner's curse)."
        )
    } else if clean < first && is_decided(scenario) && has_verdict(scenario) {
        format!(
            "{name}: ended after {rounds}, as nothing pointed to a slow-down in {gate} ({cost})."
        )
    } else if clean > first && is_decided(scenario) {
        format!(
            "{name}: judged by {gate} with the {clean} rounds that count; no spare round is left \
             ({cost})."
        )
    } else {
        format!("{name}: no decision by {gate} after {rounds} ({cost}).")
    })
}

fn is_decided(scenario: &ScenarioView) -> bool {
    let gate = scenario.gate;
    let candidates = scenario.variants.iter().filter(|v| !v.reference);
    candidates
        .filter_map(|variant| variant.cells.get(&gate?))
        .all(|cell| cell.verdict.is_some() || cell.ratio.is_none())
}

fn has_verdict(scenario: &ScenarioView) -> bool {
    let gate = scenario.gate;
    let candidates = scenario.variants.iter().filter(|v| !v.reference);
    let mut cells = candidates.filter_map(|variant| variant.cells.get(&gate?));
    cells.any(|cell| cell.verdict.is_some())
}

/// What the intervals are, and the change that matters: a phrase each.
pub(super) fn intervals(view: &View) -> Vec<String> {
    let mut parts = Vec::new();
    let looks = view.looks();
    if !looks.is_empty() {
        let described: Vec<String> = looks
            .iter()
            .map(|(rounds, alpha)| format!("α={alpha:.3} at {rounds} rounds"))
            .collect();
        parts.push(format!(
            "intervals from 6 rounds on: signed-rank, {}",
            described.join(", ")
        ));
        parts.push(delta(view));
    }
    if view.has_model_based() {
        parts.push(MODEL_BASED.to_owned());
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
            "δ={deltas} is the change that matters (noise floor: max {})",
            number::percentage(share)
        ),
        None => format!("δ={deltas} is the change that matters (noise floor not calibrated)"),
    }
}

/// `cross in multi-arch over 3 scenarios: 4.1× faster [3.2…5.0×], faster`. Safe
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
        number::describe_comparison(ratio),
    )
}
