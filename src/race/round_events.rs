//! After each round: what was dropped, what a look showed, and whether the
//! run goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Event, Run, ScenarioInfo, Stopping};
use crate::stats::{LOOKS, Verdict};
use crate::verdict::{self, Assessment, Comparison, Failing, RoundsNeeded};

/// Names of the scenarios that need another round.
pub(super) fn open(run: &Run) -> BTreeSet<String> {
    let assessment = Assessment::of(run);
    let scenarios = run.record.scenarios.iter();
    scenarios
        .filter(|scenario| assessment.rounds_needed(scenario).more())
        .map(|scenario| scenario.name.clone())
        .collect()
}

/// The events to report when `round` of a scenario has been built.
pub(super) fn after(run: &Run, scenario: &ScenarioInfo, round: u32) -> Vec<Event> {
    let assessment = Assessment::of(run);
    let messages = messages(&assessment, scenario, round);
    let samples = assessment.slots_planned().len();
    let events = messages.into_iter().map(|message| Event::Rounds {
        at: Timestamp::now(),
        scenario: scenario.name.clone(),
        message,
        samples,
    });
    events.collect()
}

fn messages(assessment: &Assessment<'_>, scenario: &ScenarioInfo, round: u32) -> Vec<String> {
    let run = assessment.run;
    let rules = &run.record.rules;
    let needed = assessment.rounds_needed(scenario);
    let mut slots = run.record.plan.iter();
    let is_last = !slots.any(|slot| slot.scenario == scenario.name && slot.round > round);
    let mut messages = Vec::new();
    let mut dropped = assessment.dropped().iter();
    let dropped = dropped.find(|d| d.scenario == scenario.name && d.round == round);
    if let Some(dropped) = dropped {
        let next = if is_last {
            "no spare round is left"
        } else if needed.more() {
            "buildrace builds another"
        } else {
            "enough rounds count without it"
        };
        let is_whole = planned_in(run, scenario, round) <= run.round(&scenario.name, round).count();
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
    let is_look = rules.stopping != Stopping::Fixed && dropped.is_none();
    let looks = LOOKS.iter().zip(["first", "second"]);
    for (look, name) in looks.filter(|_| is_look) {
        if look.rounds == needed.clean as usize {
            messages.push(look_message(assessment, scenario, name, needed));
        }
    }
    if rules.stopping == Stopping::Gate && dropped.is_none() {
        messages.extend(early_end(assessment, scenario, needed));
    }
    if is_last && needed.more() {
        messages.push(format!(
            "{} of {} rounds count, and no spare round is left",
            needed.clean, needed.wanted
        ));
    }
    messages
}

/// What a gate found before its first look, or in what failed.
fn early_end(
    assessment: &Assessment<'_>,
    scenario: &ScenarioInfo,
    needed: RoundsNeeded,
) -> Vec<String> {
    let is_early = (needed.clean as usize) < LOOKS[0].rounds;
    let from = assessment.run.record.rules.futility_rounds;
    let is_look = from.is_some_and(|from| needed.clean >= from);
    let failed = match needed.more() {
        true => Vec::new(),
        false => failures(assessment, scenario),
    };
    let mut messages = Vec::new();
    if is_early && failed.is_empty() && needed.clean > 0 && (is_look || !needed.more()) {
        messages.push(look_message(assessment, scenario, "early", needed));
    }
    messages.extend(failed);
    messages
}

fn planned_in(run: &Run, scenario: &ScenarioInfo, round: u32) -> usize {
    let slots = run.record.plan.iter();
    slots
        .filter(|slot| slot.scenario == scenario.name && slot.round == round)
        .filter(|slot| verdict::is_wanted(run, slot))
        .count()
}

/// What to do where `round` of a scenario and the one before it were dropped.
pub(super) fn advice(run: &Run, scenario: &ScenarioInfo, round: u32) -> Option<String> {
    let assessment = Assessment::of(run);
    let is_dropped = |round: u32| !assessment.round_counts(&scenario.name, round);
    if round < 2 || !is_dropped(round) || !is_dropped(round - 1) {
        return None;
    }
    let mut of_round = run.round(&scenario.name, round);
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
fn failures(assessment: &Assessment<'_>, scenario: &ScenarioInfo) -> Vec<String> {
    let Some(kind) = scenario.gate() else {
        return Vec::new();
    };
    let base = &scenario.reference;
    let candidates = scenario.variants.iter().map(|variant| &variant.name);
    let said = candidates.filter(|name| *name != base).filter_map(|name| {
        let found = assessment.failures(scenario, name, kind);
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
fn look_message(
    assessment: &Assessment<'_>,
    scenario: &ScenarioInfo,
    look: &str,
    needed: RoundsNeeded,
) -> String {
    let built = assessment.run.of_scenario(&scenario.name);
    let walls: Vec<Duration> = built.map(|sample| sample.wall).collect();
    let spent: Duration = walls.iter().sum();
    let spent = humantime::format_duration(Duration::from_secs(spent.as_secs()));
    let found = assessment.comparisons().iter();
    let found: Vec<String> = found
        .filter(|found| found.scenario == scenario.name && found.is_gate)
        .map(describe)
        .collect();
    let clean = needed.clean;
    let next = match needed.wanted.checked_sub(clean) {
        Some(1) => "1 more round".to_owned(),
        Some(more @ 2..) => format!("{more} more rounds"),
        _ => "no more rounds".to_owned(),
    };
    format!(
        "{look} look, after {clean} rounds ({} builds, {spent}): {}: {next}",
        walls.len(),
        found.join("; "),
    )
}

fn describe(found: &Comparison) -> String {
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
