use super::super::comparison::roll_up;
use super::*;
use crate::model::{Contamination, NoiseFloor, RunRecord, Sample};
use crate::report::fixture;
use crate::stats::{Basis, Unjudged, Verdict};

/// naive against a candidate that takes so many times as long, in each
/// round a little more or less.
fn raced(ratio: f64, rounds: u32) -> (RunRecord, Vec<Sample>) {
    let (record, mut samples) = fixture::run(&[("naive", [1.0; 4]), ("cross", [1.0; 4])], rounds);
    for sample in &mut samples {
        let drift = 1.0 + f64::from(sample.slot.round) / 10.0;
        let own = match sample.slot.variant.as_str() {
            "cross" => ratio * (1.0 + f64::from(sample.slot.round % 3) * 0.001),
            _ => 1.0,
        };
        sample.wall = std::time::Duration::from_secs_f64(drift * own);
    }
    (record, samples)
}

fn comparisons(record: &RunRecord, samples: &[Sample]) -> Vec<Comparison> {
    let run = fixture::of(record, samples);
    Assessment::of(&run).comparisons().to_vec()
}

fn gate(record: &RunRecord, samples: &[Sample]) -> Comparison {
    let found = comparisons(record, samples);
    let mut gates = found.into_iter().filter(|found| found.is_gate);
    let gate = gates.next().unwrap();
    assert_eq!(gates.next(), None, "more than one kind is the gate's");
    gate
}

#[test]
fn what_builds_something_else_has_no_time_that_counts() {
    let (record, mut samples) = raced(0.5, 6);
    let multi_arch = samples
        .iter()
        .position(|s| s.slot.variant == "cross" && s.slot.kind == BuildKind::MultiArch)
        .unwrap();
    samples[multi_arch].outcome = Outcome::WrongOutput;
    for found in comparisons(&record, &samples) {
        let is_right = found.kind == BuildKind::Cold;
        assert_eq!(found.ratio.is_some(), is_right, "{}", found.kind);
        assert_eq!(
            crate::verdict::never_builds(
                &fixture::of(&record, &samples),
                "go-hello",
                "cross",
                found.kind
            ),
            !is_right
        );
    }
}

#[test]
fn each_kind_is_judged_and_one_is_the_gates() {
    let (mut record, samples) = raced(1.5, 6);
    let found = comparisons(&record, &samples);
    let kinds: Vec<BuildKind> = found.iter().map(|found| found.kind).collect();
    assert_eq!(kinds, BuildKind::STANDARD);
    for found in &found {
        assert_eq!(found.verdict, Some(Verdict::Slower), "{}", found.kind);
        assert_eq!(found.candidate, "cross");
    }
    assert_eq!(gate(&record, &samples).kind, BuildKind::Incremental);
    record.scenarios[0].gate = Some(BuildKind::Noop);
    assert_eq!(gate(&record, &samples).kind, BuildKind::Noop);
    // Without its reference a candidate is compared with nothing.
    record.scenarios[0].variants.remove(0);
    assert_eq!(comparisons(&record, &samples), []);
}

#[test]
fn too_few_rounds_have_a_ratio_and_no_verdict() {
    let (record, samples) = raced(1.5, 5);
    let found = gate(&record, &samples);
    assert_eq!(found.verdict, None);
    let few = |rounds| Some(Unjudged::TooFewRounds { rounds });
    assert_eq!(found.unjudged(), few(5));
    let ratio = found.ratio.unwrap();
    assert_eq!((ratio.n, ratio.basis), (5, Basis::ModelBased));
    let (record, samples) = raced(1.5, 1);
    let found = gate(&record, &samples);
    assert_eq!(found.unjudged(), few(1));
    assert_eq!(found.ratio.unwrap().basis, Basis::OneRound);
    assert_eq!(gate(&record, &[]).ratio, None);
    assert_eq!(gate(&record, &[]).unjudged(), Some(Unjudged::NoPair));
}

