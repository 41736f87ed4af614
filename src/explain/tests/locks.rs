//! Waiting for a cache mount that another step holds: on recordings of real builds, and where it
//! is known what must come out.

use std::time::Duration;

use super::super::what_if::Change;
use super::super::{Activity, Conditions, Explanation, Node, StepFacts, explain};
use super::{Build, at, busy_node, fold, place, secs};
use crate::model::Platform;
use crate::trace::status::VertexLog;
use crate::trace::{Clock, Trace, rawjson};

macro_rules! recording {
    ($name:literal) => {
        &include_bytes!(concat!(
            "../../../tests/fixtures/cases/cache-locked/",
            $name,
            ".rawjson"
        ))[..]
    };
}

fn explained(recording: &[u8]) -> Explanation {
    let mut trace = Trace::new();
    for status in rawjson::Reader::new(recording) {
        trace.push(&status.unwrap());
    }
    let conditions = Conditions {
        node: Some(Node::of(Platform::linux("amd64"))),
        platform: Some(Platform::linux("amd64")),
        ..Conditions::default()
    };
    explain(&trace, &conditions).unwrap()
}

fn begins<'e>(explanation: &'e Explanation, name: &str) -> (usize, &'e StepFacts) {
    let mut steps = explanation.steps.iter().enumerate();
    let found = steps.find(|(_, step)| step.name.starts_with(name));
    found.unwrap_or_else(|| panic!("no step {name:?}"))
}

/// Who waited for whom, for which cache, and how long, in milliseconds.
fn waits(explanation: &Explanation) -> Vec<(&str, &str, &str, u128)> {
    let steps = &explanation.steps;
    let waits = steps.iter().flat_map(|step| {
        let waits = step.waited_for_cache.iter();
        waits.map(|wait| {
            let holder = steps[wait.holder].name.as_str();
            (&*step.name, &*wait.id, holder, wait.length.as_millis())
        })
    });
    waits.collect()
}

fn on_path(explanation: &Explanation, activity: Activity) -> Duration {
    let mut parts = explanation.make_up.iter();
    let part = parts.find(|part| part.activity == activity);
    part.map_or(Duration::ZERO, |part| part.time)
}

#[test]
fn of_two_stages_one_waits_for_the_other() {
    let explanation = explained(recording!("stages"));
    let (tools, waiter) = begins(&explanation, "[tools 2/2] RUN");
    let (app, holder) = begins(&explanation, "[stage-1 2/3] RUN");
    let [wait] = &waiter.waited_for_cache[..] else {
        panic!("{waiter:?}");
    };
    assert_eq!((wait.id.as_str(), wait.holder), ("/var/cache/apt", app));
    // As the recording has it: from 59.437926991 to 60.955573398.
    assert_eq!(wait.length, Duration::from_nanos(1_517_646_407));
    assert_eq!(waiter.busy, Duration::from_nanos(1_403_606_010));
    assert_eq!(waiter.start(), wait.time.start);
    assert_eq!(holder.waited_for_cache, []);

    let waiting = on_path(&explanation, Activity::WaitingForCache);
    assert_eq!(waiting, wait.length);
    let waits = explanation.critical_path.iter();
    let waits: Vec<_> = waits.filter_map(|part| part.waits).collect();
    assert_eq!(waits, [tools]);

    let mut answers = explanation.what_if.iter();
    let answer = answers.find(|answer| matches!(answer.change, Change::NoCacheLock { .. }));
    let answer = answer.unwrap();
    let ids = vec!["/var/cache/apt".to_owned()];
    assert_eq!(answer.change, Change::NoCacheLock { ids });
    // From both at once without loss to both at half speed.
    let saved = explanation.span - answer.low;
    assert!(saved > secs(1.3) && saved <= wait.length, "{saved:?}");
    assert!(answer.high <= explanation.span, "{answer:?}");
}

