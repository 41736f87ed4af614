//! Which rounds count, and whether there are enough of them.

use std::collections::{BTreeMap, BTreeSet};

use super::comparison::{excess_failures, gate_is_decided, gate_rounds};
use super::slots::is_wanted;
use crate::model::{Contamination, Failure, Outcome, RunRecord, Sample, ScenarioInfo, Stopping};
use crate::stats::LOOKS;

/// Seconds of building in a round below which there are too few ticks of the
/// kernel's clock for a share of stolen time that means anything.
const LEAST_FOR_STEAL: f64 = 1.0;

/// A round of a scenario that counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The scenario.
    pub scenario: String,
    /// The round.
    pub round: u32,
    /// What got in the way, by sample; names and texts from outside.
    pub reason: String,
}

/// The rounds of a run that its rule drops, in order.
pub fn dropped_rounds(record: &RunRecord, samples: &[Sample]) -> Vec<Dropped> {
    let Some(rule) = record.rules.contamination else {
        return Vec::new();
    };
    let mut rounds: BTreeMap<(u32, &str), Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        let round = rounds
            .entry((sample.slot.round, &sample.slot.scenario))
            .or_default();
        round.push(sample);
    }
    let dropped = rounds.into_iter().filter_map(|((round, scenario), built)| {
        let mut each = built.iter();
        let reason = each
            .find_map(|sample| got_in_the_way(&rule, sample))
            .or_else(|| stolen(&rule, &built))?;
        Some(Dropped {
            scenario: scenario.to_owned(),
            round,
            reason,
        })
    });
    dropped.collect()
}

/// Whether it is known that a round will be dropped, whatever is still built of
/// it: by what got in the way of a sample, not by a share of all its builds. The
/// rest of such a round is not built.
pub fn round_is_lost(record: &RunRecord, samples: &[Sample], scenario: &str, round: u32) -> bool {
    let rule = record.rules.contamination.as_ref();
    let mut built = samples
        .iter()
        .filter(|sample| sample.slot.scenario == scenario && sample.slot.round == round);
    rule.is_some_and(|rule| built.any(|sample| got_in_the_way(rule, sample).is_some()))
}

/// The rounds of a run in which something got in the way, whether its rule drops
/// them or keeps them.
pub fn disturbed_rounds(record: &RunRecord, samples: &[Sample]) -> Vec<Dropped> {
    if record.rules.contamination.is_some() {
        return dropped_rounds(record, samples);
    }
    let mut dropping = record.clone();
    dropping.rules.contamination = Some(Contamination::default());
    dropped_rounds(&dropping, samples)
}

/// The scenarios of which no round counts, by name: nothing was measured of
/// them, whatever was built.
pub fn unmeasured<'a>(record: &'a RunRecord, samples: &[Sample]) -> Vec<&'a str> {
    let dropped = dropped_rounds(record, samples);
    let counts = |sample: &Sample| {
        let mut dropped = dropped.iter();
        !dropped.any(|d| d.round == sample.slot.round && d.scenario == sample.slot.scenario)
    };
    let names = record
        .scenarios
        .iter()
        .map(|scenario| scenario.name.as_str());
    names
        .filter(|name| {
            !samples
                .iter()
                .any(|s| s.slot.scenario == *name && counts(s))
        })
        .collect()
}

/// What got in a sample's way.
fn got_in_the_way(rule: &Contamination, sample: &Sample) -> Option<String> {
    let id = &sample.slot.id;
    if !rule.other_builds
        && let Some(first) = sample.disturbances.first()
    {
        return Some(format!("{first} during {id}"));
    }
    let failure = sample.failure.as_ref();
    if !rule.unstarted_containers && failure.is_some_and(Failure::command_was_not_started) {
        return Some(format!("the builder could not start a container of {id}"));
    }
    let busy = sample.host.cpu_busy_before;
    let busy = busy.filter(|busy| *busy > rule.busy_before)?;
    Some(format!(
        "the machine was {:.0}% busy just before it, so something else ran during {id}",
        busy * 100.0
    ))
}

/// What the hypervisor took from a round, all of its builds together: so none
/// of them is looked at more closely for being the longer one.
fn stolen(rule: &Contamination, built: &[&Sample]) -> Option<String> {
    let told = built.iter().filter_map(|sample| {
        let wall = sample.wall.as_secs_f64();
        Some((wall, sample.host.cpu_steal? * wall))
    });
    let (wall, stolen) = told.fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
    let share = (wall >= LEAST_FOR_STEAL).then(|| stolen / wall)?;
    (share > rule.steal).then(|| {
        format!(
            "the hypervisor gave {:.0}% of CPU time to other machines during its builds",
            share * 100.0
        )
    })
}

