//! Recordings of builds that went some other way than a plain one: beside
//! another build, to no end, or with instructions that are more steps than one.

use std::io::Read;

use super::super::{Conditions, Explanation, FailureFacts, Lines, Node, StepKind, explain};
use super::{place, secs};
use crate::model::Platform;
use crate::trace::rawjson::{Reader, Tail};
use crate::trace::{Builds, Recorded};

macro_rules! case {
    ($name:literal) => {
        &include_bytes!(concat!("../../../tests/fixtures/cases/", $name))[..]
    };
}

fn recorded(recording: impl Read) -> Vec<Recorded> {
    let mut reader = Reader::new(recording);
    let mut builds = Builds::new();
    while let Some(status) = reader.next() {
        if let Some(text) = reader.take_text() {
            builds.push_text(&text);
        }
        builds.push(&status.unwrap());
    }
    if let Some(Tail::Text(text)) = reader.tail() {
        builds.push_text(text);
    }
    builds.end(reader.tail() == Some(&Tail::CutOff))
}

fn explained(recording: &[u8]) -> Vec<Explanation> {
    with_lines(recording, &Lines::default())
}

fn with_lines(recording: &[u8], lines: &Lines) -> Vec<Explanation> {
    let builds = recorded(recording).into_iter();
    let explained = builds.map(|recorded| {
        let conditions = Conditions {
            node: Some(Node::of(Platform::linux("amd64"))),
            platform: Some(Platform::linux("amd64")),
            cut_off: recorded.cut_off,
            failure: FailureFacts::from_recording(&recorded),
            lines: lines.clone(),
            ..Conditions::default()
        };
        explain(&recorded.trace, &conditions).expect("a step that began")
    });
    explained.collect()
}

fn one(recording: &[u8]) -> Explanation {
    let mut explained = explained(recording);
    assert_eq!(explained.len(), 1);
    explained.remove(0)
}

fn kind(explanation: &Explanation, begin: &str) -> StepKind {
    let mut steps = explanation.steps.iter();
    let step = steps.find(|step| step.name.starts_with(begin));
    step.unwrap_or_else(|| panic!("no step {begin:?}")).kind
}

#[test]
fn a_build_begins_when_it_did_though_another_had_its_base_image_before() {
    let explanation = one(case!("shared-vertex/short.rawjson"));
    assert_eq!(explanation.span.as_millis(), 1620);
    let run = &explanation.steps[place(&explanation, "[2/2] RUN sleep 1")];
    assert!(run.critical > secs(1.3));
    let steps = explanation.steps.iter();
    let from = steps.filter(|step| step.kind == StepKind::BaseImage);
    let from: Vec<_> = from
        .map(|step| (step.busy.as_millis(), step.before.as_millis()))
        .collect();
    assert_eq!(from, [(0, 27)]);
    let waiting = explanation.make_up.iter();
    let waiting: f64 = waiting
        .filter(|part| part.activity == super::super::Activity::Waiting)
        .map(|part| part.share)
        .sum();
    assert!(waiting < 0.1, "{waiting}");
}

#[test]
fn a_build_that_was_cancelled_says_so() {
    let explanation = one(case!("explain-failed/cancelled.rawjson"));
    let failure = explanation.failure.as_ref().unwrap();
    assert!(failure.cancelled && failure.message.ends_with("context canceled"));
    let name = &explanation.steps[explanation.failed.unwrap()].name;
    assert_eq!(name, "[long 1/1] RUN sleep 60");
    assert_eq!(explanation.what_if, []);

    // Without its client's words, too.
    let recording = case!("explain-failed/cancelled.rawjson");
    let end = recording
        .windows(6)
        .rposition(|part| part == b"ERROR:")
        .unwrap();
    let explanation = one(&recording[..end]);
    assert!(explanation.failure.unwrap().cancelled);
}

