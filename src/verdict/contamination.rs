//! What got in a run's way: the rounds that count for nothing, and builds that
//! say nothing of what was built.

use std::collections::BTreeMap;

use crate::model::{Contamination, Failure, Outcome, Run, Sample};

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

/// The rounds of a run that a rule drops, in order.
fn dropped_by(rule: &Contamination, run: &Run) -> Vec<Dropped> {
    let mut rounds: BTreeMap<(u32, &str), Vec<&Sample>> = BTreeMap::new();
    for sample in &run.samples {
        let key = (sample.slot.round, sample.slot.scenario.as_str());
        rounds.entry(key).or_default().push(sample);
    }
    let dropped = rounds.into_iter().filter_map(|((round, scenario), built)| {
        let mut each = built.iter();
        let reason = each
            .find_map(|sample| got_in_the_way(rule, sample))
            .or_else(|| stolen(rule, &built))?;
        Some(Dropped {
            scenario: scenario.to_owned(),
            round,
            reason,
        })
    });
    dropped.collect()
}

/// The rounds that the run's own rule drops, in order.
pub(super) fn dropped_rounds(run: &Run) -> Vec<Dropped> {
    let rule = run.record.rules.contamination;
    rule.map_or_else(Vec::new, |rule| dropped_by(&rule, run))
}

/// The rounds of a run in which something got in the way, whether its rule drops
/// them or keeps them.
pub fn disturbed_rounds(run: &Run) -> Vec<Dropped> {
    let rule = run.record.rules.contamination;
    dropped_by(&rule.unwrap_or_default(), run)
}

/// Whether it is known that a round will be dropped, whatever is still built of
/// it: by what got in the way of a sample, not by a share of all its builds. The
/// rest of such a round is not built.
pub fn round_is_lost(run: &Run, scenario: &str, round: u32) -> bool {
    let rule = run.record.rules.contamination.as_ref();
    let mut built = run.round(scenario, round);
    rule.is_some_and(|rule| built.any(|sample| got_in_the_way(rule, sample).is_some()))
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
    let times = built.iter().filter_map(|sample| {
        let wall = sample.wall.as_secs_f64();
        Some((wall, sample.host.cpu_steal? * wall))
    });
    let (wall, stolen) = times.fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
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
pub fn says_nothing(run: &Run, sample: &Sample) -> bool {
    let was_unstarted = |sample: &Sample| {
        let failure = sample.failure.as_ref();
        failure.is_some_and(Failure::command_was_not_started)
    };
    match sample.outcome {
        Outcome::Failed => was_unstarted(sample),
        Outcome::Skipped => {
            let slot = &sample.slot;
            let mut of_round = run.round(&slot.scenario, slot.round);
            of_round.any(|other| other.slot.variant == slot.variant && was_unstarted(other))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RunRecord;
    use crate::report::fixture;

    /// A run of so many rounds that drops what is contaminated.
    fn run(rounds: u32) -> (RunRecord, Vec<Sample>) {
        let (mut record, samples) = fixture::run(&fixture::ARTICLE, rounds);
        record.rules.contamination = Some(Contamination::default());
        (record, samples)
    }

    /// The reason for which the round of the last sample is dropped when that
    /// sample is changed so.
    fn reason(change: impl Fn(&mut Sample)) -> Option<String> {
        let (record, mut samples) = run(2);
        assert_eq!(dropped_rounds(&fixture::of(&record, &samples)), []);
        change(samples.last_mut().unwrap());
        let mut dropped = dropped_rounds(&fixture::of(&record, &samples));
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
        assert_eq!(dropped_rounds(&fixture::of(&kept, &samples)), []);
        assert_eq!(disturbed_rounds(&fixture::of(&kept, &samples)).len(), 1);
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
            let said = samples
                .iter()
                .filter(|s| says_nothing(&fixture::of(&record, samples), s));
            said.count()
        };
        assert_eq!(says_nothing_of(&samples), 0);
        let never = |samples: &[Sample]| {
            let kind = crate::model::BuildKind::Incremental;
            crate::verdict::never_builds(&fixture::of(&record, samples), "go-hello", "cross", kind)
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
        assert_eq!(dropped_rounds(&fixture::of(&record, &samples)), []);
        spread(&mut samples, 1.1);
        assert_eq!(dropped_rounds(&fixture::of(&record, &samples)).len(), 1);
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
        assert_eq!(dropped_rounds(&fixture::of(&record, &samples)), []);
    }
}
