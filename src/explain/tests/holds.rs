//! What holds of every explanation, whatever the stream said.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::super::{Activity, Explanation, Interval, MakeUp, PathPart};
use super::random::{any_stream, conditions};
use super::{fold, is_near};
use crate::explain::explain;
use crate::explain::what_if::Change;

type Held = Result<(), TestCaseError>;

pub(super) fn holds(explanation: &Explanation) -> Held {
    steps(explanation)?;
    path(explanation)?;
    make_up(explanation)?;
    concurrency(explanation)?;
    costs(explanation)?;
    what_if(explanation)
}

fn steps(explanation: &Explanation) -> Held {
    for (at, step) in explanation.steps.iter().enumerate() {
        prop_assert!(!step.intervals.is_empty());
        for interval in &step.intervals {
            prop_assert!(interval.start <= interval.end && interval.end <= explanation.span);
        }
        for pair in step.intervals.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start, "{:?}", step.intervals);
        }
        let busy: Duration = step.intervals.iter().map(Interval::length).sum();
        prop_assert_eq!(step.busy, busy);
        for input in &step.inputs {
            prop_assert!(*input < explanation.steps.len() && *input != at);
        }
    }
    let starts = explanation.steps.iter().map(|step| step.start());
    prop_assert_eq!(starts.clone().min(), Some(Duration::ZERO));
    prop_assert!(starts.is_sorted());
    prop_assert_eq!(explanation.failed.is_some(), explanation.failure.is_some());
    let unfinished = explanation.steps.iter().any(|step| step.unfinished);
    prop_assert!(!(explanation.complete && unfinished));
    Ok(())
}

/// The path has each moment of the build once, in order, and what it says
/// was worked on was worked on then.
fn path(explanation: &Explanation) -> Held {
    let mut now = Duration::ZERO;
    for PathPart { time, step, waits } in &explanation.critical_path {
        prop_assert_eq!(time.start, now);
        prop_assert!(time.start < time.end);
        now = time.end;
        if let Some(step) = step {
            let intervals = &explanation.steps[*step].intervals;
            let within = |i: &Interval| i.start <= time.start && time.end <= i.end;
            prop_assert!(intervals.iter().any(within), "{time:?} of {intervals:?}");
        }
        if let Some(step) = waits {
            let waited = &explanation.steps[*step].waited_for_cache;
            prop_assert_eq!(waited.first().map(|wait| wait.time.start), Some(time.start));
            prop_assert_eq!(waited.last().map(|wait| wait.time.end), Some(time.end));
        }
    }
    prop_assert_eq!(now, explanation.span);
    for pair in explanation.critical_path.windows(2) {
        let of = |part: &PathPart| (part.step, part.waits);
        prop_assert!(of(&pair[0]) != of(&pair[1]) || pair[0].step.is_some());
    }
    for (at, step) in explanation.steps.iter().enumerate() {
        let parts = explanation.critical_path.iter();
        let parts = parts.filter(|part| part.step == Some(at));
        let critical: Duration = parts.map(|part| part.time.length()).sum();
        prop_assert_eq!(step.critical, critical);
        prop_assert!(critical <= step.busy && step.busy <= explanation.span);
    }
    Ok(())
}

fn make_up(explanation: &Explanation) -> Held {
    let parts = &explanation.make_up;
    let times: Duration = parts.iter().map(|part| part.time).sum();
    prop_assert_eq!(times, explanation.span);
    let shares: f64 = parts.iter().map(|part| part.share).sum();
    let whole = if explanation.span.is_zero() { 0.0 } else { 1.0 };
    prop_assert!((shares - whole).abs() < 1e-9, "shares sum to {shares}");
    prop_assert!(parts.is_sorted_by(|a, b| a.time >= b.time));
    for MakeUp { activity, time, .. } in parts {
        let critical: Duration = match activity {
            Activity::Step(kind) => {
                let steps = explanation.steps.iter().filter(|step| step.kind == *kind);
                steps.map(|step| step.critical).sum()
            }
            Activity::Waiting | Activity::WaitingForCache => {
                let waiting = explanation.critical_path.iter();
                let for_cache = *activity == Activity::WaitingForCache;
                let waiting =
                    waiting.filter(|part| part.step.is_none() && part.waits.is_some() == for_cache);
                waiting.map(|part| part.time.length()).sum()
            }
        };
        prop_assert_eq!(*time, critical);
    }
    Ok(())
}