#[test]
fn a_dockerfile_that_does_not_parse_fails_with_its_message() {
    let explanation = one(case!("explain-failed/parseerror.rawjson"));
    let failure = explanation.failure.unwrap();
    assert!(!failure.cancelled && !failure.by_step);
    let expected = "dockerfile parse error on line 2: unknown instruction: RUNN";
    assert!(failure.message.contains(expected), "{}", failure.message);
    // The last step that began.
    let name = &explanation.steps[explanation.failed.unwrap()].name;
    assert_eq!(name, "[internal] load build definition from bad.Dockerfile");
}

#[test]
fn a_recording_that_ends_between_two_updates_is_incomplete() {
    let whole = case!("heredoc-lines/b.rawjson");
    let ends = whole
        .windows(3)
        .enumerate()
        .filter(|(_, part)| *part == b"\n}\n");
    let ends: Vec<usize> = ends.map(|(at, _)| at + 3).collect();
    let exported = whole
        .windows(9)
        .position(|part| part == b"exporting")
        .unwrap();
    let mut told = 0;
    for end in ends.iter().filter(|end| **end < exported) {
        let builds = recorded(&whole[..*end]);
        let Some(explanation) = explain(&builds[0].trace, &Conditions::default()) else {
            continue;
        };
        // Whether a build that did all its instructions had an output is not
        // known.
        let did_all = explanation
            .steps
            .iter()
            .any(|step| step.name.contains("echo second") && !step.unfinished);
        assert_eq!(explanation.complete, did_all, "{end}");
        told += 1;
    }
    assert!(told > 10, "{told}");
    assert!(one(whole).complete);
}

#[test]
fn a_context_that_another_build_loaded_is_not_where_a_build_begins() {
    let explanation = super::Build::default()
        .step("ctx", "[internal] load build context", &[], 0..10)
        .step(
            "def",
            "[internal] load build definition from Dockerfile",
            &[],
            5000..5010,
        )
        .step("run", "[2/2] RUN x", &["ctx"], 5010..6000)
        .explain(&super::busy_node());
    assert_eq!(explanation.span, secs(1.0));
    let context = &explanation.steps[place(&explanation, "[internal] load build context")];
    assert_eq!(context.before, secs(0.01));
}

#[test]
fn two_builds_in_one_recording_are_two() {
    let explained = explained(case!("explain-failed/two.rawjson"));
    let spans: Vec<_> = explained
        .iter()
        .map(|build| build.span.as_millis())
        .collect();
    assert_eq!(spans, [4746, 5266]);
    let failed: Vec<_> = explained
        .iter()
        .map(|build| build.failed.is_some())
        .collect();
    assert_eq!(failed, [false, true]);
    let last = &explained[1];
    let failed = &last.steps[last.failed.unwrap()];
    assert_eq!(
        failed.name,
        "[fails 1/1] RUN sleep 1; echo boom >&2; exit 42"
    );
    assert!(last.failure.as_ref().unwrap().by_step);
}

#[test]
fn recordings_one_after_another_are_told_apart_in_any_order() {
    let all = [
        case!("explain-failed/parseerror.rawjson"),
        case!("link-count/engine28.rawjson"),
        case!("explain-failed/cancelled.rawjson"),
        case!("shared-vertex/short.rawjson"),
        case!("named-context/build.rawjson"),
        case!("named-context/build.rawjson"),
        case!("syntax-frontend/engine29.rawjson"),
    ];
    let alone: Vec<Explanation> = all.iter().map(|recording| one(recording)).collect();
    let joined = |order: &[usize]| {
        let recordings = order.iter().map(|at| [all[*at], b"\n"].concat());
        explained(&recordings.collect::<Vec<_>>().concat())
    };
    for order in [[0, 1, 2, 3, 4, 6], [6, 3, 2, 1, 0, 4], [4, 5, 6, 0, 1, 2]] {
        let expected: Vec<&Explanation> = order.iter().map(|at| &alone[*at]).collect();
        let found = joined(&order);
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{order:?}");
    }
}

