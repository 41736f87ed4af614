//! `hyperfine`: the shape of `hyperfine --export-json`, for what reads that,
//! hyperfine's own `scripts/` among them.
//!
//! Fields are those of `BenchmarkResult` in sharkdp/hyperfine,
//! `src/benchmark/benchmark_result.rs`. Four of them mean less here:
//!
//! - `user` and `system` are 0: the CPU time of a build is spent by BuildKit
//!   and not known. hyperfine always writes numbers, and readers with typed
//!   fields refuse `null`.
//! - `exit_codes` are 0: a build that did not succeed has no time.
//! - `parameters` has three entries, where `plot_parametrized.py` wants one
//!   and numeric.
//!
//! `plot_progression.py` needs `--no-moving-average` below five rounds, as it
//! does for hyperfine's own files.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::check::CheckView;
use super::super::view::View;
use super::github_action_benchmark::json;
use super::rows::{rounded, timed};

#[derive(Serialize)]
struct Export {
    results: Vec<Benchmark>,
}

#[derive(Serialize)]
struct Benchmark {
    command: String,
    mean: f64,
    /// `null` for one run.
    stddev: Option<f64>,
    median: f64,
    user: f64,
    system: f64,
    min: f64,
    max: f64,
    times: Vec<f64>,
    exit_codes: Vec<i32>,
    parameters: BTreeMap<&'static str, String>,
}

/// A benchmark for each variant and kind of build, its times in the order of
/// rounds.
pub(super) fn hyperfine(view: &View, _: Option<&CheckView>) -> String {
    let results = timed(view).into_iter().filter_map(|(command, row, times)| {
        let all: Vec<f64> = row.cell?.by_round.values().copied().collect();
        let (mean, stddev) = mean_and_deviation(&all)?;
        Some(Benchmark {
            command,
            mean: rounded(mean),
            stddev: stddev.map(rounded),
            median: rounded(times.median),
            user: 0.0,
            system: 0.0,
            min: rounded(times.min),
            max: rounded(times.max),
            exit_codes: vec![0; all.len()],
            times: all.into_iter().map(rounded).collect(),
            parameters: BTreeMap::from([
                ("scenario", row.scenario_name.clone()),
                ("variant", row.variant_name.clone()),
                ("kind", row.kind.to_string()),
            ]),
        })
    });
    json(&Export {
        results: results.collect(),
    })
}

/// Mean, and the deviation of a sample where there are two times or more;
/// `None` where they are not numbers.
fn mean_and_deviation(times: &[f64]) -> Option<(f64, Option<f64>)> {
    let n = times.len() as f64;
    let mean = times.iter().sum::<f64>() / n;
    let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
    if !squares.is_finite() || times.is_empty() {
        return None;
    }
    let deviation = (times.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
    Some((mean, deviation))
}
