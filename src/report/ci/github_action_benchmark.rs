//! `github-action-benchmark`: the input of that action's
//! `customSmallerIsBetter` (benchmark-action/github-action-benchmark,
//! `BenchmarkResult` in `src/extract.ts`).
//!
//! A benchmark that is not in a run is no matter to the action: its chart has
//! no point, and no alert is raised. So each variant also has a benchmark of
//! how many of its builds failed, which is there when no time is, and 0
//! otherwise: from 0 to more is an alert whatever the threshold.

use std::fmt::Write;

use serde::Serialize;

use super::super::check::CheckView;
use super::super::number;
use super::super::view::View;
use super::rows::{Row, named, rounded, unique};
use crate::stats::Times;

#[derive(Serialize)]
struct Benchmark {
    name: String,
    unit: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    extra: String,
}

/// For each variant a benchmark of each kind of build that has times, their
/// median in seconds, and one of how many builds failed.
pub(super) fn github_action_benchmark(view: &View, _: Option<&CheckView>) -> String {
    let rows = named(view);
    let timed = rows.iter().filter_map(|(name, row)| {
        let times = row.times()?;
        Some(Benchmark {
            name: name.clone(),
            unit: "s",
            value: rounded(times.median),
            range: Some(format!("± {}", rounded(spread(&times)))),
            extra: extra(row, &times),
        })
    });
    let mut benchmarks: Vec<Benchmark> = timed.collect();
    benchmarks.extend(failed(&rows));
    json(&benchmarks)
}

/// How many builds of each variant failed. No kind of build is called so, so
/// that no name is one of those of times.
fn failed(rows: &[(String, Row<'_>)]) -> Vec<Benchmark> {
    let of_variant = |(_, row): &(String, Row<'_>)| {
        let (scenario, variant) = (&row.scenario_name, &row.variant_name);
        format!("{scenario} / {variant} / failed builds")
    };
    let variants: Vec<_> = rows
        .chunk_by(|(_, a), (_, b)| std::ptr::eq(a.variant, b.variant))
        .collect();
    let names = unique(variants.iter().map(|rows| of_variant(&rows[0])));
    let benchmarks = variants.into_iter().zip(names).map(|(rows, name)| {
        let mut extra = String::new();
        for (_, row) in rows {
            let outcomes = row.cell.iter().flat_map(|cell| &cell.failed);
            for (outcome, count) in outcomes {
                let _ = writeln!(extra, "{}: {count} {outcome}", row.kind);
            }
        }
        Benchmark {
            name,
            unit: "builds",
            value: rows.iter().map(|(_, row)| f64::from(row.failed())).sum(),
            range: None,
            extra: extra.trim_end().to_owned(),
        }
    });
    benchmarks.collect()
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
        let described = number::describe_comparison(&ratio);
        lines.push(format!("against the reference: {described}{interval}"));
    }
    let verdict = row.cell.and_then(|cell| cell.verdict);
    lines.extend(verdict.map(|verdict| format!("verdict: {}", verdict.as_str())));
    if row.failed() > 0 {
        lines.push(format!("failed: {}", row.failed()));
    }
    if row.unfinished() > 0 {
        lines.push(format!("interrupted or skipped: {}", row.unfinished()));
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
