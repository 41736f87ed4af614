//! How many rounds a run builds: until it is clear, without those that
//! something else got into.

use std::collections::BTreeSet;

use buildrace::model::{
    AUTO_ROUNDS, BuildKind, Contamination, Event, FUTILITY_ROUNDS, FailureRule, Rules, Run, RunEnd,
    Stopping, VariantInfo,
};
use buildrace::plan::{self, PlanInput};
use buildrace::verdict::Assessment;
use tokio_util::sync::CancellationToken;

use crate::scripted::{Memory, Scripted, Setting, Wall, run, setting};

/// Spare rounds of a run that is planned for [`AUTO_ROUNDS`].
const SPARE: u32 = 6;

/// Scenarios `tiny` and whatever else is named, alike, with the variants
/// `naive` and `cross`, built cold.
fn auto(stopping: Stopping, others: &[&str]) -> Setting {
    let mut setting = setting(&[BuildKind::Cold], &["naive", "cross"]);
    let variants = ["naive", "cross"].map(|name| VariantInfo {
        name: name.into(),
        dockerfile: String::new(),
        digest: String::new(),
        revision: None,
        sources_digest: None,
        builder: None,
        emulators: None,
        bake: None,
    });
    setting.record.scenarios[0].variants = variants.to_vec();
    for name in others {
        let mut scenario = setting.scenarios[0].clone();
        scenario.name = (*name).to_owned();
        setting.scenarios.push(scenario);
        let mut info = setting.record.scenarios[0].clone();
        info.name = (*name).to_owned();
        setting.record.scenarios.push(info);
    }
    let inputs: Vec<PlanInput> = setting
        .scenarios
        .iter()
        .map(|scenario| PlanInput {
            scenario: scenario.name.clone(),
            variants: vec!["naive".into(), "cross".into()],
            kinds: vec![BuildKind::Cold],
            native_only: false,
        })
        .collect();
    setting.record.rounds = AUTO_ROUNDS;
    setting.record.rules = Rules {
        stopping,
        spare_rounds: SPARE,
        contamination: Some(Contamination::default()),
        ..Rules::default()
    };
    setting.record.plan = plan::plan(&inputs, AUTO_ROUNDS + SPARE, 1);
    setting
}

/// The round of a reference `buildrace-RUN-r7-02-tiny-cross-cold`.
fn round(reference: &str) -> u32 {
    let number = reference
        .split("-r")
        .find_map(|part| part.split('-').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("{reference} is of no round"))
}

/// Every variant takes a second, and `cross` this many times as long in a
/// round of a scenario.
fn wall(ratio: impl Fn(&str, u32) -> f64 + Send + Sync + 'static) -> Option<Wall> {
    Some(Box::new(move |reference: &str| {
        if reference.ends_with("-cross-cold") {
            ratio(reference, round(reference))
        } else {
            1.0
        }
    }))
}

/// Faster in one round and slower in the next: no verdict.
fn torn(round: u32) -> f64 {
    if round.is_multiple_of(2) { 1.2 } else { 0.8 }
}

async fn race(setting: &Setting, builder: &Scripted) -> Memory {
    let mut memory = Memory::default();
    let end = run(setting, builder, &mut memory, &CancellationToken::new()).await;
    assert_eq!(end.unwrap(), RunEnd::Completed);
    memory
}

/// The rounds of a scenario that were built; each with both variants, but for
/// the rest of one that somebody else got into.
fn built(memory: &Memory, scenario: &str) -> Vec<u32> {
    let samples = memory.samples();
    let of = samples
        .iter()
        .filter(|sample| sample.slot.scenario == scenario);
    let rounds: BTreeSet<u32> = of.clone().map(|sample| sample.slot.round).collect();
    for round in &rounds {
        let of_round: Vec<_> = of.clone().filter(|s| s.slot.round == *round).collect();
        let is_lost = !of_round[0].disturbances.is_empty();
        let expected = if is_lost { 1 } else { 2 };
        assert_eq!(of_round.len(), expected, "of round {round}");
    }
    rounds.into_iter().collect()
}

fn first(rounds: u32) -> Vec<u32> {
    (1..=rounds).collect()
}

/// The ends of the references of the first builds of these rounds of `tiny`.
fn first_builds(setting: &Setting, rounds: impl IntoIterator<Item = u32>) -> Vec<String> {
    let slots = setting.record.plan.iter();
    let slots = slots.filter(|slot| slot.scenario == "tiny");
    let of = |round| slots.clone().find(|slot| slot.round == round).unwrap();
    let rounds = rounds.into_iter();
    rounds.map(|round| format!("-{}", of(round).id)).collect()
}

/// What a run advises where its rounds are dropped.
fn advice(memory: &Memory) -> Vec<&str> {
    let events = memory.events.iter();
    let warnings = events.filter_map(|event| match event {
        Event::Warning { message, .. } => Some(message.as_str()),
        _ => None,
    });
    warnings
        .filter(|warning| warning.contains("dropped"))
        .collect()
}

