//! After each round: what was dropped, what a look showed, and whether the
//! run goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::Event;
use crate::model::{RunRecord, Sample, ScenarioInfo, Stopping};
use crate::stats::Verdict;
use crate::verdict::{self, Comparison, Failing};

/// Names of the scenarios that need another round.
pub(super) fn open(record: &RunRecord, samples: &[Sample]) -> BTreeSet<String> {
    record
        .scenarios
        .iter()
        .filter(|scenario| verdict::rounds_needed(record, scenario, samples).more())
        .map(|scenario| scenario.name.clone())
        .collect()
}

/// What is to be told when `round` of a scenario has been built.
pub(super) fn after(
    record: &RunRecord,
    scenario: &ScenarioInfo,
    samples: &[Sample],
    round: u32,
) -> Vec<Event> {
    let needed = verdict::rounds_needed(record, scenario, samples);
    let is_last = !record
        .plan
        .iter()
        .any(|slot| slot.scenario == scenario.name && slot.round > round);
    let mut messages = Vec::new();
    let dropped = verdict::dropped_rounds(record, samples);
    let mut dropped = dropped.into_iter();
    let this = dropped.find(|d| d.scenario == scenario.name && d.round == round);
    if let Some(dropped) = &this {
        let next = if is_last {
            "no spare round is left"
        } else if needed.more() {
            "buildrace builds another"
        } else {
            "enough rounds count without it"
        };
        let is_whole =
            planned_in(record, scenario, samples, round) <= built_in(samples, scenario, round);
        let rest = if is_whole {
            ""
        } else {
            "; the rest of it is not built"
        };
        messages.push(format!(
            "round {round} dropped: {}{rest}; {next}",
            dropped.reason
        ));
    }
    let is_look = record.rules.stopping != Stopping::Fixed && this.is_none();
    let looks = crate::stats::LOOKS.iter().zip(["first", "second"]);
    for (look, name) in looks.filter(|_| is_look) {
        if look.rounds == needed.clean as usize {
            messages.push(looked(record, scenario, samples, name, needed.wanted));
        }
    }
    let is_gate = record.rules.stopping == Stopping::Gate;
    if is_gate && this.is_none() {
        let is_early = (needed.clean as usize) < crate::stats::LOOKS[0].rounds;
        let goes_on = needed.more();
        let is_look = record
            .rules
            .futility_rounds
            .is_some_and(|from| needed.clean >= from);
        let failed = match goes_on {
            true => Vec::new(),
            false => failed(record, scenario, samples),
        };
        if is_early && failed.is_empty() && needed.clean > 0 && (is_look || !goes_on) {
            messages.push(looked(record, scenario, samples, "early", needed.wanted));
        }
        messages.extend(failed);
    }
    if is_last && needed.more() {
        messages.push(format!(
            "{} of {} rounds count, and no spare round is left",
            needed.clean, needed.wanted
        ));
    }
    let samples_planned = verdict::slots_planned(record, samples).len();
    let events = messages.into_iter().map(|message| Event::Rounds {
        at: Timestamp::now(),
        scenario: scenario.name.clone(),
        message,
        samples: samples_planned,
    });
    events.collect()
}

fn planned_in(
    record: &RunRecord,
    scenario: &ScenarioInfo,
    samples: &[Sample],
    round: u32,
) -> usize {
    let slots = record.plan.iter();
    slots
        .filter(|slot| slot.scenario == scenario.name && slot.round == round)
        .filter(|slot| verdict::is_wanted(record, samples, slot))
        .count()
}

fn built_in(samples: &[Sample], scenario: &ScenarioInfo, round: u32) -> usize {
    let samples = samples.iter();
    samples
        .filter(|sample| sample.slot.scenario == scenario.name && sample.slot.round == round)
        .count()
}

