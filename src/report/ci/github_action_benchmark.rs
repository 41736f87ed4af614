//! `github-action-benchmark`: the input of that action's
//! `customSmallerIsBetter` (benchmark-action/github-action-benchmark,
//! `BenchmarkResult` in `src/extract.ts`).
//!
//! The action fails on an empty list, which is what a run without any time
//! gives.

use serde::Serialize;

use super::super::check::CheckView;
use super::super::number;
use super::super::view::View;
use super::rows::{Row, rounded, timed};
use crate::stats::Times;

#[derive(Serialize)]
struct Benchmark {
    name: String,
    unit: &'static str,
    value: f64,
    range: String,
    extra: String,
}

/// A benchmark for each variant and kind of build: the median in seconds.
pub(super) fn github_action_benchmark(view: &View, _: Option<&CheckView>) -> String {
    let benchmarks = timed(view).into_iter().map(|(name, row, times)| Benchmark {
        name,
        unit: "s",
        value: rounded(times.median),
        range: format!("± {}", rounded(spread(&times))),
        extra: extra(&row, &times),
    });
    let benchmarks: Vec<Benchmark> = benchmarks.collect();
    json(&benchmarks)
}

/// How far the times reach from their median, on the side where it is more.
fn spread(times: &Times) -> f64 {
    (times.max - times.median).max(times.median - times.min)
}

/// What the chart shows beside a point.
fn extra(row: &Row<'_>, times: &Times) -> String {
    let (min, max) = (number::seconds(times.min), number::seconds(times.max));
    let mut lines = vec![format!("n={}, from {min} to {max}", times.n)];
    if let Some(ratio) = row.ratio() {
        let interval = number::interval(&ratio);
        let interval = interval.map_or_else(String::new, |text| format!(" [{text}]"));
        let told = number::told_comparison(&ratio);
        lines.push(format!("against the reference: {told}{interval}"));
    }
    let verdict = row.cell.and_then(|cell| cell.verdict);
    lines.extend(verdict.map(|verdict| format!("verdict: {}", verdict.as_str())));
    if row.failed() > 0 {
        lines.push(format!("not built: {}", row.failed()));
    }
    lines.join("\n")
}

/// Pretty JSON and a line break.
pub(super) fn json(value: &impl Serialize) -> String {
    let mut text =
        serde_json::to_string_pretty(value).expect("texts and finite numbers are always JSON");
    text.push('\n');
    text
}
