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