#[test]
fn two_platforms_of_one_build_that_share_an_id_wait_for_each_other() {
    let explanation = explained(recording!("platforms"));
    let (amd64, _) = begins(&explanation, "[linux/amd64 tools 2/2] RUN");
    let (_, waiter) = begins(&explanation, "[linux/arm64 tools 2/2] RUN");
    let [wait] = &waiter.waited_for_cache[..] else {
        panic!("{waiter:?}");
    };
    assert_eq!((wait.id.as_str(), wait.holder), ("/var/cache/apt", amd64));
    assert_eq!(wait.length, Duration::from_nanos(1_348_088_145));
    // A node of its own has a cache of its own, too: nothing waits there.
    let mut answers = explanation.what_if.iter();
    let node = answers.find(|answer| matches!(answer.change, Change::NativeNode { .. }));
    let node = node.unwrap();
    assert!(node.high + secs(1.2) < explanation.span, "{node:?}");
    // What emulation costs is not what it waited.
    let slow_down = &explanation.instructions[0].slow_downs[0];
    assert!(slow_down.ratio.unwrap() < 1.1, "{slow_down:?}");
}

#[test]
fn who_shares_a_cache_waits_for_nobody() {
    let explanation = explained(recording!("shared"));
    assert_eq!(waits(&explanation), []);
    assert_eq!(
        on_path(&explanation, Activity::WaitingForCache),
        Duration::ZERO
    );
    let answers = explanation.what_if.iter();
    let mut changes = answers.map(|answer| &answer.change);
    assert!(!changes.any(|change| matches!(change, Change::NoCacheLock { .. })));
}

/// The name of a step with a mount.
fn mounting(stage: &str, mount: &str) -> String {
    format!("[{stage} 2/2] RUN --mount=type=cache,{mount} make {stage}")
}

/// Steps with a mount each, and when they were reported as worked on.
fn build(steps: &[(&str, &str, std::ops::Range<u64>)]) -> Build {
    steps
        .iter()
        .fold(Build::default(), |build, (stage, mount, time)| {
            build.step(stage, &mounting(stage, mount), &[], time.clone())
        })
}

const LOCKED: &str = "target=/c,sharing=locked";

#[test]
fn each_waits_for_all_that_ended_before() {
    let build = build(&[
        ("a", LOCKED, 0..4_000),
        ("b", LOCKED, 10..10_000),
        ("c", LOCKED, 1_000..7_000),
    ]);
    let explanation = build.explain(&busy_node());
    let [a, b, c] = ["a", "b", "c"].map(|stage| mounting(stage, LOCKED));
    let expected = [
        (&*b, "/c", &*a, 3_990),
        (&*b, "/c", &*c, 3_000),
        (&*c, "/c", &*a, 3_000),
    ];
    assert_eq!(waits(&explanation), expected);
    assert_eq!(explanation.steps[place(&explanation, &b)].busy, secs(3.0));
    assert_eq!(on_path(&explanation, Activity::WaitingForCache), secs(6.99));
    // One after another, so each had the node to itself: 4, 3 and 3 s. At once on full cores they
    // take as long as before.
    let mut answers = explanation.what_if.iter();
    let answer = answers.find(|answer| matches!(answer.change, Change::NoCacheLock { .. }));
    let high = answer.unwrap().high;
    assert!(high > secs(9.9) && high < secs(10.1), "{high:?}");
}

#[test]
fn a_cache_is_told_by_its_id_and_what_it_begins_with() {
    let other = |mount: &str| {
        let build = build(&[("a", LOCKED, 0..4_000), ("b", mount, 0..6_000)]);
        waits(&build.explain(&busy_node())).len()
    };
    for (mount, expected) in [
        ("dst=/c/.,sharing=locked", 1),
        ("id=/c,target=/other,sharing=locked", 1),
        ("target=/c,SHARING=Locked,rw", 1),
        ("target=/c", 0),
        ("target=/c,sharing=shared", 0),
        ("target=/c,sharing=private", 0),
        ("id=other,target=/c,sharing=locked", 0),
        ("target=/c,sharing=locked,uid=1000", 0),
        ("target=/c,sharing=locked,from=base", 0),
        // What BuildKit took for the variable is unknown.
        ("id=/c$X,target=/c,sharing=locked", 0),
    ] {
        assert_eq!(other(mount), expected, "{mount}");
    }
}

