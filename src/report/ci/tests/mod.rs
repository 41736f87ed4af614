//! Every format from the same views, and each held to its definition.

mod annotations;
mod endings;
mod exposition;
mod junit_schema;
mod validity;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::super::check::{CheckOutcome, CheckView, Finding, Level};
use super::super::fixture::{self, ARTICLE, Times};
use super::super::view::View;
use super::Format;
use super::rows;
use crate::model::{BuildKind, Outcome, RunRecord, Sample};
use crate::verdict::Dropped;
use validity::assert_valid;

/// What a pull request is gated on: incremental builds became slower.
const GATED: [(&str, Times); 2] = [
    ("main", [5.31, 60.03, 30.2, 0.52]),
    ("change", [5.40, 61.2, 44.9, 0.48]),
];

fn view((record, samples): (RunRecord, Vec<Sample>)) -> View {
    View::new(&fixture::of(&record, &samples), &Default::default())
}

/// Six rounds, and so verdicts; a step that is to blame.
fn gated() -> View {
    let (mut record, samples) = fixture::run(&GATED, 6);
    record.scenarios[0].variants[0].revision = Some("3f9a1c2".into());
    view((record, samples))
}

fn finding(level: Level, rule: &str, kind: Option<BuildKind>, message: &str) -> Finding {
    Finding {
        level,
        rule: rule.to_owned().into(),
        scenario: "go-hello".into(),
        variant: "change".into(),
        kind,
        message: message.into(),
        file: Some("dockerfiles/go-hello/change.Dockerfile".into()),
        line: Some(7),
    }
}

fn check(outcome: CheckOutcome, headline: &str, findings: Vec<Finding>) -> CheckView {
    CheckView {
        outcome,
        subject: "go-hello/Dockerfile".into(),
        headline: headline.into(),
        findings,
    }
}

/// A run with what a check made of it.
fn checked(view: &View, check: Option<&CheckView>) -> View {
    View {
        check: check.cloned(),
        ..view.clone()
    }
}

/// What `buildrace check` found in [`gated`].
fn failed_check() -> CheckView {
    let slower = finding(
        Level::Error,
        "slower",
        Some(BuildKind::Incremental),
        "incremental builds take 49% longer than those of main [+43…+55%]",
    );
    let emulated = finding(
        Level::Error,
        "emulated-steps",
        None,
        "2 steps are emulated, 1 more than in main",
    );
    let open = finding(
        Level::Warning,
        "inconclusive",
        Some(BuildKind::Cold),
        "cold builds differ by less than can be told in 6 rounds, 50% of them",
    );
    check(
        CheckOutcome::Failed,
        "change is slower than main in incremental builds: +49% [+43…+55%]",
        vec![slower, emulated, open],
    )
}

/// Three rounds, of which naive failed one and timed out in the others.
fn failing() -> View {
    let (record, mut samples) = fixture::run(&ARTICLE, 3);
    for sample in &mut samples {
        match (
            sample.slot.variant.as_str(),
            sample.slot.kind,
            sample.slot.round,
        ) {
            ("naive", BuildKind::MultiArch, 2) => fixture::fail(sample, Outcome::Failed),
            ("naive", BuildKind::Incremental, _) => fixture::fail(sample, Outcome::TimedOut),
            ("cross", BuildKind::Noop, _) => fixture::fail(sample, Outcome::Skipped),
            _ => {}
        }
    }
    let mut view = view((record, samples));
    view.dropped.push(Dropped {
        scenario: "go-hello".into(),
        round: 2,
        reason: "somebody else used the builder during r2-03".into(),
    });
    view
}