#[test]
fn a_kind_with_six_rounds_that_is_not_clear_has_not_too_few() {
    // The gate's kind is clear at the first look and ends the run; another
    // is not.
    let (mut record, mut samples) = raced(1.5, 6);
    record.rules.stopping = Stopping::Auto;
    let noops = samples
        .iter_mut()
        .filter(|s| s.slot.kind == BuildKind::Noop);
    for sample in noops.filter(|s| s.slot.variant == "cross") {
        let torn = [0.3, 1.2][sample.slot.round as usize % 2];
        sample.wall = sample.wall.mul_f64(torn);
    }
    let found = comparisons(&record, &samples);
    let noop = found.iter().find(|f| f.kind == BuildKind::Noop).unwrap();
    assert_eq!(gate(&record, &samples).unjudged(), None);
    assert_eq!(noop.unjudged(), Some(Unjudged::NotClear { rounds: 6 }));
    // Its single rounds are told too.
    let spread = noop.spread().unwrap();
    assert!(spread.min < 0.5 && spread.max > 1.5, "{spread:?}");
    // Four kinds are compared: a fifth of an interval by chance.
    let several = super::super::multiple_comparisons(&found);
    assert_eq!(several.comparisons, 4);
    assert!((several.by_chance - 0.2).abs() < 1e-12);
}

#[test]
fn what_failed_or_was_dropped_is_no_time() {
    let (mut record, mut samples) = raced(1.5, 8);
    record.rules.contamination = Some(Contamination::default());
    let of = |samples: &[Sample], round: u32, kind: BuildKind| {
        let at = samples.iter().position(|s| {
            s.slot.round == round && s.slot.kind == kind && s.slot.variant == "cross"
        });
        at.unwrap()
    };
    let at = of(&samples, 1, BuildKind::Incremental);
    fixture::fail(&mut samples[at], Outcome::Failed);
    // Something got in the way of another kind: the round is dropped whole.
    let at = of(&samples, 3, BuildKind::Cold);
    samples[at].disturbances = vec!["build x".into()];
    let rounds = |kind| {
        let run = fixture::of(&record, &samples);
        let found = Assessment::of(&run).times("go-hello", "cross", kind);
        found.into_keys().collect::<Vec<u32>>()
    };
    assert_eq!(rounds(BuildKind::Incremental), [2, 4, 5, 6, 7, 8]);
    assert_eq!(rounds(BuildKind::Noop), [1, 2, 4, 5, 6, 7, 8]);
    let found = gate(&record, &samples);
    assert_eq!(
        found.log_ratios.keys().copied().collect::<Vec<_>>(),
        [2, 4, 5, 6, 7, 8]
    );
    assert_eq!(found.verdict, Some(Verdict::Slower));
}

#[test]
fn a_noise_floor_above_the_threshold_takes_its_place() {
    let (mut record, samples) = raced(1.2, 6);
    assert_eq!(gate(&record, &samples).verdict, Some(Verdict::Slower));
    record.rules.noise_floor = vec![NoiseFloor {
        scenario: "go-hello".into(),
        kind: BuildKind::Incremental,
        share: 0.3,
        run: "null-race".into(),
    }];
    let found = gate(&record, &samples);
    assert_eq!((found.verdict, found.delta), (Some(Verdict::Same), 0.3));
    // Of another kind it says nothing.
    let cold = &comparisons(&record, &samples)[0];
    assert_eq!((cold.verdict, cold.delta), (Some(Verdict::Slower), 0.05));
    record.rules.noise_floor[0].share = 0.01;
    assert_eq!(gate(&record, &samples).delta, 0.05);
}

