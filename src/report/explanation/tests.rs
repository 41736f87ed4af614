//! Every renderer of explanations from the same builds.

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::Value;

use super::fixture::{
    HOSTILE, conditions, cross_steps, explained, explained_run, failing_steps, hostile_trace,
    naive_steps, step,
};
use super::{PageStyle, Subject, build, diff, run, trace_events};
use crate::explain::diff::diff as compared;
use crate::explain::{Conditions, Explanation, explain};
use crate::report::chart::{self, Theme};
use crate::report::markdown::reader::assert_ours;
use crate::report::{markdown, terminal};
use crate::trace::status::Vertex;
use crate::trace::{Trace, rawjson};

const PLAIN: PageStyle = PageStyle {
    width: 100,
    colour: false,
    all: false,
};

fn waterfall(subject: &Subject, explanation: &Explanation) -> String {
    chart::waterfall(subject, explanation, Theme::Light)
}

/// The words of a picture, whatever lines they stand in.
fn words(picture: &str) -> String {
    let document = roxmltree::Document::parse(picture).unwrap();
    let texts = document.descendants().filter(|node| node.is_text());
    let texts: Vec<&str> = texts.filter_map(|node| node.text()).collect();
    texts
        .join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn subject() -> Subject {
    Subject {
        sample: Some("r1-06-go-hello-naive-multi-arch".into()),
        wall: Some(std::time::Duration::from_millis(60_700)),
        ..Subject::of_recording("go-hello naive multi-arch, round 1".into())
    }
}

fn hostile_subject() -> Subject {
    Subject::of_recording(HOSTILE.repeat(100))
}

fn hostile() -> Explanation {
    explain(&hostile_trace(), &conditions()).unwrap()
}

#[test]
fn a_naive_build() {
    let explanation = explained(naive_steps());
    assert_snapshot!(build(&subject(), &explanation, PLAIN));
    assert_snapshot!(waterfall(&subject(), &explanation));
    let events: Value = serde_json::from_str(&trace_events(&subject(), &explanation)).unwrap();
    assert_snapshot!(serde_json::to_string_pretty(&events).unwrap());
}

/// Two platforms of one build with the id of a locked cache, as buildx recorded them.
#[test]
fn who_waited_for_a_cache_mount_is_told_in_every_form() {
    let recording = include_bytes!("../../../tests/fixtures/cases/cache-locked/platforms.rawjson");
    let mut trace = Trace::new();
    for status in rawjson::Reader::new(&recording[..]) {
        trace.push(&status.unwrap());
    }
    let explanation = explain(&trace, &conditions()).unwrap();
    let waited = "waited 1.35 s for the cache mount /var/cache/apt (sharing=locked), held by \
                  [linux/amd64 tools 2/2] RUN … sleep 1 && touch /tools";
    let page = build(&subject(), &explanation, PLAIN);
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "waiting for cache mounts: 1.35 s",
        waited,
        "linux/amd64 and linux/arm64 of one build share the id /var/cache/apt.",
        "(waited 1.35 s)",
        "┄ waiting for a cache mount",
        "sharing=shared, or an id for each, for /var/cache/apt",
    ] {
        assert!(page.contains(expected), "no {expected:?} in {page}");
    }
    let picture = waterfall(&subject(), &explanation);
    let picture = words(&picture);
    assert!(picture.contains(waited), "{picture}");
    let waiting = "waiting for the cache mount /var/cache/apt";
    assert!(picture.contains(waiting), "{picture}");
    let events = trace_events(&subject(), &explanation);
    // On the critical path, and beside the step.
    assert_eq!(events.matches(waiting).count(), 2);
}

#[test]
fn a_build_that_failed() {
    let explanation = explained(failing_steps());
    assert_snapshot!(build(
        &Subject::of_recording("x.rawjson".into()),
        &explanation,
        PLAIN
    ));
    assert_snapshot!(waterfall(
        &Subject::of_recording("x.rawjson".into()),
        &explanation
    ));
}

#[test]
fn a_recording_of_which_little_is_known() {
    let mut steps = cross_steps();
    steps[5].completed = None;
    let unknown = Conditions {
        cut_off: true,
        ..Conditions::default()
    };
    let explanation = explain(&super::fixture::trace(steps), &unknown).unwrap();
    let narrow = PageStyle {
        width: 60,
        all: true,
        ..PLAIN
    };
    assert_snapshot!(build(
        &Subject::of_recording("x.rawjson".into()),
        &explanation,
        narrow
    ));
    let picture = waterfall(&Subject::of_recording("x.rawjson".into()), &explanation);
    let words = words(&picture);
    assert!(words.contains("Incomplete"), "{words}");
    assert!(
        words.contains("a recording does not name the CPU"),
        "{words}"
    );
}