#[test]
fn a_bake_of_several_targets_and_a_builder_of_several_nodes_are_one_build() {
    let definition = |prefix: &str, id: &str, start: u64| {
        let name = format!("[{prefix}internal] load build definition from Dockerfile");
        (name, id.to_owned(), start)
    };
    for definitions in [
        // The second target needs the first one's result.
        [definition("base ", "a", 0), definition("app ", "b", 5000)],
        [definition("", "a", 0), definition("", "b", 2)],
    ] {
        let mut updates = Vec::new();
        for (name, id, start) in definitions {
            let run = name.replace(
                "internal] load build definition from Dockerfile",
                "2/2] RUN x",
            );
            for (name, id, time) in [
                (name, id.clone(), start..start + 10),
                (run, format!("{id}-run"), start + 20..start + 4000),
                (
                    "exporting to image".into(),
                    format!("{id}-x"),
                    start + 4000..start + 4100,
                ),
            ] {
                let ended = super::Build::default().step(&id, &name, &[], time.clone());
                let begun = ended.clone().but(|vertex| vertex.completed = None);
                let known = begun.clone().but(|vertex| vertex.started = None);
                updates.extend([(start, known), (time.start, begun), (time.end, ended)]);
            }
        }
        updates.sort_by_key(|(told, _)| *told);
        let mut builds = Builds::new();
        for (_, update) in updates {
            builds.push(&update.status());
        }
        let builds = builds.end(false);
        let names = |build: &Recorded| -> Vec<String> {
            build
                .trace
                .steps()
                .iter()
                .map(|step| step.name.clone())
                .collect()
        };
        let names: Vec<_> = builds.iter().map(names).collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}

#[test]
fn an_instruction_counts_once_on_each_platform_however_many_steps_it_is() {
    let explanation = one(case!("link-count/engine28.rawjson"));
    let counts = explanation.platforms.iter();
    let counts: Vec<_> = counts
        .map(|facts| (facts.platform.to_string(), facts.steps, facts.cached))
        .collect();
    let expected = [("linux/amd64", 10, 0), ("linux/arm64", 4, 0)];
    assert_eq!(
        counts,
        expected.map(|(name, steps, cached)| (name.to_owned(), steps, cached))
    );
    let trace = &recorded(case!("link-count/engine28.rawjson"))[0].trace;
    assert_eq!((trace.count(), trace.cached_count()), (14, 0));
}

#[test]
fn a_linked_copy_from_the_cache_is_cached_though_its_layers_are_merged() {
    let from = "[linux/amd64 app 1/3] FROM debian";
    let link = "[linux/amd64 app 2/3] LINK COPY --link a /a";
    let explanation = super::Build::default()
        .step("f", from, &[], 0..10)
        .step("l", link, &["f", "c"], 10..10)
        .but(|vertex| vertex.cached = true)
        .step("l", link, &[], 20..40)
        .step("r", "[linux/amd64 app 3/3] RUN x", &["l"], 40..50)
        .explain(&super::busy_node());
    let facts = &explanation.platforms[0];
    assert_eq!((facts.steps, facts.cached), (2, 1));
}

#[test]
fn images_are_base_images_whatever_names_them_and_a_frontend_is_none() {
    let named = one(case!("named-context/build.rawjson"));
    assert_eq!(
        kind(&named, "[context deb] debian:trixie-slim"),
        StepKind::BaseImage
    );
    assert_eq!(
        kind(&named, "[context src] load from client"),
        StepKind::ContextTransfer
    );
    assert_eq!(
        kind(&named, "[context deb] load metadata"),
        StepKind::Internal
    );
    let syntax = one(case!("syntax-frontend/engine29.rawjson"));
    for step in [
        "resolve image config for docker-image://",
        "docker-image://docker.io/",
    ] {
        assert_eq!(kind(&syntax, step), StepKind::Internal, "{step}");
    }
    assert_eq!(kind(&syntax, "[1/2] FROM"), StepKind::BaseImage);
}

/// Lines of a Dockerfile of two stages, of which the second is made from the
/// first.
fn onbuild() -> Lines {
    let mut lines = Lines::default();
    let stage = |name: &str| Some(name.to_owned());
    lines.add(stage("base"), false, "FROM debian:trixie-slim AS base", 1);
    let heavy = "RUN echo heavy && head -c 1500M /dev/zero | sha256sum";
    lines.add(stage("stage-1"), false, heavy, 2);
    lines.add(stage("stage-1"), false, "RUN echo own", 4);
    lines
}

fn line(explanation: &Explanation, name: &str) -> Option<usize> {
    explanation.steps[place(explanation, name)].line
}

#[test]
fn a_trigger_has_its_own_line_or_none() {
    let heavy = "[stage-1 1/1] RUN echo heavy && head -c 1500M /dev/zero | sha256sum";
    let explanation = &with_lines(case!("onbuild-line/b.rawjson"), &onbuild())[0];
    assert_eq!(line(explanation, heavy), Some(2));
    assert_eq!(line(explanation, "[stage-1 2/1] RUN echo own"), Some(4));

    // A base image's: nothing in the Dockerfile says that.
    let mut lines = Lines::default();
    lines.add(Some("stage-1".to_owned()), false, "RUN echo own", 4);
    let explanation = &with_lines(case!("onbuild-line/b.rawjson"), &lines)[0];
    assert_eq!(line(explanation, heavy), None);
    assert_eq!(line(explanation, "[stage-1 2/1] RUN echo own"), Some(4));
}

#[test]
fn lines_are_found_by_what_instructions_say_and_positions_only_where_they_agree() {
    let lines = |texts: &[&str]| {
        let mut lines = Lines::default();
        for (text, line) in texts.iter().zip(1..) {
            lines.add(Some("app".to_owned()), false, text, line);
        }
        lines
    };
    let told = |lines: Lines, names: &[&str]| -> Vec<Option<usize>> {
        let mut build = super::Build::default();
        for (name, at) in names.iter().zip(0u64..) {
            build = build.step(name, name, &[], at * 10..at * 10 + 10);
        }
        let explanation = build.explain(&Conditions {
            lines,
            ..Conditions::default()
        });
        names.iter().map(|name| line(&explanation, name)).collect()
    };
    let twice = || lines(&["FROM deb", "RUN x", "RUN x"]);
    let in_place = ["[app 1/3] FROM deb", "[app 2/3] RUN x", "[app 3/3] RUN x"];
    assert_eq!(told(twice(), &in_place), [Some(1), Some(2), Some(3)]);
    // A named context took the place of the FROM.
    assert_eq!(
        told(twice(), &["[app 1/3] RUN x", "[app 2/3] RUN x"]),
        [None, None]
    );
    // As above, and the client's image has its name.
    assert_eq!(
        told(
            twice(),
            &[
                "[context deb::linux/amd64] OCI load from client",
                "[app 1/3] RUN x",
                "[app 2/3] RUN x"
            ]
        ),
        [Some(1), Some(2), Some(3)]
    );
    let other = "[context other::linux/amd64] OCI load from client";
    assert_eq!(
        told(twice(), &[other, "[app 1/3] RUN x", "[app 2/3] RUN x"]),
        [None, None, None]
    );
    // A trigger of the base image says the same as an instruction.
    let once = lines(&["FROM deb", "RUN x"]);
    let names = ["[app 1/2] FROM deb", "[app 2/2] RUN x", "[app 3/2] RUN x"];
    assert_eq!(told(once, &names), [Some(1), None, None]);
    // Variables are replaced in names, and heredocs told by their first line.
    let replaced = lines(&[
        "FROM deb",
        "RUN --mount=type=cache,target=/c   make \"${A:-x}\" && $B done",
        "COPY $SRC/a /b",
        "RUN <<EOF",
        "RUN make $A",
    ]);
    let names = [
        "[app 2/5] RUN --mount=type=cache,target=/c make \"one two\" && b done",
        "[app 3/5] COPY src/a /b",
        "[app 4/5] RUN <<EOF (echo one...)",
        "[app 5/5] RUN make test",
    ];
    assert_eq!(told(replaced, &names), [Some(2), Some(3), Some(4), Some(5)]);
}
