//! What each format says of builds that did not come to a good end.

use serde_json::Value;

use super::super::super::fixture::{self, ARTICLE};
use super::{Format, assert_valid, view};
use crate::model::{BuildKind, Outcome, RunRecord, Sample};
use crate::report::view::View;

/// Three rounds in which every build of `naive` ended so.
fn ended(outcome: Outcome) -> View {
    let (record, mut samples) = fixture::run(&ARTICLE, 3);
    for sample in samples.iter_mut().filter(|s| s.slot.variant == "naive") {
        fixture::fail(sample, outcome);
    }
    view((record, samples))
}

/// A run that the user stopped in its last build.
fn stopped() -> (RunRecord, Vec<Sample>) {
    let (record, mut samples) = fixture::run(&ARTICLE, 3);
    samples.truncate(samples.len() - 3);
    fixture::fail(samples.last_mut().unwrap(), Outcome::Interrupted);
    (record, samples)
}

fn json(format: Format, view: &View) -> Value {
    let text = format.render(view);
    assert_valid(format, &text);
    serde_json::from_str(&text).unwrap()
}

/// The benchmark of how many builds of a variant failed.
fn failed_builds(view: &View, variant: &str) -> f64 {
    let benchmarks = json(Format::GithubActionBenchmark, view);
    let name = format!("go-hello / {variant} / failed builds");
    let benchmarks = benchmarks.as_array().unwrap();
    let found = benchmarks.iter().find(|b| b["name"] == name.as_str());
    found.expect("it is always there")["value"]
        .as_f64()
        .unwrap()
}

#[test]
fn a_variant_that_never_builds_is_on_a_dashboard_as_what_it_is() {
    for outcome in [Outcome::Failed, Outcome::TimedOut, Outcome::WrongOutput] {
        let view = ended(outcome);
        assert_eq!(failed_builds(&view, "naive"), 12.0);
        assert_eq!(failed_builds(&view, "cross"), 0.0);
        let bmf = json(Format::Bmf, &view);
        let naive = &bmf["go-hello / naive / cold"];
        assert_eq!(naive["failed-builds"]["value"], 3);
        assert!(naive["latency"].is_null(), "{naive}");
        let cross = &bmf["go-hello / cross / cold"];
        assert_eq!(cross["failed-builds"]["value"], 0);
        assert!(cross["latency"]["value"].is_number(), "{cross}");
        let metrics = Format::Prometheus.render(&view);
        let failed = "buildrace_samples_failed{scenario=\"go-hello\",variant=\"naive\",\
                      kind=\"cold\"} 3\n";
        assert!(metrics.contains(failed), "{metrics}");
        let junit = Format::Junit.render(&view);
        assert_eq!(junit.matches("<error ").count(), 4, "{junit}");
    }
}

#[test]
fn ctrl_c_is_interrupted_and_never_failed() {
    let view = view(stopped());
    assert_eq!(
        failed_builds(&view, "naive") + failed_builds(&view, "cross"),
        0.0
    );
    let bmf = json(Format::Bmf, &view);
    for (_, measures) in bmf.as_object().unwrap() {
        assert_eq!(measures["failed-builds"]["value"], 0);
    }
    for format in Format::ALL {
        let text = format.render(&view);
        assert_valid(format, &text);
        for line in text.lines() {
            let is_failure = line.contains("::error")
                || line.contains("<error ")
                || line.contains("<failure ")
                || (line.starts_with("buildrace_samples_failed{") && !line.ends_with(" 0"));
            assert!(!is_failure, "{format}: {line}");
        }
    }
    let annotations = Format::GithubAnnotations.render(&view);
    let expected = "::warning title=buildrace%3A interrupted::The run was interrupted: 20 of 24 \
                samples.\n";
    assert!(annotations.contains(expected), "{annotations}");
    // Where nothing else was built of it, a test case is skipped, not passed.
    let (record, mut samples) = stopped();
    for sample in samples
        .iter_mut()
        .filter(|s| s.slot.kind == BuildKind::Noop)
    {
        fixture::fail(sample, Outcome::Interrupted);
    }
    let text = Format::Junit.render(&super::view((record, samples)));
    assert_eq!(
        text.matches("<skipped message=\"interrupted\"/>").count(),
        2,
        "{text}"
    );
}

#[test]
fn a_failure_has_its_step_and_the_end_of_its_log() {
    let view = ended(Outcome::Failed);
    for format in [
        Format::Junit,
        Format::GithubAnnotations,
        Format::GithubSummary,
        Format::MarkdownComment,
    ] {
        let text = format.render(&view);
        assert!(
            text.contains("RUN go build -o /out/hello ."),
            "{format}: {text}"
        );
        // What the log does to a terminal is written out.
        assert!(text.contains("x1b[31mundefined"), "{format}: {text}");
    }
}

#[test]
fn a_run_that_lacks_a_time_makes_no_row_of_a_history() {
    let whole = view(fixture::run(&ARTICLE, 3));
    let text = Format::Otava.render(&whole);
    assert_eq!(Format::Otava.leaves_out(&whole), None);
    let row = text.lines().nth(1).unwrap();
    let cells: Vec<&str> = row.split(',').collect();
    // Neither is a revision: the commit of both is what the project was at.
    let at = "9c1e4f0d2b7a6853c0d9e8f7a6b5c4d3e2f10987";
    assert_eq!(cells[2..4], [at, at]);

    let mut unknown = whole.clone();
    unknown.commit = None;
    unknown.scenarios[0].variants[0].revision = Some("3f9a1c2".into());
    let text = Format::Otava.render(&unknown);
    assert!(text.contains(",unknown,3f9a1c2,"), "{text}");

    let lacking = ended(Outcome::Failed);
    let header = Format::Otava.render(&lacking);
    assert_eq!(header.lines().count(), 1);
    assert_valid(Format::Otava, &header);
    let why = Format::Otava.leaves_out(&lacking).unwrap();
    assert!(why.contains("go-hello.naive.cold has no time"), "{why}");
}

#[test]
fn both_formats_of_metrics_hold_the_same_samples() {
    for view in [ended(Outcome::Failed), view(stopped())] {
        let samples = |format: Format| {
            let text = format.render(&view);
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            lines.map(str::to_owned).collect::<Vec<String>>()
        };
        assert_eq!(samples(Format::Prometheus), samples(Format::Openmetrics));
    }
}