#[test]
fn two_builds() {
    let (naive, cross) = (explained(naive_steps()), explained(cross_steps()));
    let difference = compared(&naive, &cross);
    let to = Subject::of_recording("cross.rawjson".into());
    let style = PageStyle { all: true, ..PLAIN };
    assert_snapshot!(diff(
        (&subject(), &naive),
        (&to, &cross),
        &difference,
        style
    ));
}

#[test]
fn a_run() {
    let (view, explained) = explained_run(explained(naive_steps()), explained(cross_steps()));
    assert_snapshot!(run(&view, &explained, PLAIN));
    // The summary of the run names the culprits.
    let summary = terminal(&view, 100, false);
    let culprits = summary
        .lines()
        .filter(|line| line.contains("multi-arch of"));
    assert_eq!(culprits.count(), 2, "{summary}");
    assert!(markdown(&view).contains("\n- multi-arch of naive: RUN … go build"));
}

#[test]
fn colours_are_of_the_look_only() {
    let explanation = explained(naive_steps());
    let coloured = PageStyle {
        colour: true,
        ..PLAIN
    };
    let plain = build(&subject(), &explanation, PLAIN);
    assert!(!plain.contains('\u{1b}'));
    let coloured = build(&subject(), &explanation, coloured);
    assert!(coloured.contains("\u{1b}[33m"));
    let codes = regex::Regex::new("\u{1b}\\[[0-9]+m").unwrap();
    assert_eq!(codes.replace_all(&coloured, ""), plain);
}

/// Fails on what a terminal would obey or that hides other text.
fn assert_harmless(text: &str) {
    let bad = |c: &char| {
        (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}')
    };
    let found = text.char_indices().find(|(_, c)| bad(c));
    assert!(found.is_none(), "{found:?} in {text:.2000}");
    assert!(!text.contains("\n::error"), "{text:.2000}");
}

#[test]
fn hostile_text_harms_no_output() {
    let (subject, explanation) = (hostile_subject(), hostile());
    let all = PageStyle { all: true, ..PLAIN };
    let texts = [
        build(&subject, &explanation, all),
        diff(
            (&subject, &explanation),
            (&subject, &explained(naive_steps())),
            &compared(&explanation, &explained(naive_steps())),
            all,
        ),
    ];
    for text in &texts {
        assert_harmless(text);
        assert!(text.len() < 20_000, "{} bytes", text.len());
    }

    let picture = waterfall(&subject, &explanation);
    assert_harmless(&picture);
    assert!(picture.len() < 60_000, "{} bytes", picture.len());
    let document = roxmltree::Document::parse(&picture).unwrap();
    let elements = ["svg", "title", "g", "rect", "text", "tspan", "path"];
    for node in document.descendants().filter(|node| node.is_element()) {
        assert!(elements.contains(&node.tag_name().name()), "{node:?}");
        assert!(node.attributes().all(|a| !a.name().starts_with("on")));
    }

    let events = trace_events(&subject, &explanation);
    assert_harmless(&events);
    assert!(events.len() < 100_000, "{} bytes", events.len());
    check_events(&events);

    let (view, explained) = explained_run(hostile(), explanation);
    assert_harmless(&run(&view, &explained, all));
    assert_harmless(&terminal(&view, 100, false));
    let page = markdown(&view);
    assert_harmless(&page);
    assert_ours(&page);
}

