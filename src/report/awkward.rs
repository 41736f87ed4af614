//! Views, runs and builds that are awkward to show, for the tests of every renderer.

use std::time::Duration;

use crate::explain::Explanation;
use crate::model::{
    BuildKind, BuilderInfo, Contamination, NodeInfo, Outcome, Platform, Run, RunRecord, Sample,
};
use crate::report::explanation::fixture as steps;
use crate::report::fixture::{self, ARTICLE, Times};
use crate::report::runs::{Measured, Series, history};
use crate::report::view::View;

/// Every awkward view with its name.
pub(crate) fn views() -> Vec<(&'static str, View)> {
    let mut views = vec![
        ("one round", article()),
        ("three rounds", rounds()),
        ("failures", failing()),
        ("never finished", interrupted()),
        ("many variants", many()),
        ("a matrix", matrix()),
        ("several nodes", farm()),
        ("two scenarios", two_scenarios()),
        ("another platform", foreign_only()),
        ("no reference", without_reference()),
        ("hostile text", hostile()),
        ("nothing", View::default()),
    ];
    let runs = runs().into_iter();
    views.extend(runs.map(|(name, run)| (name, View::new(&run, &Default::default()))));
    views
}

/// Every awkward run with its name.
pub(crate) fn runs() -> Vec<(&'static str, Run)> {
    vec![
        ("fifteen scenarios", scenarios(15)),
        ("twelve scenarios", scenarios(12)),
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
    ]
}

/// A view by its name.
pub(crate) fn named(name: &str) -> View {
    let mut views = views().into_iter();
    let found = views.find(|(of, _)| *of == name);
    found.unwrap_or_else(|| panic!("no view of {name}")).1
}

pub(crate) fn article() -> View {
    view(fixture::run(&ARTICLE, 1))
}

pub(crate) fn rounds() -> View {
    view(fixture::run(&ARTICLE, 3))
}

/// Three rounds, of which naive failed one and timed out in the others.
pub(crate) fn failing() -> View {
    let (record, mut samples) = fixture::run(&ARTICLE, 3);
    for sample in &mut samples {
        match (
            sample.slot.variant.as_str(),
            sample.slot.kind,
            sample.slot.round,
        ) {
            ("naive", BuildKind::MultiArch, 2) => fixture::fail(sample, Outcome::Failed),
            ("naive", BuildKind::Incremental, _) => fixture::fail(sample, Outcome::TimedOut),
            _ => {}
        }
    }
    View::new(&fixture::of(&record, &samples), &Default::default())
}

/// Stopped within the only round.
pub(crate) fn interrupted() -> View {
    let (record, mut samples) = fixture::run(&ARTICLE, 1);
    samples.truncate(6);
    fixture::fail(&mut samples[5], Outcome::Interrupted);
    View::new(&fixture::of(&record, &samples), &Default::default())
}

pub(crate) fn hostile() -> View {
    view(fixture::hostile_run())
}

/// Five variants with long names.
pub(crate) fn many() -> View {
    let variants: [(&str, Times); 5] = [
        ("naive", [50.4, 622.0, 571.0, 0.52]),
        ("cross-compiled-with-cache-mounts", [50.8, 95.5, 5.2, 0.48]),
        ("copy", [49.0, 120.0, 110.0, 0.5]),
        ("xx-toolchain", [60.0, 66.0, 64.0, 0.5]),
        ("slow", [90.0, 700.0, 800.0, 0.7]),
    ];
    view(fixture::run(&variants, 6))
}

