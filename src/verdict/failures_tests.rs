use super::*;
use crate::model::{Failure, RunRecord};
use crate::report::fixture;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const KIND: BuildKind = BuildKind::Incremental;

/// A gate of so many rounds in which the rounds named of each side failed.
fn gate(rounds: u32, base: &[u32], change: &[u32]) -> (RunRecord, Vec<Sample>) {
    let (mut record, mut samples) =
        fixture::run(&[("base", [1.0; 4]), ("worktree", [1.0; 4])], rounds);
    record.rules.stopping = Stopping::Gate;
    record.rules.failures = Some(FailureRule::LOOKS);
    for sample in samples.iter_mut().filter(|sample| sample.slot.kind == KIND) {
        let failed = match sample.slot.variant.as_str() {
            "base" => base,
            _ => change,
        };
        if failed.contains(&sample.slot.round) {
            fixture::fail(sample, Outcome::Failed);
        }
    }
    (record, samples)
}

fn said_of((record, samples): &(RunRecord, Vec<Sample>)) -> Failing {
    let run = fixture::of(record, samples);
    Assessment::of(&run)
        .failures(&run.record.scenarios[0], "worktree", KIND)
        .said
}

fn said(rounds: u32, base: &[u32], change: &[u32]) -> Failing {
    said_of(&gate(rounds, base, change))
}

const ALL: [u32; 18] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
];

#[test]
fn what_fails_alike_three_times_does_not_build() {
    assert_eq!(said(2, &[], &ALL), Failing::Unproven);
    assert_eq!(said(3, &[], &ALL), Failing::DoesNotBuild);
    assert_eq!(said(3, &ALL, &[]), Failing::Repaired);
    assert_eq!(said(2, &ALL, &[]), Failing::Unproven);
    assert_eq!(said(3, &ALL, &ALL), Failing::NeitherBuilds);
    // Three ways to fail are no step that is broken: it takes more to be sure.
    let differing = |rounds| {
        let (record, mut samples) = gate(rounds, &[], &ALL);
        for sample in &mut samples {
            if let Some(failure) = &mut sample.failure {
                failure.exit_code = Some(sample.slot.round.cast_signed());
            }
        }
        said_of(&(record, samples))
    };
    assert_eq!(differing(3), Failing::Unproven);
    assert!(matches!(differing(6), Failing::MoreOften { .. }));
}

#[test]
fn a_flake_of_the_base_only_makes_it_take_longer() {
    assert_eq!(said(3, &[1], &ALL), Failing::Unproven);
    assert_eq!(said(6, &[1], &ALL), Failing::DoesNotBuild);
    assert_eq!(said(6, &ALL, &[2]), Failing::Repaired);
}

#[test]
fn flakes_of_both_sides_are_nobodys_doing() {
    assert_eq!(said(12, &[1, 4, 7], &[2, 5, 7, 11]), Failing::Unproven);
    assert_eq!(said(12, &[], &[2, 5]), Failing::Unproven);
    let often = said(12, &[], &[1, 3, 5, 7, 9, 11]);
    assert!(matches!(often, Failing::MoreOften { p } if p < 0.01));
    // What was decided once stays so.
    let later = said(18, &[13, 14, 15, 16, 17, 18], &[1, 3, 5, 7, 9, 11]);
    assert!(matches!(later, Failing::MoreOften { .. }));
}

#[test]
fn rounds_that_are_dropped_and_containers_that_did_not_start_say_nothing() {
    let (mut record, mut samples) = gate(4, &[], &ALL);
    record.rules.contamination = Some(Default::default());
    for sample in samples.iter_mut().filter(|sample| sample.slot.round <= 2) {
        sample.disturbances = vec!["build x".into()];
    }
    let run = fixture::of(&record, &samples);
    let found = Assessment::of(&run).failures(&run.record.scenarios[0], "worktree", KIND);
    assert_eq!((found.candidate.all(), found.said), (2, Failing::Unproven));
    let (record, mut samples) = gate(3, &[], &ALL);
    for sample in samples.iter_mut().filter(|sample| sample.failure.is_some()) {
        sample.failure = Some(Failure {
            log_tail: vec![
                "runc run failed: unable to start container process: waiting for init \
                 preliminary setup: EOF"
                    .into(),
            ],
            ..sample.failure.clone().unwrap()
        });
    }
    assert_eq!(said_of(&(record, samples)), Failing::Unproven);
}