/// A run and a check in which every text from outside is this one.
fn said(text: &str) -> (View, CheckView) {
    let (record, mut samples) = fixture::run(&GATED, 6);
    fixture::fail(samples.last_mut().unwrap(), Outcome::Failed);
    let mut view = view((record, samples));
    let text = || text.to_owned();
    view.run = text();
    view.buildrace = text();
    view.command = crate::model::Invocation::new(&text(), [text()]);
    for scenario in &mut view.scenarios {
        scenario.name = text();
        scenario.title = text();
        for variant in &mut scenario.variants {
            variant.name = text();
            variant.dockerfile = text();
            variant.revision = Some(text());
        }
    }
    // Another of the same name: formats must tell them apart.
    view.scenarios.push(view.scenarios[0].clone());
    for failure in &mut view.failures {
        failure.scenario = text();
        failure.variant = text();
        failure.failure.message = text();
        failure.failure.step = Some(text());
        failure.failure.log_tail = vec![text(), text()];
    }
    view.disturbances = vec![(text(), text())];
    let mut check = failed_check();
    check.subject = text();
    check.headline = text();
    for finding in &mut check.findings {
        finding.scenario = text();
        finding.variant = text();
        finding.message = text();
        finding.file = Some(text());
    }
    (view, check)
}

/// Everything that ends something in one of the formats, and 10 kB more.
fn hostile() -> String {
    let tricks = "=cmd|' /C calc'!A0 %0A::error::y\n::error::x ##[error]z \u{0}\u{1b}[31m\r\n]]>\
                  --><script>alert(1)</script></pre></details> `c` | **b** \"q\" 'a' \\ \\n {} \
                  \u{202e}\u{fffe}\u{85}, # EOF\n</testsuites> @all";
    format!("{tricks}{}", "long ".repeat(2048))
}

#[test]
fn formats_of_a_failed_check() {
    for format in Format::ALL {
        let text = format.render(&checked(&gated(), Some(&failed_check())));
        assert_valid(format, &text);
        assert_snapshot!(format!("failed_check_{format}"), text);
    }
}

#[test]
fn formats_of_failures() {
    for format in Format::ALL {
        let text = format.render(&failing());
        assert_valid(format, &text);
        assert_snapshot!(format!("failures_{format}"), text);
    }
}

#[test]
fn formats_of_hostile_text() {
    let (view, check) = said(&hostile());
    for format in Format::ALL {
        for check in [None, Some(&check)] {
            let text = format.render(&checked(&view, check));
            assert!(text.len() < 100_000, "{format} has {} bytes", text.len());
            assert_valid(format, &text);
        }
        assert_snapshot!(
            format!("hostile_{format}"),
            format.render(&checked(&view, Some(&check)))
        );
    }
    let run = fixture::hostile_run();
    let view = self::view(run);
    for format in Format::ALL {
        assert_valid(format, &format.render(&checked(&view, Some(&check))));
    }
}

#[test]
fn formats_of_nothing() {
    let mut view = gated();
    view.scenarios[0].variants.clear();
    let undecided = check(CheckOutcome::Undecided, "it could not be decided", vec![]);
    for format in Format::ALL {
        assert_valid(format, &format.render(&checked(&view, Some(&undecided))));
    }
    view.scenarios.clear();
    for format in Format::ALL {
        assert_valid(format, &format.render(&view));
    }
}

#[test]
fn a_check_that_did_not_pass_fails_something_in_junit() {
    let failures = |check: Option<&CheckView>| {
        let text = Format::Junit.render(&checked(&gated(), check));
        assert_valid(Format::Junit, &text);
        text.matches("<failure").count()
    };
    let warning = || vec![finding(Level::Warning, "inconclusive", None, "open")];
    assert_eq!(failures(None), 0);
    for (outcome, findings, expected) in [
        (CheckOutcome::Passed, vec![], 0),
        (CheckOutcome::Passed, warning(), 0),
        (CheckOutcome::Undecided, warning(), 1),
        (CheckOutcome::Failed, vec![], 1),
    ] {
        let check = check(outcome, "it is so", findings);
        assert_eq!(failures(Some(&check)), expected, "{check:?}");
    }
    assert_eq!(failures(Some(&failed_check())), 2);
    // A second finding of the same test case gets one of its own.
    let mut twice = failed_check();
    twice.findings.push(twice.findings[0].clone());
    assert_eq!(failures(Some(&twice)), 3);
}

