//! Runs side by side in each format, what differs marked in all of them.

use insta::assert_snapshot;

use super::super::runs::SideBySide;
use crate::model::Run;
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