/// Whether a build that is not good says nothing of its variant: the builder
/// could not start a container of it, or of a build that it starts from.
pub fn says_nothing(samples: &[Sample], sample: &Sample) -> bool {
    let was_unstarted = |sample: &Sample| {
        let failure = sample.failure.as_ref();
        failure.is_some_and(Failure::command_was_not_started)
    };
    match sample.outcome {
        Outcome::Failed => was_unstarted(sample),
        Outcome::Skipped => {
            let mut of_round = samples.iter().filter(|other| {
                other.slot.round == sample.slot.round
                    && other.slot.scenario == sample.slot.scenario
                    && other.slot.variant == sample.slot.variant
            });
            of_round.any(was_unstarted)
        }
        _ => false,
    }
}

/// How many rounds a scenario needs, as far as its samples tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundsNeeded {
    /// Rounds that were measured, whole and not dropped, and that a look can go
    /// by: of a run that stops when it is clear, those with a time of the gate's
    /// kind on each side.
    pub clean: u32,
    /// Rounds that it should have of these: those planned, or those of the
    /// look that comes next or has decided.
    pub wanted: u32,
    /// Rounds that were dropped.
    pub dropped: u32,
    /// Rounds that were measured, whole or until it was known that they are
    /// dropped.
    pub built: u32,
}

impl RoundsNeeded {
    /// Whether another round is to be built.
    pub fn more(self) -> bool {
        self.clean < self.wanted
    }
}

/// How many rounds a scenario needs after those that `samples` hold.
pub fn rounds_needed(
    record: &RunRecord,
    scenario: &ScenarioInfo,
    samples: &[Sample],
) -> RoundsNeeded {
    let dropped: BTreeSet<u32> = dropped_rounds(record, samples)
        .into_iter()
        .filter(|dropped| dropped.scenario == scenario.name)
        .map(|dropped| dropped.round)
        .collect();
    let mut measured: BTreeMap<u32, usize> = BTreeMap::new();
    for sample in samples.iter().filter(|s| s.slot.scenario == scenario.name) {
        *measured.entry(sample.slot.round).or_default() += 1;
    }
    let planned = |round: u32| {
        let slots = record.plan.iter();
        slots
            .filter(|slot| slot.scenario == scenario.name && slot.round == round)
            .filter(|slot| is_wanted(record, samples, slot))
            .count()
    };
    let is_lost = |round: u32| round_is_lost(record, samples, &scenario.name, round);
    let built: BTreeSet<u32> = measured
        .into_iter()
        .filter(|(round, count)| *count >= planned(*round) || is_lost(*round))
        .map(|(round, _)| round)
        .collect();
    let whole = &built - &dropped;
    let is_fixed = record.rules.stopping == Stopping::Fixed;
    // Failed builds of a fixed number of rounds are results as others are; a
    // look needs times.
    let (clean, goes_on) = match gate_rounds(record, scenario, samples) {
        _ if is_fixed => (whole.len(), true),
        Some(rounds) => ((&whole & &rounds).len(), true),
        None => (whole.len(), false),
    };
    let clean = u32::try_from(clean).unwrap_or(u32::MAX);
    let wanted = match record.rules.stopping {
        Stopping::Fixed => record.rounds,
        Stopping::Auto | Stopping::Gate if !goes_on => clean,
        Stopping::Auto | Stopping::Gate => wanted(record, scenario, samples, clean),
    };
    RoundsNeeded {
        clean,
        wanted,
        dropped: u32::try_from(dropped.len()).unwrap_or(u32::MAX),
        built: u32::try_from(built.len()).unwrap_or(u32::MAX),
    }
}