#[tokio::test]
async fn what_is_clear_stops_at_the_first_look() {
    for (ratio, verdict) in [(1.5, "slower"), (0.5, "faster"), (1.0, "same")] {
        for stopping in [Stopping::Auto, Stopping::Gate] {
            let setting = auto(stopping, &[]);
            let builder = Scripted {
                wall: wall(move |_, round| ratio + f64::from(round % 3) * 0.001),
                ..Scripted::default()
            };
            let memory = race(&setting, &builder).await;
            assert_eq!(built(&memory, "tiny"), first(6));
            let told = memory.told("tiny");
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(
                told[0].starts_with("first look, after 6 rounds (12 builds, ")
                    && told[0].contains(&format!("cross cold {verdict} ("))
                    && told[0].ends_with("no more rounds"),
                "{told:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_not_clear_goes_on_to_the_second_look_and_no_further() {
    let setting = auto(Stopping::Auto, &[]);
    let builder = Scripted {
        wall: wall(|_, round| torn(round)),
        ..Scripted::default()
    };
    let memory = race(&setting, &builder).await;
    assert_eq!(built(&memory, "tiny"), first(12));
    let told = memory.told("tiny");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("not clear yet") && told[0].ends_with("6 more rounds"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("second look, after 12 rounds (24 builds")
            && told[1].contains("inconclusive")
            && told[1].ends_with("no more rounds"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_gate_stops_when_nothing_points_to_a_slow_down() {
    // The middle of these is no change at all, and the interval is too wide
    // for a verdict.
    let ratio = |round: u32| [0.8, 1.2, 0.9, 1.1, 1.0, 0.95][(round as usize - 1) % 6];
    for (stopping, rounds) in [(Stopping::Gate, 6), (Stopping::Auto, 12)] {
        let setting = auto(stopping, &[]);
        let builder = Scripted {
            wall: wall(move |_, round| ratio(round)),
            ..Scripted::default()
        };
        assert_eq!(
            built(&race(&setting, &builder).await, "tiny"),
            first(rounds)
        );
    }
    // Where something does, it goes on.
    let setting = auto(Stopping::Gate, &[]);
    let builder = Scripted {
        wall: wall(move |_, round| ratio(round) * 1.1),
        ..Scripted::default()
    };
    assert_eq!(built(&race(&setting, &builder).await, "tiny"), first(12));
}

#[tokio::test]
async fn a_round_beside_somebody_elses_build_is_dropped_and_built_again() {
    let setting = auto(Stopping::Auto, &[]);
    let builder = Scripted {
        wall: wall(|_, round| if round == 2 { 9.0 } else { 1.5 }),
        beside: first_builds(&setting, [2]),
        ..Scripted::default()
    };
    let memory = race(&setting, &builder).await;
    assert_eq!(built(&memory, "tiny"), first(7));
    let told = memory.told("tiny");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("round 2 dropped: build somebody-else-beside-")
            && told[0].ends_with("the rest of it is not built; buildrace builds another"),
        "{told:?}"
    );
    assert!(told[1].starts_with("first look, after 6 rounds (13 builds"));
    // One of them alone asks for nothing.
    assert_eq!(advice(&memory), [""; 0]);
    // Six clean rounds decide, and the dropped one is not among them.
    let run = Run {
        samples: memory.samples().into_iter().cloned().collect(),
        ..Run::new(setting.record.clone())
    };
    let assessment = Assessment::of(&run);
    let found = &assessment.comparisons()[0];
    assert_eq!(found.verdict, Some(buildrace::stats::Verdict::Slower));
    let rounds: Vec<u32> = found.log_ratios.keys().copied().collect();
    assert_eq!(rounds, [1, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn no_more_rounds_are_built_again_than_there_are_spare_ones() {
    let setting = auto(Stopping::Auto, &[]);
    let builder = Scripted {
        wall: wall(|_, round| torn(round)),
        beside: first_builds(&setting, 1..=AUTO_ROUNDS + SPARE),
        ..Scripted::default()
    };
    let memory = race(&setting, &builder).await;
    assert_eq!(built(&memory, "tiny"), first(AUTO_ROUNDS + SPARE));
    let told = memory.told("tiny");
    let (last, before) = told.split_last().unwrap();
    assert_eq!(*last, "0 of 6 rounds count, and no spare round is left");
    assert!(before.last().unwrap().ends_with("no spare round is left"));
    assert!(before.iter().all(|line| line.contains(" dropped: ")));
    // What to do is said once, and what was not built is not counted as missing.
    let [advice] = advice(&memory)[..] else {
        panic!("{:?}", advice(&memory))
    };
    assert!(
        advice.starts_with("two rounds in a row were dropped: somebody else builds on this engine")
            && advice.contains("--keep-contaminated"),
        "{advice}"
    );
    let last = memory.events.iter().rev().find_map(|event| match event {
        Event::Rounds { samples, .. } => Some(*samples),
        _ => None,
    });
    assert_eq!(last, Some(memory.samples().len()));
}

#[tokio::test]
async fn rounds_are_kept_where_nothing_is_to_be_dropped() {
    let mut setting = auto(Stopping::Fixed, &[]);
    setting.record.rounds = 3;
    let beside = first_builds(&setting, [2]);
    for (contamination, rounds) in [(Some(Contamination::default()), 4), (None, 3)] {
        setting.record.rules.contamination = contamination;
        let builder = Scripted {
            wall: wall(|_, _| 1.5),
            beside: beside.clone(),
            ..Scripted::default()
        };
        let memory = race(&setting, &builder).await;
        let samples = memory.samples();
        let rounds_built: BTreeSet<u32> = samples.iter().map(|s| s.slot.round).collect();
        assert_eq!(rounds_built.len(), rounds as usize);
        // Kept, the round is built to its end.
        let of_second = samples
            .iter()
            .filter(|sample| sample.slot.round == 2)
            .count();
        assert_eq!(of_second, if contamination.is_some() { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_scenario_that_is_decided_waits_for_no_other() {
    let setting = auto(Stopping::Auto, &["other"]);
    let builder = Scripted {
        wall: wall(|reference, round| {
            if reference.contains("-other-") {
                torn(round)
            } else {
                1.5
            }
        }),
        ..Scripted::default()
    };
    let memory = race(&setting, &builder).await;
    assert_eq!(built(&memory, "tiny"), first(6));
    assert_eq!(built(&memory, "other"), first(12));
    // Whoever shows progress is told how many builds are left.
    let planned: Vec<usize> = memory
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Rounds { samples, .. } => Some(*samples),
            _ => None,
        })
        .collect();
    assert_eq!(planned, [36, 36, 36]);
    assert_eq!(memory.samples().len(), 36);
}

#[tokio::test]
async fn a_candidate_that_does_not_build_is_not_built_time_after_time() {
    let setting = auto(Stopping::Auto, &[]);
    let failed = buildrace::buildkit::BuildError::Failed {
        message: "no such package".into(),
    };
    let builder = Scripted {
        ends: [("-cross-cold", failed)].into(),
        ..Scripted::default()
    };
    let memory = race(&setting, &builder).await;
    assert_eq!(built(&memory, "tiny"), first(2));
}

/// A gate as one begins today.
fn gate() -> Setting {
    let mut setting = auto(Stopping::Gate, &[]);
    setting.record.rules.futility_rounds = Some(FUTILITY_ROUNDS);
    setting.record.rules.failures = Some(FailureRule::LOOKS);
    setting
}

/// Builds of these variants, in these rounds, fail.
fn failing(builds: &[(&str, &[u32])]) -> Scripted {
    let planned = gate().record.plan;
    let ends = planned.iter().filter(|slot| {
        let mut builds = builds.iter();
        builds.any(|(variant, rounds)| slot.variant == *variant && rounds.contains(&slot.round))
    });
    let failed = buildrace::buildkit::BuildError::Failed {
        message: "no such package".into(),
    };
    Scripted {
        ends: ends
            .map(|slot| (&*format!("-{}", slot.id).leak(), failed.clone()))
            .collect(),
        wall: wall(|_, round| 1.0 + f64::from(round % 3) * 0.01),
        ..Scripted::default()
    }
}

const ALWAYS: &[u32] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
];

#[tokio::test]
async fn a_gate_ends_after_three_rounds_where_nothing_points_to_a_slow_down() {
    let memory = race(&gate(), &failing(&[])).await;
    assert_eq!(built(&memory, "tiny"), first(3));
    let told = memory.told("tiny");
    assert!(
        told.len() == 1 && told[0].starts_with("early look, after 3 rounds (6 builds"),
        "{told:?}"
    );
    // Where something does, it goes on to the first look.
    let builder = Scripted {
        wall: wall(|_, _| 1.5),
        ..Scripted::default()
    };
    assert_eq!(built(&race(&gate(), &builder).await, "tiny"), first(6));
}

#[tokio::test]
async fn a_gate_tries_again_what_failed_before_it_believes_it() {
    // A flake of each side, one of the base, one of the change alone.
    for (builds, rounds) in [
        (&[("naive", &[1][..]), ("cross", &[2])][..], 5),
        (&[("naive", &[1])], 4),
        (&[("cross", &[1])], 7),
    ] {
        let memory = race(&gate(), &failing(builds)).await;
        assert_eq!(built(&memory, "tiny"), first(rounds), "{builds:?}");
    }
    // What is broken on one side, or on both, is so after three.
    for (builds, said) in [
        (&[("cross", ALWAYS)][..], "cross does not build in cold"),
        (
            &[("naive", ALWAYS)],
            "cross builds in cold, and naive does not",
        ),
        (
            &[("naive", ALWAYS), ("cross", ALWAYS)],
            "neither naive nor cross",
        ),
    ] {
        let memory = race(&gate(), &failing(builds)).await;
        assert_eq!(built(&memory, "tiny"), first(3), "{builds:?}");
        let told = memory.told("tiny");
        assert!(told.len() == 1 && told[0].starts_with(said), "{told:?}");
    }
    // With a flake on the other it takes until the next look.
    let memory = race(&gate(), &failing(&[("naive", &[2]), ("cross", ALWAYS)])).await;
    assert_eq!(built(&memory, "tiny"), first(6));
}
