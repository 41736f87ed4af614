//! Views that are awkward to draw.

use std::time::Duration;

use crate::explain::Explanation;
use crate::model::{BuildKind, Contamination, Outcome, Platform, Run, RunRecord, Sample};
use crate::report::explanation::fixture as steps;
use crate::report::fixture::{self, ARTICLE, Times};
use crate::report::tests;
use crate::report::view::View;

/// Every awkward view with its name.
pub(super) fn views() -> Vec<(&'static str, View)> {
    vec![
        ("one round", tests::article()),
        ("three rounds", tests::rounds()),
        ("failures", tests::failing()),
        ("never finished", tests::interrupted()),
        ("many variants", tests::many()),
        ("a matrix", tests::matrix()),
        ("several nodes", tests::farm()),
        ("two scenarios", tests::two_scenarios()),
        ("fifteen scenarios", scenarios(15)),
        ("twelve scenarios", scenarios(12)),
        ("another platform", tests::foreign_only()),
        ("no reference", tests::without_reference()),
        ("hostile text", tests::hostile()),
        ("hostile text and many variants", hostile_variants()),
        ("long names", long_names()),
        ("no time at all", scaled(0.0)),
        ("the shortest times", scaled(1e-6)),
        ("huge times", scaled(1e7)),
        ("the article", docker_cli()),
        ("two rounds that disagree", disagreeing()),
        ("dropped rounds", dropped()),
        ("four platforms", four_platforms()),
        ("every build failed", failed()),
        ("nothing", View::default()),
    ]
}

/// A view by its name.
pub(super) fn named(name: &str) -> View {
    let mut views = views().into_iter();
    let found = views.find(|(of, _)| *of == name);
    found.unwrap_or_else(|| panic!("no view of {name}")).1
}

fn view(record: &RunRecord, samples: &[Sample]) -> View {
    View::new(&fixture::of(record, samples), &Default::default())
}

/// So many scenarios of different lengths.
fn scenarios(count: usize) -> View {
    let (mut record, samples) = fixture::run(&ARTICLE, 2);
    let first = record.scenarios[0].clone();
    let mut all = samples.clone();
    for number in 1..count {
        let mut scenario = first.clone();
        scenario.name = format!("scenario-{number}");
        for sample in &samples {
            let mut sample = sample.clone();
            sample.slot.scenario = scenario.name.clone();
            sample.slot.id = format!("{}-{number}", sample.slot.id);
            sample.wall = sample.wall.mul_f64(number as f64);
            all.push(sample);
        }
        record.scenarios.push(scenario);
    }
    view(&record, &all)
}

fn hostile_variants() -> View {
    let hostile = [
        "</text>]]>",
        "<script>alert(1)</script>",
        "\u{1b}[31m\0",
        "\u{202e}a&b\"'",
    ];
    let names: Vec<String> = hostile.iter().map(|text| text.repeat(20)).collect();
    let times: Times = [5.0, 60.0, 50.0, 0.5];
    let variants: Vec<(&str, Times)> = names.iter().map(|name| (name.as_str(), times)).collect();
    let (record, samples) = fixture::run(&variants, 3);
    view(&record, &samples)
}

/// Names of 200 characters that differ at their end alone, and wide letters.
fn long_names() -> View {
    let names: Vec<String> = ["-before", "-after", "-after-all", "WWW"]
        .iter()
        .map(|end| format!("{}{end}", "cross-compile-".repeat(14)))
        .chain(["W".repeat(200), "語".repeat(200)])
        .collect();
    let variants: Vec<(&str, Times)> = names
        .iter()
        .map(|name| (name.as_str(), [5.0, 60.0, 50.0, 0.5]))
        .collect();
    let (mut record, samples) = fixture::run(&variants, 3);
    record.scenarios[0].title = "title ".repeat(60);
    view(&record, &samples)
}

/// The article's kind of race, so many times as long.
fn scaled(factor: f64) -> View {
    let (record, mut samples) = fixture::run(&ARTICLE, 3);
    for sample in &mut samples {
        sample.wall = sample.wall.mul_f64(factor);
    }
    view(&record, &samples)
}

fn docker_cli() -> View {
    let (mut record, mut samples) = fixture::run(&ARTICLE, 3);
    record.scenarios[0].name = "docker-cli".into();
    for sample in &mut samples {
        sample.slot.scenario = "docker-cli".into();
    }
    view(&record, &samples)
}

/// Two rounds that say the contrary: an interval without an end that could be drawn.
fn disagreeing() -> View {
    let (record, mut samples) = fixture::run(&ARTICLE, 2);
    for sample in &mut samples {
        if (sample.slot.variant.as_str(), sample.slot.round) == ("cross", 2) {
            sample.wall = Duration::from_secs_f64(sample.wall.as_secs_f64() * 90.0);
        }
    }
    view(&record, &samples)
}

/// Three rounds with the times at which samples began, of which the second was dropped; one build
/// failed.
fn dropped() -> View {
    let (mut record, mut samples) = fixture::run(&ARTICLE, 3);
    record.rules.contamination = Some(Contamination::default());
    for (place, sample) in samples.iter_mut().enumerate() {
        let share = (place % 5) as f64 / 20.0;
        sample.host.cpu_busy_before = Some(if place == 9 { 0.9 } else { share });
    }
    fixture::fail(&mut samples[20], Outcome::Failed);
    let mut run: Run = fixture::of(&record, &samples);
    let mut at = record.started;
    for sample in &samples {
        at += Duration::from_secs(2);
        run.began.insert(sample.slot.id.clone(), at);
        at += sample.wall;
    }
    View::new(&run, &Default::default())
}

fn four_platforms() -> View {
    let variants = [
        ("naive", [5.31, 190.0, 180.0, 0.52]),
        ("cross", [5.40, 11.2, 0.9, 0.48]),
    ];
    let (mut record, samples) = fixture::run(&variants, 3);
    record.run = "20261124T204500Z-3f9a1d".into();
    let more = ["riscv64", "s390x"].map(Platform::linux);
    record.scenarios[0].platforms.extend(more);
    view(&record, &samples)
}

fn failed() -> View {
    let (record, mut samples) = fixture::run(&ARTICLE, 2);
    for sample in &mut samples {
        let outcome = match sample.slot.kind {
            BuildKind::Cold => Outcome::Failed,
            _ => Outcome::Skipped,
        };
        fixture::fail(sample, outcome);
    }
    view(&record, &samples)
}

/// A build by its name.
pub(super) fn explained_steps(name: &str) -> Explanation {
    match name {
        "naive" => steps::explained(steps::naive_steps()),
        "cross" => steps::explained(steps::cross_steps()),
        "failing" => steps::explained(steps::failing_steps()),
        "hostile" => {
            crate::explain::explain(&steps::hostile_trace(), &steps::conditions()).unwrap()
        }
        "instant" => steps::explained(vec![steps::step("a", "[1/1] RUN true", &[], 0, 0)]),
        "long" => {
            let all = (0..200).map(|n: u64| {
                let name = format!(
                    "[linux/arm64 {} {n}/200] RUN {}",
                    "s".repeat(200),
                    "W".repeat(300)
                );
                steps::step(
                    &n.to_string(),
                    &name,
                    &[],
                    n * 40_000_000,
                    n * 40_000_000 + 9_000_000,
                )
            });
            steps::explained(all.collect())
        }
        other => panic!("no build {other}"),
    }
}