#[test]
fn a_build_that_was_skipped_failed_for_the_reason_of_the_one_before() {
    let (mut record, mut samples) = gate(3, &[], &[]);
    record.rules.contamination = None;
    for sample in samples.iter_mut().filter(|s| s.slot.variant == "worktree") {
        match sample.slot.kind {
            BuildKind::MultiArch => fixture::fail(sample, Outcome::Failed),
            BuildKind::Incremental => fixture::fail(sample, Outcome::Skipped),
            _ => {}
        }
    }
    let run = fixture::of(&record, &samples);
    let found = Assessment::of(&run).failures(&run.record.scenarios[0], "worktree", KIND);
    assert_eq!(found.said, Failing::DoesNotBuild);
    assert_eq!(
        found.candidate.first.unwrap().slot.kind,
        BuildKind::MultiArch
    );
}

/// Rounds of a gate until its failures are decided, or it would end anyway: each
/// side fails so often, always alike, which is the worst case.
fn ends_in(base: f64, change: f64, random: &mut ChaCha8Rng) -> Failing {
    let (mut a, mut b) = (0, 0);
    let tries = |failed: u32, all: u32| Tries {
        good: all - failed,
        failed,
        alike: true,
        first: None,
    };
    for round in 1..=18 {
        a += u32::from(random.random_bool(base));
        b += u32::from(random.random_bool(change));
        if round % FailureRule::LOOKS.every == 0 {
            let said = look(FailureRule::LOOKS, &tries(a, round), &tries(b, round));
            if said != Failing::Unproven {
                return said;
            }
        }
    }
    Failing::Unproven
}

#[test]
fn a_gate_fails_for_flakes_in_at_most_2_5_percent_however_frequent_they_are() {
    for rate in [0.01, 0.05, 0.1, 0.2, 1.0 / 3.0, 0.5, 0.7] {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let closed = (0..10_000).filter(|_| {
            let said = ends_in(rate, rate, &mut random);
            matches!(said, Failing::DoesNotBuild | Failing::MoreOften { .. })
        });
        // The exact greatest, at a rate of one half, is 2.47%; four standard
        // errors of 10,000 gates are 0.6%.
        let closed = closed.count();
        assert!(closed <= 310, "{rate}: {closed} of 10,000");
        assert!(rate > 0.1 || closed <= 60, "{rate}: {closed} of 10,000");
    }
}

#[test]
fn what_is_broken_is_found() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for (rate, least) in [(1.0, 1000), (0.5, 800), (1.0 / 3.0, 380)] {
        let found = (0..1000).filter(|_| {
            let said = ends_in(0.0, rate, &mut random);
            matches!(said, Failing::DoesNotBuild | Failing::MoreOften { .. })
        });
        let found = found.count();
        assert!(found >= least, "{rate}: {found} of 1000");
    }
}

proptest! {
    /// Exchanging the sides exchanges what is said of them.
    #[test]
    fn it_is_symmetrical(
        base in proptest::collection::btree_set(1u32..=12, 0..12),
        change in proptest::collection::btree_set(1u32..=12, 0..12),
    ) {
        let (base, change): (Vec<u32>, Vec<u32>) =
            (base.into_iter().collect(), change.into_iter().collect());
        let (one, other) = (said(12, &base, &change), said(12, &change, &base));
        match one {
            Failing::Repaired => prop_assert_eq!(other, Failing::DoesNotBuild),
            Failing::NeitherBuilds => prop_assert_eq!(other, Failing::NeitherBuilds),
            Failing::MoreOften { .. } => prop_assert!(matches!(other, Failing::Unproven | Failing::Repaired)),
            Failing::DoesNotBuild => prop_assert!(matches!(other, Failing::Repaired)),
            Failing::Unproven => prop_assert!(!matches!(other, Failing::Repaired | Failing::NeitherBuilds)),
        }
    }
}
