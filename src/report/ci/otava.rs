//! `otava`: CSV for Apache Otava, which finds the runs at which times changed
//! (apache/otava, `docs/CSV.md`; `CsvImporter` in `otava/importer.py`).
//!
//! A run is a row, so a history is the first run's file and the second line of
//! each other's. In Otava's configuration `time_column` is `time`, `attributes`
//! are among `run`, `commit` and `reference_commit`, and `metrics` are the
//! other columns, with direction -1: less is better.
//!
//! Otava reads a metric's column with `float()`, so it refuses a history with
//! one empty cell, and finds no change in one with a `nan`. So a run that has
//! not all of its times makes no row.

use super::super::check::CheckView;
use super::super::view::{VariantView, View};
use super::rows::{Row, rounded, rows, unique};
use crate::escape::csv as cell;

/// Columns before those of metrics.
const FIXED: [&str; 4] = ["time", "run", "commit", "reference_commit"];

/// What stands for what is not known: no cell is empty.
const UNKNOWN: &str = "unknown";

/// A header, which depends on what was planned alone, and the medians of the
/// run in seconds, if it has all of them.
pub(super) fn otava(view: &View, _: Option<&CheckView>) -> String {
    let rows = rows(view);
    let metrics = rows.iter().map(|row| cell(&column(row)));
    let mut records = vec![unique(FIXED.map(str::to_owned).into_iter().chain(metrics))];
    let medians = rows.iter().map(|row| {
        let median = rounded(row.times()?.median);
        Some(median.to_string())
    });
    let medians: Option<Vec<String>> = medians.collect();
    records.extend(medians.filter(|found| !found.is_empty()).map(|medians| {
        let fixed = [
            view.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            filled(&view.run),
            commit(view, |variant| !variant.reference),
            commit(view, |variant| variant.reference),
        ];
        fixed.into_iter().chain(medians).collect()
    }));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in records {
        writer
            .write_record(record)
            .expect("all lines have as many cells, and memory takes them");
    }
    let bytes = writer.into_inner().expect("memory needs no flushing");
    String::from_utf8(bytes).expect("cells are text")
}

/// The first column that the run has no time for.
pub(super) fn without_time(view: &View) -> Option<String> {
    let rows = rows(view);
    let row = rows.iter().find(|row| row.times().is_none())?;
    Some(column(row))
}

fn column(row: &Row<'_>) -> String {
    let Row {
        scenario_name,
        variant_name,
        kind,
        ..
    } = row;
    format!("{scenario_name}.{variant_name}.{kind}")
}

/// The first commit that is known of such variants, or else that of the
/// project when it was raced.
fn commit(view: &View, which: fn(&VariantView) -> bool) -> String {
    let variants = view.scenarios.iter().flat_map(|s| &s.variants);
    let revision = variants
        .filter(|variant| which(variant))
        .find_map(|variant| variant.revision.as_deref());
    filled(revision.or(view.commit.as_deref()).unwrap_or_default())
}

fn filled(text: &str) -> String {
    let cell = cell(text);
    match cell.trim().is_empty() {
        true => UNKNOWN.to_owned(),
        false => cell,
    }
}