/// Two variants on two builders, one of which has native nodes.
pub(crate) fn matrix() -> View {
    let variants: [(&str, Times); 4] = [
        ("naive@default", [5.31, 60.03, 57.06, 0.52]),
        ("cross@default", [5.40, 7.61, 0.6, 0.48]),
        ("naive@farm", [5.6, 6.1, 4.3, 0.6]),
        ("cross@farm", [5.5, 7.9, 0.7, 0.6]),
    ];
    let (mut record, samples) = fixture::run(&variants, 6);
    let emulators = record.emulators.clone();
    let default = record.builder.clone();
    let node = |name: &str, platform: &str| NodeInfo {
        name: name.into(),
        native: Platform::linux(platform),
        given: vec![],
        platforms: vec![Platform::linux(platform)],
        buildkit_version: Some("v0.25.1".into()),
    };
    let farm = BuilderInfo {
        driver: "remote".into(),
        name: Some("farm".into()),
        buildkit_version: Some("v0.25.1".into()),
        nodes: vec![node("x", "amd64"), node("a", "arm64")],
        ..BuilderInfo::default()
    };
    for variant in &mut record.scenarios[0].variants {
        let is_farm = variant.name.ends_with("@farm");
        let (builder, emulated) = match is_farm {
            true => (farm.clone(), Vec::new()),
            false => (default.clone(), emulators.clone()),
        };
        variant.builder = Some(builder);
        variant.emulators = Some(emulated);
    }
    record.command.option("matrix", "builder=default,farm");
    view((record, samples))
}

/// Two nodes, each with a platform of its own, and a third that emulates one.
pub(crate) fn farm() -> View {
    let (mut record, samples) = fixture::run(&ARTICLE, 1);
    let node = |name: &str, native: &str, given: &[&str]| NodeInfo {
        name: name.into(),
        native: Platform::linux(native),
        given: given.iter().copied().map(Platform::linux).collect(),
        platforms: vec![Platform::linux(native)],
        buildkit_version: record.builder.buildkit_version.clone(),
    };
    let nodes = vec![
        node("farm0", "amd64", &[]),
        node("farm1", "arm64", &[]),
        node("\u{1b}[31m<b>", "amd64", &["riscv64"]),
    ];
    record.builder.driver = "remote".into();
    record.builder.name = Some("farm".into());
    record.builder.nodes = nodes;
    record.emulators[0].platform = Platform::linux("riscv64");
    record.scenarios[0]
        .platforms
        .push(Platform::linux("riscv64"));
    view((record, samples))
}

/// All kinds, of which all but cold are built for another platform than the
/// node's own.
pub(crate) fn foreign_only() -> View {
    let (mut record, samples) = fixture::run(&ARTICLE, 1);
    record.scenarios[0].platforms = vec![Platform::linux("arm64")];
    View::new(&fixture::of(&record, &samples), &Default::default())
}

/// Two candidates without their reference.
pub(crate) fn without_reference() -> View {
    let (mut record, samples) = fixture::run(&ARTICLE, 1);
    record.scenarios[0].reference = String::new();
    View::new(&fixture::of(&record, &samples), &Default::default())
}

/// The second scenario has one variant, two added platforms and was built for
/// one of them only.
pub(crate) fn two_scenarios() -> View {
    let (mut record, mut samples) = fixture::run(&ARTICLE, 1);
    let mut other = record.scenarios[0].clone();
    other.name = "rust-hello-with-a-long-name".into();
    other.kinds = vec![BuildKind::Cold];
    other.platforms = ["amd64", "arm64", "riscv64"].map(Platform::linux).into();
    record.scenarios.push(other);
    let mut more = Vec::new();
    for sample in samples.iter().filter(|s| s.slot.kind == BuildKind::Cold) {
        let mut sample = sample.clone();
        sample.slot.scenario = "rust-hello-with-a-long-name".into();
        more.push(sample);
    }
    fixture::fail(&mut more[1], Outcome::LostBuilder);
    samples.extend(more);
    View::new(&fixture::of(&record, &samples), &Default::default())
}

pub(crate) fn view((record, samples): (RunRecord, Vec<Sample>)) -> View {
    View::new(&fixture::of(&record, &samples), &Default::default())
}

/// So many scenarios of different lengths.
fn scenarios(count: usize) -> Run {
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
    fixture::of(&record, &all)
}

fn hostile_variants() -> Run {
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
    fixture::of(&record, &samples)
}

/// Names of 200 characters that differ at their end alone, and wide letters.
fn long_names() -> Run {
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
    fixture::of(&record, &samples)
}

