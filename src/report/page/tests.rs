//! The page from the same views as every other renderer.

use insta::assert_snapshot;

use super::outline::outline;
use super::{PageLinks, page};
use crate::explain::{Explanation, RunExplanation, SampleExplanation, explain};
use crate::model::Sample;
use crate::report::View;
use crate::report::awkward;
use crate::report::explanation::fixture::{
    conditions, cross_steps, explained, explained_run, failing_steps, hostile_trace, naive_steps,
    step,
};
use crate::report::fixture::{self, ARTICLE};

fn of(view: &View) -> String {
    page(view, &RunExplanation::default(), &PageLinks::default())
}

fn with_results() -> PageLinks {
    PageLinks {
        results: Some("../../results/r1".to_owned()),
    }
}

#[test]
fn a_run_with_its_steps() {
    let (view, explained) = explained_run(explained(naive_steps()), explained(cross_steps()));
    let page = page(&view, &explained, &with_results());
    assert_snapshot!(outline(&page));
    // Without results beside it, nothing leads to nowhere.
    let alone = super::page(&view, &explained, &PageLinks::default());
    assert!(page.contains("href=\"../../results/r1/traces/r1-06.rawjson.gz\""));
    assert!(!alone.contains("../results"), "{alone}");
    assert!(alone.contains("<code>traces/r1-06.rawjson.gz</code>"));
}

/// Twelve scenarios, names of 200 characters, times of nothing and of years, and no time at all.
#[test]
fn awkward_runs() {
    for name in [
        "twelve scenarios",
        "long names",
        "no time at all",
        "huge times",
        "every build failed",
    ] {
        let snapshot = format!("page_of_{}", name.replace(' ', "_"));
        assert_snapshot!(snapshot, outline(&of(&awkward::named(name))));
    }
}

#[test]
fn failures() {
    assert_snapshot!(outline(&of(&awkward::failing())));
}

#[test]
fn an_interrupted_run() {
    assert_snapshot!(outline(&of(&awkward::interrupted())));
}

#[test]
fn many_variants() {
    assert_snapshot!(outline(&of(&awkward::many())));
}

#[test]
fn a_matrix() {
    assert_snapshot!(outline(&of(&awkward::matrix())));
}

#[test]
fn two_scenarios() {
    assert_snapshot!(outline(&of(&awkward::two_scenarios())));
}

#[test]
fn hostile_text_is_text() {
    let mut view = awkward::hostile();
    view.commit = Some(fixture::hostile());
    view.scenarios[0].edit = Some(fixture::hostile());
    view.sources = vec![(fixture::hostile(), "javascript://x".to_owned())];
    let hostile = explain(&hostile_trace(), &conditions()).unwrap();
    let (_, mut explained) = explained_run(hostile, explained(failing_steps()));
    for found in &mut explained.samples {
        found.sample.slot.id = fixture::hostile();
    }
    let page = page(&view, &explained, &with_results());
    assert_snapshot!(outline(&page));
    let bad = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
    assert_eq!(page.chars().find(bad), None);
    let scripts = page.matches("<script").count();
    assert_eq!(scripts, 1, "hostile text made an element");
    for wrong in ["<img", "href=\"java", "results/r1/traces", "</pre><"] {
        assert!(!page.contains(wrong), "{wrong}");
    }
}

/// Explanations of as many samples as there are, all of the same build.
fn all_explained(samples: &[Sample], explanation: &Explanation) -> RunExplanation {
    let samples = samples.iter().map(|sample| SampleExplanation {
        sample: sample.clone(),
        explanation: explanation.clone(),
    });
    RunExplanation {
        samples: samples.collect(),
    }
}

#[test]
fn a_big_run_is_bounded_and_says_what_is_left_out() {
    let (record, samples) = fixture::run(&ARTICLE, 300);
    let mut steps = naive_steps();
    let more = (0..200_u64).map(|at| {
        step(
            &format!("more{at}"),
            &format!("[linux/amd64 build 3/3] RUN {} {at}", "step ".repeat(60)),
            &[],
            at,
            at + 500,
        )
    });
    steps.extend(more);
    let explained = all_explained(&samples, &explained(steps));
    let view = View::new(&fixture::of(&record, &samples), &RunExplanation::default());
    let page = page(&view, &explained, &with_results());
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert!(page.contains("1400 more samples hidden"));
    assert!(page.contains("Steps of 2150 more samples hidden"));
    assert!(page.contains("short steps hidden"));
}
