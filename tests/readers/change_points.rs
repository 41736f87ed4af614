//! Change points of series, as Apache Otava finds them on the same CSV.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use buildrace::model::{BuildKind, Run};
use buildrace::report::runs::{Measured, history};
use buildrace::stats::{ChangeRule, change_points};
use buildrace::store::read_run;
use jiff::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{otava, root};

/// The runs of a series.
const RUNS: usize = 60;
/// Where a change is planted.
const PLANTED: usize = 37;
/// A change below this is none.
const DELTA: f64 = 0.05;

/// Normal noise, a share of 1, by Box and Muller.
fn noise(random: &mut ChaCha8Rng, share: f64) -> f64 {
    let (a, b): (f64, f64) = (random.random_range(f64::EPSILON..1.0), random.random());
    1.0 + share * (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

/// What Otava finds in series of equal length: indices by series.
fn by_otava(series: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    let names = (0..series.len()).map(|at| format!("series {at}"));
    let header = ["time", "run", "commit", "reference_commit"].map(str::to_owned);
    rows.write_record(header.into_iter().chain(names)).unwrap();
    // Otava takes no row of the future.
    let mut time: Timestamp = "2024-01-01T08:00:00Z".parse().unwrap();
    for row in 0..series[0].len() {
        let head = [
            time.to_string(),
            format!("run-{row}"),
            row.to_string(),
            row.to_string(),
        ];
        let values = series.iter().map(|series| series[row].to_string());
        rows.write_record(head.into_iter().chain(values)).unwrap();
        time += Duration::from_secs(24 * 60 * 60);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("series.csv");
    fs::write(&file, rows.into_inner().unwrap()).unwrap();
    let told = otava(folder.path(), &[file], &["--magnitude", &DELTA.to_string()]);
    let mut found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for group in told.iter().flat_map(|test| test["t0"].as_array().unwrap()) {
        let commit = group["attributes"]["commit"].as_str().unwrap();
        for change in group["changes"].as_array().unwrap() {
            let metric = change["metric"].as_str().unwrap();
            // The first four columns are no series.
            let series = metric.trim_start_matches('m').parse::<usize>().unwrap() - 4;
            found
                .entry(series)
                .or_default()
                .push(commit.parse().unwrap());
        }
    }
    (0..series.len())
        .map(|at| found.remove(&at).unwrap_or_default())
        .collect()
}

fn ours(series: &[f64]) -> Vec<usize> {
    let rule = ChangeRule {
        min_change: DELTA,
        ..ChangeRule::default()
    };
    let found = change_points(series, rule);
    found.iter().map(|point| point.index).collect()
}

#[test]
fn otava_and_buildrace_find_the_same_changes() {
    let mut random = ChaCha8Rng::seed_from_u64(20_261_129);
    let series: Vec<Vec<f64>> = (0..60)
        .map(|at| {
            let share = [0.01, 0.03, 0.1][at % 3];
            let (first, second) = (random.random_range(5..70), random.random_range(75..115));
            let levels = [0.0, 0.0, 0.0].map(|_: f64| random.random_range(0.8..1.3));
            let level = |run| levels[usize::from(run >= first) + usize::from(run >= second)];
            // A third of them has no change at all.
            let level = |run| if at % 4 == 0 { 1.0 } else { level(run) };
            (0..120)
                .map(|run| 7.0 * level(run) * noise(&mut random, share))
                .collect()
        })
        .collect();
    let theirs = by_otava(&series);
    let changes: usize = theirs.iter().map(Vec::len).sum();
    assert!(changes > 40, "nothing to compare: {theirs:?}");
    let mut more = 0;
    for (at, (series, theirs)) in series.iter().zip(theirs).enumerate() {
        let ours = ours(series);
        // Where a weak change is dropped, Otava 0.8 does not test the one before it
        // again, and so keeps some that are no longer significant.
        more += usize::from(ours != theirs);
        let is_there = |change: &usize| theirs.contains(change);
        assert!(
            ours.iter().all(is_there),
            "series {at}: {ours:?} {theirs:?}"
        );
    }
    assert!(more <= 3, "{more} series differ");
}

/// A published run as it would be on another day, slower by a factor in the
/// incremental builds of its candidate.
fn on_day(run: &Run, day: usize, factor: f64) -> Run {
    let mut run = run.clone();
    run.record.run = format!("run-{day:02}");
    let start: Timestamp = "2025-01-01T08:00:00Z".parse().unwrap();
    run.record.started = start + Duration::from_secs(day as u64 * 86_400);
    run.record.commit = Some(format!("{:02x}", day % 256).repeat(20));
    let reference = run.record.scenarios[0].reference.clone();
    for sample in &mut run.samples {
        if sample.slot.kind == BuildKind::Incremental && sample.slot.variant != reference {
            sample.wall = sample.wall.mul_f64(factor);
        }
    }
    run
}

#[test]
fn a_planted_change_is_found_at_its_run_and_none_in_null_series() {
    let results = root().join("results");
    let run = read_run(&results.join("20261126T122914Z-b8747c"))
        .unwrap()
        .run;
    let mut random = ChaCha8Rng::seed_from_u64(15);
    let mut all = Vec::new();
    for at in 0..21 {
        let factors: Vec<f64> = (0..RUNS)
            .map(|day| {
                let slower = if at == 0 && day >= PLANTED { 1.15 } else { 1.0 };
                slower * noise(&mut random, 0.03)
            })
            .collect();
        let runs = factors.iter().enumerate();
        let runs = runs.map(|(day, factor)| on_day(&run, day, *factor));
        let series = history(runs.map(|run| Measured::of(&run)));
        let series = series.into_iter().find(|series| {
            series.name.kind == BuildKind::Incremental && series.name.variant != "naive"
        });
        let series = series.expect("the run has such builds");
        assert_eq!(series.points.len(), RUNS);
        let found: Vec<&str> = series
            .changes
            .iter()
            .map(|change| change.to.as_str())
            .collect();
        match at {
            0 => {
                assert_eq!(found, [format!("run-{PLANTED}")]);
                let change = &series.changes[0];
                assert!((change.ratio() - 1.15).abs() < 0.04, "{change:?}");
                let commit = change
                    .differences
                    .iter()
                    .find(|d| d.name.contains("commit"));
                let commit = commit.expect("the commit is named");
                assert_eq!(commit.values[1].as_deref(), Some("252525252525"));
            }
            _ => assert_eq!(found, [""; 0], "null series {at}"),
        }
        all.push(series.points.iter().map(|point| point.median).collect());
    }
    let theirs = by_otava(&all);
    assert_eq!(theirs[0], [PLANTED]);
    assert_eq!(theirs[1..], vec![Vec::<usize>::new(); 20]);
}
