//! Runs side by side in each format, what differs marked in all of them.

use insta::assert_snapshot;

use super::super::runs::SideBySide;
use crate::model::Run;
use crate::report::awkward;
use crate::report::fixture::{self, ARTICLE};
use crate::report::page::outline;

fn two() -> [Run; 2] {
    let (record, samples) = fixture::run(&ARTICLE, 3);
    let first = fixture::of(&record, &samples);
    let mut second = first.clone();
    second.record.run = "20261124T204500Z-aaaaaa".into();
    second.record.host.cpu_model = Some("AMD EPYC".into());
    second.record.builder.engine_version = Some("28.5.2".into());
    second.record.builder.buildkit_version = Some("v0.25.1".into());
    second.record.emulators[0].version = Some("11.1.3".into());
    second.record.base_images[0].digest = None;
    second.record.scenarios[0].digest = "00".repeat(32);
    for sample in &mut second.samples {
        sample.wall = sample.wall.mul_f64(0.7);
    }
    [first, second]
}

fn side_by_side(runs: &[Run]) -> SideBySide {
    SideBySide::new(&runs.iter().collect::<Vec<_>>()).unwrap()
}

#[test]
fn each_format_shows_times_and_what_differs() {
    let runs = side_by_side(&two());
    assert_snapshot!(runs.terminal(120, false));
    assert_snapshot!(runs.markdown());
    assert_snapshot!(outline(&runs.html()));
    assert_snapshot!(runs.csv());
    let json = runs.json().to_string();
    let texts = [
        runs.terminal(120, false),
        runs.markdown(),
        runs.html(),
        runs.csv(),
        json,
    ];
    for text in texts {
        // Markdown writes some signs in another way.
        for mark in ["machine", "builder", "QEMU", "base images", "scenario"] {
            assert!(text.contains(&format!("other {mark}")), "{mark}: {text}");
        }
    }
}

fn run_named(name: &str) -> Run {
    let mut runs = awkward::runs().into_iter();
    runs.find(|(of, _)| *of == name).unwrap().1
}

/// Without a time there is nothing to compare, and the error says so.
#[test]
fn runs_whose_builds_all_failed_are_refused() {
    let run = run_named("every build failed");
    let error = SideBySide::new(&[&run, &run]).unwrap_err().to_string();
    assert_snapshot!(error);
}

/// Each format of runs with twelve scenarios, long names, and times of nothing and of years.
#[test]
fn awkward_runs_in_each_format() {
    for name in [
        "twelve scenarios",
        "long names",
        "no time at all",
        "huge times",
    ] {
        let first = run_named(name);
        let mut second = first.clone();
        second.record.run = "20261124T204500Z-aaaaaa".into();
        second.record.host.cpu_model = Some("AMD EPYC".into());
        for sample in &mut second.samples {
            sample.wall = sample.wall.mul_f64(0.7);
        }
        let found = side_by_side(&[first, second]);
        let name = name.replace(' ', "_");
        assert_snapshot!(format!("terminal_of_{name}"), found.terminal(120, false));
        assert_snapshot!(format!("markdown_of_{name}"), found.markdown());
        assert_snapshot!(format!("page_of_{name}"), outline(&found.html()));
        assert_snapshot!(format!("csv_of_{name}"), found.csv());
        assert_snapshot!(format!("json_of_{name}"), format!("{:#}", found.json()));
    }
}

#[test]
fn names_from_outside_stay_text() {
    let (record, samples) = fixture::hostile_run();
    let runs = [
        fixture::of(&record, &samples),
        fixture::of(&record, &samples),
    ];
    let runs = side_by_side(&runs);
    assert!(!runs.html().contains("<script>alert"));
    for text in [
        runs.terminal(100, false),
        runs.markdown(),
        runs.html(),
        runs.csv(),
    ] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    }
    for row in runs.csv().lines() {
        assert!(!row.starts_with('='), "{row}");
    }
}