/// What to do where `round` of a scenario and the one before it were dropped.
pub(super) fn advice(
    record: &RunRecord,
    scenario: &ScenarioInfo,
    samples: &[Sample],
    round: u32,
) -> Option<String> {
    let dropped = verdict::dropped_rounds(record, samples);
    let is_dropped = |round: u32| {
        let mut dropped = dropped.iter();
        dropped.any(|d| d.scenario == scenario.name && d.round == round)
    };
    if round < 2 || !is_dropped(round) || !is_dropped(round - 1) {
        return None;
    }
    let mut of_round = samples
        .iter()
        .filter(|sample| sample.slot.scenario == scenario.name && sample.slot.round == round);
    let (why, what) = if of_round.any(|sample| !sample.disturbances.is_empty()) {
        (
            "somebody else builds on this engine",
            "Wait until they are done, or use a private engine (`buildrace engine up`)",
        )
    } else {
        (
            "something else keeps the machine busy",
            "Stop it, or use another machine",
        )
    };
    Some(format!(
        "two rounds in a row were dropped: {why}. {what}; `--keep-contaminated` keeps such rounds"
    ))
}

/// What the failures of the gate's kind decided, a line a candidate.
fn failed(record: &RunRecord, scenario: &ScenarioInfo, samples: &[Sample]) -> Vec<String> {
    let Some(kind) = scenario.gate() else {
        return Vec::new();
    };
    let base = &scenario.reference;
    let candidates = scenario.variants.iter().map(|variant| &variant.name);
    let said = candidates.filter(|name| *name != base).filter_map(|name| {
        let found = verdict::failures(record, samples, scenario, name, kind);
        let said = match found.said {
            Failing::Unproven => return None,
            Failing::DoesNotBuild => format!("{name} does not build in {kind}, and {base} does"),
            Failing::MoreOften { .. } => {
                format!("{name} fails more often than {base} in {kind}")
            }
            Failing::Repaired => format!("{name} builds in {kind}, and {base} does not"),
            Failing::NeitherBuilds => format!("neither {base} nor {name} builds in {kind}"),
        };
        let (tries, other) = (found.candidate, found.reference);
        Some(format!(
            "{said}: {} of {} builds failed, and {} of {}; no more rounds",
            tries.failed,
            tries.all(),
            other.failed,
            other.all()
        ))
    });
    said.collect()
}

/// `first look, after 6 rounds (24 builds, 3m 20s): cross incremental slower
/// (+31%, +22…+45%): decided`
fn looked(
    record: &RunRecord,
    scenario: &ScenarioInfo,
    samples: &[Sample],
    look: &str,
    wanted: u32,
) -> String {
    let of_scenario: Vec<&Sample> = samples
        .iter()
        .filter(|sample| sample.slot.scenario == scenario.name)
        .collect();
    let spent: Duration = of_scenario.iter().map(|sample| sample.wall).sum();
    let spent = humantime::format_duration(Duration::from_secs(spent.as_secs()));
    let found = verdict::comparisons(record, samples);
    let found: Vec<String> = found
        .iter()
        .filter(|found| found.scenario == scenario.name && found.is_gate)
        .map(told)
        .collect();
    let clean = verdict::rounds_needed(record, scenario, samples).clean;
    let next = match wanted.checked_sub(clean) {
        Some(1) => "1 more round".to_owned(),
        Some(more @ 2..) => format!("{more} more rounds"),
        _ => "no more rounds".to_owned(),
    };
    format!(
        "{look} look, after {clean} rounds ({} builds, {spent}): {}: {next}",
        of_scenario.len(),
        found.join("; "),
    )
}

fn told(found: &Comparison) -> String {
    let verdict = found.verdict.map_or("not clear yet", Verdict::as_str);
    let of = format!("{} {}", found.candidate, found.kind);
    let Some(ratio) = found.ratio else {
        return format!("{of}: no round has both times");
    };
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    match ratio.interval {
        Some(interval) => format!(
            "{of} {verdict} ({:+.1}%, {:+.1}…{:+.1}%)",
            percent(ratio.estimate),
            percent(interval.low),
            percent(interval.high)
        ),
        None => format!("{of} {verdict} ({:+.1}%)", percent(ratio.estimate)),
    }
}