/// The article's kind of race, so many times as long.
fn scaled(factor: f64) -> Run {
    let (record, mut samples) = fixture::run(&ARTICLE, 3);
    for sample in &mut samples {
        sample.wall = sample.wall.mul_f64(factor);
    }
    fixture::of(&record, &samples)
}

fn docker_cli() -> Run {
    let (mut record, mut samples) = fixture::run(&ARTICLE, 3);
    record.scenarios[0].name = "docker-cli".into();
    for sample in &mut samples {
        sample.slot.scenario = "docker-cli".into();
    }
    fixture::of(&record, &samples)
}

/// Two rounds that say the contrary: an interval without an end that could be drawn.
fn disagreeing() -> Run {
    let (record, mut samples) = fixture::run(&ARTICLE, 2);
    for sample in &mut samples {
        if (sample.slot.variant.as_str(), sample.slot.round) == ("cross", 2) {
            sample.wall = Duration::from_secs_f64(sample.wall.as_secs_f64() * 90.0);
        }
    }
    fixture::of(&record, &samples)
}

/// Three rounds with the times at which samples began, of which the second was dropped; one build
/// failed.
fn dropped() -> Run {
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
    run
}

/// Variants for four platforms.
const FOUR: [(&str, Times); 2] = [
    ("naive", [5.31, 190.0, 180.0, 0.52]),
    ("cross", [5.40, 11.2, 0.9, 0.48]),
];

fn for_four_platforms(variants: &[(&str, Times)]) -> (RunRecord, Vec<Sample>) {
    let (mut record, samples) = fixture::run(variants, 3);
    record.run = "20261124T204500Z-3f9a1d".into();
    let more = ["riscv64", "s390x"].map(Platform::linux);
    record.scenarios[0].platforms.extend(more);
    (record, samples)
}

fn four_platforms() -> Run {
    let (record, samples) = for_four_platforms(&FOUR);
    fixture::of(&record, &samples)
}

/// Series of a program that was raced for two platforms and for four.
pub(crate) fn growing() -> Vec<Series> {
    series(&ARTICLE, &FOUR)
}

/// The same with names and times that are awkward to draw.
pub(crate) fn growing_awkwardly() -> Vec<(&'static str, Vec<Series>)> {
    let long = [
        "cross-compile-".repeat(14),
        "W".repeat(200),
        "語".repeat(200),
    ];
    let hostile = ["</text>]]>".repeat(20), "\u{1b}[31m\0\u{202e}a&b".repeat(9)];
    let named = |names: &[String]| {
        let variants: Vec<(&str, Times)> = names.iter().map(|n| (n.as_str(), FOUR[0].1)).collect();
        series(&variants, &variants)
    };
    let scaled = |factor: f64| {
        let variants = FOUR.map(|(name, times)| (name, times.map(|time| time * factor)));
        series(&variants, &variants)
    };
    vec![
        ("two variants", growing()),
        ("one variant", series(&FOUR[..1], &FOUR[1..])),
        ("long names", named(&long)),
        ("hostile text", named(&hostile)),
        ("no time at all", scaled(0.0)),
        ("huge times", scaled(1e7)),
    ]
}

fn series(two: &[(&str, Times)], four: &[(&str, Times)]) -> Vec<Series> {
    let runs = [fixture::run(two, 3), for_four_platforms(four)];
    let runs = runs
        .iter()
        .map(|(record, samples)| fixture::of(record, samples));
    history(runs.map(|run| Measured::of(&run)))
}

fn failed() -> Run {
    let (record, mut samples) = fixture::run(&ARTICLE, 2);
    for sample in &mut samples {
        let outcome = match sample.slot.kind {
            BuildKind::Cold => Outcome::Failed,
            _ => Outcome::Skipped,
        };
        fixture::fail(sample, outcome);
    }
    fixture::of(&record, &samples)
}

/// A build by its name.
pub(crate) fn explained_steps(name: &str) -> Explanation {
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