/// Rounds of the look that comes next, or that has decided, of a run that stops
/// when it is clear.
fn wanted(record: &RunRecord, scenario: &ScenarioInfo, samples: &[Sample], clean: u32) -> u32 {
    let look = |at: usize| u32::try_from(LOOKS[at].rounds).unwrap_or(u32::MAX);
    let is_gate = record.rules.stopping == Stopping::Gate;
    // Failures that point to the change keep a gate going: at first one that
    // the reference did not have, at the first look a second one.
    let points = |most: u32| {
        let counts = is_gate && record.rules.failures.is_some();
        counts && excess_failures(record, scenario, samples) > most
    };
    let futility = record.rules.futility_rounds.filter(|_| is_gate);
    match futility {
        Some(from) if clean < from => from,
        Some(_) if clean < look(0) => {
            if gate_is_decided(record, scenario, samples) && !points(0) {
                clean
            } else {
                look(0)
            }
        }
        _ if clean < look(0) => look(0),
        _ if clean == look(0) && gate_is_decided(record, scenario, samples) && !points(1) => {
            look(0)
        }
        _ => look(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Contamination;
    use crate::report::fixture;

    /// A run of so many rounds that drops what is contaminated.
    fn run(rounds: u32) -> (RunRecord, Vec<Sample>) {
        let (mut record, samples) = fixture::run(&fixture::ARTICLE, rounds);
        record.rules.contamination = Some(Contamination::default());
        (record, samples)
    }

    fn needed(record: &RunRecord, samples: &[Sample]) -> (u32, u32, u32) {
        let needed = rounds_needed(record, &record.scenarios[0], samples);
        (needed.clean, needed.wanted, needed.dropped)
    }

    /// The reason for which the round of the last sample is dropped when that
    /// sample is changed so.
    fn reason(change: impl Fn(&mut Sample)) -> Option<String> {
        let (record, mut samples) = run(2);
        assert_eq!(dropped_rounds(&record, &samples), []);
        change(samples.last_mut().unwrap());
        let mut dropped = dropped_rounds(&record, &samples);
        assert!(dropped.len() <= 1);
        let dropped = dropped.pop()?;
        assert_eq!((dropped.scenario.as_str(), dropped.round), ("go-hello", 2));
        // What got in one build's way is told with its name.
        let id = &samples.last().unwrap().slot.id;
        let of_round = dropped.reason.ends_with("during its builds");
        assert!(
            of_round || dropped.reason.ends_with(id),
            "{}",
            dropped.reason
        );
        // Where nothing is dropped, nothing is wrong with it.
        let mut kept = record;
        kept.rules.contamination = None;
        assert_eq!(dropped_rounds(&kept, &samples), []);
        assert_eq!(disturbed_rounds(&kept, &samples).len(), 1);
        Some(dropped.reason)
    }

    #[test]
    fn a_round_is_dropped_for_what_got_in_the_way_of_any_sample() {
        // A build that is most of its round.
        let stolen = reason(|sample| {
            sample.wall = std::time::Duration::from_secs(100_000);
            sample.host.cpu_steal = Some(0.06);
        });
        assert!(stolen.unwrap().contains("6% of CPU time"));
        let busy = reason(|sample| sample.host.cpu_busy_before = Some(0.51));
        assert!(busy.unwrap().contains("51% busy just before"));
        let other = reason(|sample| sample.disturbances = vec!["build x, of others".into()]);
        assert!(other.unwrap().starts_with("build x, of others during "));
        let not_started = "runc run failed: unable to start container process: waiting for init \
                           preliminary setup: read init-p: connection reset by peer";
        let failed = |log: &[&str]| {
            reason(|sample| {
                fixture::fail(sample, Outcome::Failed);
                let failure = sample.failure.as_mut().unwrap();
                failure.step = Some("[linux/amd64 2/2] RUN make".into());
                failure.log_tail = log.iter().map(|line| (*line).to_owned()).collect();
            })
        };
        let unstarted = failed(&[not_started]).unwrap();
        assert!(unstarted.starts_with("the builder could not start a container of "));
        // A command that ran, or that is not there, is the Dockerfile's own.
        assert_eq!(failed(&["gcc: not found", not_started]), None);
        let absent = "runc run failed: unable to start container process: exec: \"made\": \
                      executable file not found in $PATH";
        assert_eq!(failed(&[absent]), None);
    }

    #[test]
    fn a_container_that_did_not_start_says_nothing_of_what_is_built() {
        let (record, mut samples) = run(2);
        let is_chain = |sample: &&mut Sample| {
            sample.slot.variant == "cross" && sample.slot.kind != crate::model::BuildKind::Cold
        };
        for sample in samples.iter_mut().filter(is_chain) {
            let is_first = sample.slot.kind == crate::model::BuildKind::MultiArch;
            let outcome = match is_first {
                true => Outcome::Failed,
                false => Outcome::Skipped,
            };
            fixture::fail(sample, outcome);
        }
        let says_nothing_of = |samples: &[Sample]| {
            let said = samples.iter().filter(|s| says_nothing(samples, s));
            said.count()
        };
        assert_eq!(says_nothing_of(&samples), 0);
        let never = |samples: &[Sample]| {
            let kind = crate::model::BuildKind::Incremental;
            crate::verdict::never_builds(&record, samples, "go-hello", "cross", kind)
        };
        assert!(never(&samples));
        for sample in samples.iter_mut().filter(is_chain) {
            if let Some(failure) = &mut sample.failure
                && sample.outcome == Outcome::Failed
            {
                failure.log_tail = vec![
                    "runc run failed: unable to start container process: waiting for init \
                     preliminary setup: EOF"
                        .to_owned(),
                ];
            }
        }
        // In both rounds the one that failed, and the two that start from it.
        assert_eq!(says_nothing_of(&samples), 6);
        assert!(!never(&samples));
    }

    #[test]
    fn a_round_of_less_than_a_second_tells_nothing_of_stolen_time() {
        let (record, mut samples) = run(1);
        let spread = |samples: &mut [Sample], seconds: f64| {
            let each = seconds / samples.len() as f64;
            for sample in samples {
                sample.wall = std::time::Duration::from_secs_f64(each);
                sample.host.cpu_steal = Some(0.5);
            }
        };
        spread(&mut samples, 0.9);
        assert_eq!(dropped_rounds(&record, &samples), []);
        spread(&mut samples, 1.1);
        assert_eq!(dropped_rounds(&record, &samples).len(), 1);
    }

    #[test]
    fn what_is_allowed_drops_nothing() {
        let reasons = [
            reason(|sample| sample.host.cpu_busy_before = Some(0.5)),
            reason(|sample| sample.host.cpu_busy_before = None),
            reason(|sample| {
                sample.wall = std::time::Duration::from_secs(100_000);
                sample.host.cpu_steal = Some(0.05);
            }),
            // So short a sample is a few ticks, of which one may be stolen, and
            // little of its round.
            reason(|sample| {
                sample.wall = std::time::Duration::from_millis(999);
                sample.host.cpu_steal = Some(0.5);
            }),
            // What the sample itself did to the machine is no contamination.
            reason(|sample| {
                sample.host.cpu_busy = Some(1.0);
                sample.host.cpu_busy_after = Some(1.0);
                sample.host.pressure_cpu = Some(1.0);
                fixture::fail(sample, Outcome::Failed);
            }),
        ];
        assert_eq!(reasons, [const { None }; 5]);
        let (mut record, mut samples) = run(1);
        samples[0].disturbances = vec!["build x".into()];
        let rule = record.rules.contamination.as_mut().unwrap();
        rule.other_builds = true;
        assert_eq!(dropped_rounds(&record, &samples), []);
    }

    #[test]
    fn only_whole_clean_rounds_count() {
        let (mut record, mut samples) = run(6);
        record.rounds = 4;
        record.rules.spare_rounds = 2;
        samples.retain(|sample| sample.slot.round <= 4);
        assert_eq!(needed(&record, &samples), (4, 4, 0));
        // An interrupted run has the last round in part.
        samples.pop();
        assert_eq!(needed(&record, &samples), (3, 4, 0));
        assert!(rounds_needed(&record, &record.scenarios[0], &samples).more());
        // A dropped round is neither, and is not counted twice.
        samples[0].disturbances = vec!["build x".into()];
        samples[1].disturbances = vec!["build y".into()];
        assert_eq!(needed(&record, &samples), (2, 4, 1));
        assert_eq!(needed(&record, &[]), (0, 4, 0));
        // Failed builds are measured: another round would fail as well.
        samples.retain(|sample| sample.slot.round == 2);
        for sample in &mut samples {
            fixture::fail(sample, Outcome::Failed);
        }
        assert_eq!(needed(&record, &samples), (1, 4, 0));
    }

    #[test]
    fn a_run_of_dropped_rounds_measured_nothing() {
        let (record, mut samples) = run(2);
        assert!(unmeasured(&record, &samples).is_empty());
        samples[0].disturbances = vec!["build x".into()];
        assert!(unmeasured(&record, &samples).is_empty());
        for sample in &mut samples {
            sample.disturbances = vec!["build x".into()];
        }
        assert_eq!(unmeasured(&record, &samples), ["go-hello"]);
        assert_eq!(unmeasured(&record, &[]), ["go-hello"]);
    }

    #[test]
    fn a_run_that_stops_when_it_is_clear_wants_the_rounds_of_its_next_look() {
        let (mut record, samples) = run(18);
        record.rounds = 12;
        record.rules.stopping = Stopping::Auto;
        let until = |rounds: u32| {
            let samples = samples.iter().filter(|s| s.slot.round <= rounds).cloned();
            samples.collect::<Vec<Sample>>()
        };
        assert_eq!(needed(&record, &until(5)), (5, 6, 0));
        // cross is some hundred times as fast in the gate's kind.
        assert_eq!(needed(&record, &until(6)), (6, 6, 0));
        let mut unclear = until(6);
        for sample in &mut unclear {
            let torn = if sample.slot.round.is_multiple_of(2) {
                1.3
            } else {
                0.7
            };
            let times = if sample.slot.variant == "cross" {
                torn
            } else {
                1.0
            };
            sample.wall = std::time::Duration::from_secs_f64(times);
        }
        assert_eq!(needed(&record, &unclear), (6, 12, 0));
        record.rules.stopping = Stopping::Gate;
        assert_eq!(needed(&record, &unclear), (6, 6, 0));
        // A candidate without a time to judge by keeps nobody waiting.
        for sample in unclear.iter_mut().filter(|s| s.slot.variant == "cross") {
            fixture::fail(sample, Outcome::Failed);
        }
        record.rules.stopping = Stopping::Auto;
        assert_eq!(needed(&record, &unclear), (6, 6, 0));
    }
}