#[test]
fn what_is_no_number_is_not_written() {
    let mut view = gated();
    for variant in &mut view.scenarios[0].variants {
        for (at, cell) in variant.cells.values_mut().enumerate() {
            let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300][at];
            if let Some(times) = &mut cell.times {
                times.max = odd;
            }
            if let Some(ratio) = &mut cell.ratio {
                ratio.estimate = odd;
            }
            cell.by_round.insert(1, odd);
        }
    }
    for format in [
        Format::Junit,
        Format::GithubActionBenchmark,
        Format::Bmf,
        Format::Hyperfine,
        Format::Otava,
        Format::Prometheus,
        Format::Openmetrics,
    ] {
        let text = format.render(&view);
        assert_valid(format, &text);
        for word in ["NaN", "inf", "null"] {
            let count = text.matches(word).count();
            assert_eq!(
                count,
                text.matches("info").count() * usize::from(word == "inf")
            );
        }
    }
}

#[test]
fn pages_keep_to_their_limits_and_say_what_they_leave_out() {
    let (mut view, check) = said(&"*".repeat(400));
    let scenario = view.scenarios[0].clone();
    view.scenarios = vec![scenario; 600];
    for (format, limit) in [
        (Format::GithubSummary, 512 * 1024),
        (Format::MarkdownComment, 65_536),
    ] {
        let text = format.render(&checked(&view, Some(&check)));
        assert!(text.len() <= limit, "{} bytes", text.len());
        assert!(text.contains("Left out, since more than"), "{format}");
        assert_valid(format, &text);
    }
}

#[test]
fn the_marker_of_a_comment_is_the_scenarios() {
    let marker = |names: &[&str]| {
        let mut view = gated();
        let scenario = view.scenarios[0].clone();
        view.scenarios = names
            .iter()
            .map(|name| {
                let mut scenario = scenario.clone();
                scenario.name = (*name).to_owned();
                scenario
            })
            .collect();
        let text = Format::MarkdownComment.render(&view);
        text.lines().next().unwrap().to_owned()
    };
    assert_eq!(marker(&["go-hello"]), "<!-- buildrace:comment:go-hello -->");
    let odd = [
        "go--hello",
        "go hello",
        "go-hello-",
        "GO-hello",
        "-",
        "--",
        "",
    ];
    let mut markers: Vec<String> = odd.iter().map(|name| marker(&[name])).collect();
    markers.push(marker(&["a", "b"]));
    markers.push(marker(&["a+b"]));
    markers.push(marker(&["go-hello"]));
    for marker in &markers {
        let key = marker.strip_prefix("<!-- buildrace:comment:").unwrap();
        let key = key.strip_suffix(" -->").unwrap();
        assert!(!key.contains("--") && !key.contains('>'), "{marker}");
    }
    let before = markers.len();
    markers.sort();
    markers.dedup();
    assert_eq!(markers.len(), before, "{markers:?}");
}

#[test]
fn names_that_are_cut_stay_apart() {
    let long = "x".repeat(500);
    let (one, other) = (format!("{long}1"), format!("{long}2"));
    let names = rows::names([&one, &other, &one]);
    assert!(names.iter().all(|name| name.chars().count() < 130));
    assert_eq!(&names[1], &format!("{} (2)", names[0]));
    assert_eq!(&names[2], &format!("{} (3)", names[0]));
}

#[test]
fn formats_are_found_by_name() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    let error = "github-sumary".parse::<Format>().unwrap_err();
    assert_snapshot!(error, @"there is no format github-sumary (did you mean github-summary?); formats are html, markdown, svg, png, csv, json, github-summary, github-annotations, markdown-comment, junit, github-action-benchmark, bmf, hyperfine, otava, prometheus, openmetrics");
    let error = "\u{1b}[31mxml-for-us".parse::<Format>().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("there is no format \\x1b[31mxml-for-us; ")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_leaves_formats_whole(
        text in "\\PC{0,200}|[\\x00-\\xff]{0,300}|.{0,300}|(::error|%0A|\n|,|:|\\]\\]>|-->|\"|\\\\|<|&|\\||`){0,40}"
    ) {
        let (view, check) = said(&text);
        for format in Format::ALL {
            assert_valid(format, &format.render(&view));
            assert_valid(format, &format.render(&checked(&view, Some(&check))));
        }
    }
}