/// Fails unless it is what the trace-event format allows, and no two events
/// of a thread overlap.
fn check_events(text: &str) {
    let schema = include_str!("../../../tests/fixtures/trace-events.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let document: Value = serde_json::from_str(text).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());

    let mut threads = std::collections::BTreeMap::new();
    for event in document["traceEvents"].as_array().unwrap() {
        if event["ph"] == "X" {
            let number = |key: &str| event[key].as_f64().unwrap();
            let thread = (event["pid"].as_u64(), event["tid"].as_u64());
            let times: &mut Vec<(f64, f64)> = threads.entry(thread).or_default();
            times.push((number("ts"), number("ts") + number("dur")));
        }
    }
    for (thread, mut times) in threads {
        times.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        for pair in times.windows(2) {
            // Less than a nanosecond is rounding.
            let overlap = pair[0].1 - pair[1].0;
            assert!(overlap < 1e-3 * pair[0].1.max(1.0), "{thread:?}: {pair:?}");
        }
    }
}

#[test]
fn the_schema_refuses_what_is_no_trace_event() {
    let schema = include_str!("../../../tests/fixtures/trace-events.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let good = trace_events(&subject(), &explained(naive_steps()));
    let good: Value = serde_json::from_str(&good).unwrap();
    assert!(validator.is_valid(&good));
    for (key, value) in [("ph", "Q"), ("ts", "1"), ("dur", "1"), ("pid", "x")] {
        let mut bad = good.clone();
        let events = bad["traceEvents"].as_array_mut().unwrap();
        let event = events.iter_mut().find(|event| event["ph"] == "X").unwrap();
        event[key] = Value::from(value);
        assert!(!validator.is_valid(&bad), "{key}");
    }
}

#[test]
fn a_picture_is_bounded_however_many_steps_there_are() {
    let steps = (0..3000).map(|n| {
        let name = format!("[linux/amd64 build {n}/3000] RUN make {n}");
        step(&n.to_string(), &name, &[], n, n + 500)
    });
    let explanation = explained(steps.collect());
    let picture = waterfall(&subject(), &explanation);
    assert!(picture.len() < 600_000, "{} bytes", picture.len());
    assert!(
        picture.contains("2970 short steps hidden"),
        "{picture:.3000}"
    );
    let page = build(&subject(), &explanation, PLAIN);
    assert!(page.lines().count() < 70, "{page}");
    check_events(&trace_events(&subject(), &explanation));
}

/// A build in which anything may stand.
fn any_step() -> impl Strategy<Value = Vertex> {
    (
        0u8..12,
        "\\PC{0,40}|\\[[^\\]]{0,20}\\] .{0,20}|\\[linux/(amd64|arm64|386)(->arm64)? b [1-9]/9\\] (RUN|COPY|FROM) .{0,20}",
        proptest::collection::vec(0u8..12, 0..3),
        proptest::option::of((0u64..50, 0u64..50)),
        any::<bool>(),
        "|.{0,30}",
    )
        .prop_map(|(id, name, inputs, times, cached, error)| {
            let (from, to) = times.unwrap_or_default();
            let mut vertex = step(&id.to_string(), &name, &[], from, to);
            vertex.inputs = inputs.iter().map(|id| format!("sha256:{id}")).collect();
            vertex.cached = cached;
            vertex.error = error;
            if times.is_none() {
                vertex.completed = None;
            }
            vertex
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_build_is_shown(
        steps in proptest::collection::vec(any_step(), 1..30),
        others in proptest::collection::vec(any_step(), 1..10),
        title in ".{0,200}",
        width in 0usize..300,
        is_known: bool,
    ) {
        let conditions = if is_known { conditions() } else { Conditions::default() };
        let explain = |steps: Vec<Vertex>| {
            explain(&super::fixture::trace(steps), &conditions).unwrap()
        };
        let (first, second) = (explain(steps), explain(others));
        let subject = Subject::of_recording(title);
        let style = PageStyle { width, colour: false, all: true };
        assert_harmless(&build(&subject, &first, style));
        let difference = compared(&first, &second);
        assert_harmless(&diff((&subject, &first), (&subject, &second), &difference, style));
        let picture = waterfall(&subject, &first);
        assert_harmless(&picture);
        prop_assert!(!picture.contains("NaN") && !picture.contains("=\"inf"));
        roxmltree::Document::parse(&picture).unwrap();
        let events = trace_events(&subject, &first);
        assert_harmless(&events);
        check_events(&events);
    }
}

#[test]
fn what_ran_once_for_several_platforms_is_told_if_it_took_a_while() {
    assert!(super::shared_steps(&explained(cross_steps())).is_empty());
    let mut steps = cross_steps();
    for vertex in &mut steps {
        if vertex.name.contains("RUN") {
            vertex.inputs = vec!["sha256:download".into()];
        }
    }
    let name = "[linux/amd64 build 3/4] RUN go mod download";
    steps.push(step("download", name, &["copy"], 500, 800));
    let shared = super::shared_steps(&explained(steps.clone()));
    let expected = "RUN go mod download was executed once for linux/amd64 and linux/arm64";
    assert_eq!(
        super::shared_sentence(&shared),
        Some(format!("{expected} (0.30 s)"))
    );
    let reports = explained_run(explained(naive_steps()), explained(steps)).0;
    assert!(markdown(&reports).contains(expected));
    let text = terminal(&reports, 200, false);
    assert!(text.contains(expected), "{text}");
}