#[test]
fn a_gate_that_stopped_early_says_no_more_than_it_knows() {
    let (mut record, mut samples) = raced(1.0, 6);
    for sample in samples.iter_mut().filter(|s| s.slot.variant == "cross") {
        let torn = if sample.slot.round.is_multiple_of(2) {
            1.3
        } else {
            0.6
        };
        sample.wall = sample.wall.mul_f64(torn);
    }
    record.rules.stopping = Stopping::Auto;
    assert_eq!(gate(&record, &samples).verdict, None);
    record.rules.stopping = Stopping::Gate;
    let found = gate(&record, &samples);
    assert_eq!(found.verdict, Some(Verdict::Inconclusive));
    record.rules.stopping = Stopping::Fixed;
    let found = gate(&record, &samples);
    assert_eq!(found.verdict, Some(Verdict::Inconclusive));
}

#[test]
fn a_run_whose_last_round_was_given_up_has_its_last_look() {
    let (mut record, mut samples) = raced(1.5, 9);
    record.rules.stopping = Stopping::Auto;
    record.rules.contamination = Some(Contamination::default());
    // Not clear at the first look.
    let first = |s: &&mut Sample| s.slot.variant == "cross" && s.slot.round == 1;
    for sample in samples.iter_mut().filter(first) {
        sample.wall = sample.wall.mul_f64(0.6);
    }
    let decided = |samples: &[Sample]| gate(&record, samples).verdict.is_some();
    // The last round goes on, is given up after its first build, or is over.
    let last: Vec<Sample> = samples
        .iter()
        .filter(|s| s.slot.round == 9)
        .cloned()
        .collect();
    samples.retain(|sample| sample.slot.round < 9);
    samples.push(last[0].clone());
    assert!(!decided(&samples));
    samples.last_mut().unwrap().disturbances = vec!["build x".into()];
    assert!(decided(&samples));
    samples.pop();
    samples.extend(last);
    assert!(decided(&samples));
    // That of another scenario is no matter.
    let mut other = record.plan.last().unwrap().clone();
    other.scenario = "other".into();
    other.id = "other".into();
    let mut two = record.clone();
    two.plan.push(other);
    assert!(gate(&two, &samples).verdict.is_some());
}

#[test]
fn one_figure_for_several_comparisons_is_their_geometric_mean() {
    let (mut record, _) = raced(1.0, 6);
    let of = |ratio: f64| {
        let (record, samples) = raced(ratio, 6);
        gate(&record, &samples)
    };
    let (slow, fast) = (of(2.0), of(0.5));
    let (ratio, verdict) = roll_up(&record.rules, &[&slow, &fast]).unwrap();
    assert!((ratio.estimate - 1.0).abs() < 0.01, "{ratio:?}");
    assert_eq!(verdict, Some(Verdict::Same));
    let (ratio, verdict) = roll_up(&record.rules, &[&slow, &slow, &fast]).unwrap();
    assert!((ratio.estimate - 2f64.powf(1.0 / 3.0)).abs() < 0.01);
    assert_eq!(verdict, Some(Verdict::Slower));
    // The largest of their thresholds holds for all of them.
    let noisy = Comparison {
        delta: 0.5,
        ..of(2.0)
    };
    let (_, verdict) = roll_up(&record.rules, &[&slow, &noisy, &fast]).unwrap();
    assert_eq!(verdict, Some(Verdict::Same));
    // Rounds that one of them lacks are left out, and then there may be
    // too few.
    let mut short = of(2.0);
    short.log_ratios.remove(&3);
    let (ratio, verdict) = roll_up(&record.rules, &[&slow, &short]).unwrap();
    assert_eq!((ratio.n, verdict), (5, None));
    short.log_ratios.clear();
    assert_eq!(roll_up(&record.rules, &[&slow, &short]), None);
    assert_eq!(roll_up(&record.rules, &[&slow]), None);
    record.rules.delta = 0.9;
    let (_, verdict) = roll_up(&record.rules, &[&slow, &slow, &fast]).unwrap();
    assert_eq!(verdict, Some(Verdict::Same));
}