/// The points say at every moment how many steps were worked on.
fn concurrency(explanation: &Explanation) -> Held {
    let concurrency = explanation.concurrency.as_ref().unwrap();
    let points = &concurrency.points;
    let intervals: Vec<Interval> = explanation
        .steps
        .iter()
        .flat_map(|step| step.intervals.iter().copied())
        .collect();
    let counted = |now: Duration| {
        let on = intervals.iter().filter(|i| i.start <= now && now < i.end);
        on.count()
    };
    let told = |now: Duration| {
        let place = points.partition_point(|point| point.at <= now);
        place
            .checked_sub(1)
            .map_or(0, |place| points[place].steps as usize)
    };
    let bounds = intervals.iter().flat_map(|i| [i.start, i.end]);
    let mut most = 0;
    for now in bounds {
        prop_assert_eq!(told(now), counted(now), "at {:?}", now);
        most = most.max(counted(now));
    }
    prop_assert_eq!(concurrency.max as usize, most);
    let mut integral = Duration::ZERO;
    for pair in points.windows(2) {
        prop_assert!(pair[0].at < pair[1].at);
        prop_assert!(pair[0].steps != pair[1].steps);
        integral += (pair[1].at - pair[0].at) * pair[0].steps;
    }
    prop_assert_eq!(points.last().map_or(0, |point| point.steps), 0);
    let busy: Duration = explanation.steps.iter().map(|step| step.busy).sum();
    prop_assert_eq!(integral, busy);
    let mean = match explanation.span.is_zero() {
        true => 0.0,
        false => busy.as_secs_f64() / explanation.span.as_secs_f64(),
    };
    prop_assert!((concurrency.mean - mean).abs() <= mean * 1e-9);
    Ok(())
}

fn costs(explanation: &Explanation) -> Held {
    let (low, high) = explanation.core_share;
    prop_assert!(0.0 <= low && low <= high && high <= 1.0, "{low}..{high}");
    for slow_down in explanation.instructions.iter().flat_map(|i| &i.slow_downs) {
        let elsewhere = slow_down.elsewhere.as_ref().map(|found| found.ratio);
        let ratios = [slow_down.ratio, elsewhere];
        for ratio in ratios.into_iter().flatten() {
            prop_assert!(ratio.is_finite() && ratio >= 0.0);
        }
        if let Some((low, high)) = slow_down.alone {
            prop_assert!(0.0 <= low && low <= high && high.is_finite());
        }
    }
    if let Some(culprit) = &explanation.culprit {
        prop_assert!((0.0..=1.0 + 1e-9).contains(&culprit.critical_share));
        // Nothing is asked of a build that failed or is not known to its end.
        let is_whole = explanation.complete && explanation.failed.is_none();
        prop_assert_eq!(culprit.best_case.is_some(), is_whole);
    }
    let best_case = explanation
        .culprit
        .as_ref()
        .and_then(|culprit| Some((culprit, &explanation.what_if[culprit.best_case?])));
    if let Some((culprit, best_case)) = best_case {
        let (Change::NativeStep { step } | Change::NoStep { step }) = best_case.change else {
            return Err(TestCaseError::fail("the best case is of another step"));
        };
        prop_assert_eq!(step, culprit.step);
    }
    Ok(())
}

fn what_if(explanation: &Explanation) -> Held {
    if !explanation.complete || explanation.failed.is_some() {
        prop_assert!(explanation.what_if.is_empty());
    }
    for answer in &explanation.what_if {
        prop_assert!(answer.low <= answer.high, "{answer:?}");
        for step in &answer.steps {
            prop_assert!(step.low <= step.high, "{answer:?}");
        }
        if let Change::Cores { from, to } = answer.change {
            prop_assert!(from > 0 && to > 0, "{answer:?}");
            let (low, high) = (answer.low, answer.high);
            if to > from {
                let faster = low <= explanation.span || is_near(low, explanation.span);
                prop_assert!(faster, "{answer:?}");
            } else {
                let slower = high >= explanation.span || is_near(high, explanation.span);
                prop_assert!(slower, "{answer:?}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_told_the_explanation_adds_up(
        stream in any_stream(),
        conditions in conditions(),
    ) {
        let trace = fold(&stream);
        let explained = explain(&trace, &conditions);
        prop_assert_eq!(explained.is_some(), trace.steps().iter().any(|step| step.has_started()));
        if let Some(explanation) = explained {
            holds(&explanation)?;
            if let Some(span) = trace.server_span().filter(|span| span.as_nanos() < u64::MAX.into()) {
                prop_assert_eq!(explanation.span, span);
            }
            if conditions.cut_off {
                prop_assert!(!explanation.complete);
            }
        }
    }
}