#[test]
fn no_wait_is_told_where_the_times_speak_against_it() {
    // The cache was free when the first wanted it.
    let late = build(&[("a", LOCKED, 0..9_000), ("b", LOCKED, 3_000..5_000)]);
    assert_eq!(waits(&late.explain(&busy_node())), []);
    // Shorter than BuildKit takes to ask again.
    let short = build(&[("a", LOCKED, 0..4_000), ("b", LOCKED, 3_950..8_000)]);
    assert_eq!(waits(&short.explain(&busy_node())), []);
    // One from the cache mounts nothing.
    let cached = build(&[("a", LOCKED, 0..4_000), ("b", LOCKED, 0..8_000)]);
    let cached = cached.but(|vertex| vertex.cached = true);
    assert_eq!(waits(&cached.explain(&busy_node())), []);
    // A log without time stamps does not tell when.
    let both = build(&[("a", LOCKED, 0..4_000), ("b", LOCKED, 0..8_000)]);
    let no_clock = Conditions {
        clock: Clock::None,
        ..busy_node()
    };
    assert_eq!(waits(&both.explain(&no_clock)), []);
    assert_eq!(waits(&both.explain(&busy_node())).len(), 1);
    // Who wrote something had what it wanted.
    for (moment, expected) in [(1_000, 0), (3_950, 1), (5_000, 1)] {
        let mut status = both.status();
        status.logs.push(VertexLog {
            vertex: "b".into(),
            data: b"a line\n".to_vec(),
            timestamp: Some(at(moment)),
            ..VertexLog::default()
        });
        let explanation = explain(&fold(&[status]), &busy_node()).unwrap();
        assert_eq!(waits(&explanation).len(), expected, "{moment}");
    }
}

#[test]
fn what_was_stopped_held_nothing_and_what_is_not_over_may_wait() {
    let stopped = build(&[("a", LOCKED, 0..8_000), ("b", LOCKED, 0..4_000)])
        .but(|vertex| vertex.error = "context canceled".into());
    let explanation = stopped.explain(&busy_node());
    let [a, b] = ["a", "b"].map(|stage| mounting(stage, LOCKED));
    assert_eq!(waits(&explanation), [(&*b, "/c", &*a, 4_000)]);
    assert_eq!(
        explanation.steps[place(&explanation, &b)].busy,
        Duration::ZERO
    );

    let unfinished = build(&[("a", LOCKED, 0..8_000), ("b", LOCKED, 0..9_000)])
        .but(|vertex| vertex.completed = None);
    let explanation = unfinished.explain(&busy_node());
    assert_eq!(waits(&explanation), [(&*b, "/c", &*a, 8_000)]);
}

#[test]
fn caches_are_waited_for_one_after_another() {
    let two = "target=/d,sharing=locked --mount=type=cache,target=/c,sharing=locked";
    let of_d = "target=/d,sharing=locked";
    let build = build(&[
        ("a", LOCKED, 0..4_000),
        ("b", of_d, 0..6_000),
        ("w", two, 100..9_000),
    ]);
    let explanation = build.explain(&busy_node());
    let (a, b, w) = (
        mounting("a", LOCKED),
        mounting("b", of_d),
        mounting("w", two),
    );
    let expected = [(&*w, "/c", &*a, 3_900), (&*w, "/d", &*b, 2_000)];
    assert_eq!(waits(&explanation), expected);
    // Without locks all begin at once, and share the cores.
    let mut answers = explanation.what_if.iter();
    let answer = answers.find(|answer| matches!(answer.change, Change::NoCacheLock { .. }));
    let ids = vec!["/c".to_owned(), "/d".to_owned()];
    assert_eq!(answer.unwrap().change, Change::NoCacheLock { ids });
}
