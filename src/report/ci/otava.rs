//! `otava`: CSV for Apache Otava, which finds the runs at which times changed
//! (apache/otava, `docs/CSV.md`; `CsvImporter` in `otava/importer.py`).
//!
//! A run is a row, so a history is the first run's file and the second line of
//! each other's. In Otava's configuration `time_column` is `time`, `attributes`
//! are among `run`, `commit` and `reference_commit`, and `metrics` are the
//! other columns, with direction -1: less is better.
//!
//! Otava reads a metric's column with `float()`, so it refuses a history with
//! an empty cell in a column that it is asked for. An empty cell is a kind of
//! build without a time; such a run is better left out of a history.

use super::super::check::CheckView;
use super::super::view::{VariantView, View};
use super::rows::{Row, rounded, rows, unique};
use crate::escape::csv as cell;

/// Columns before those of metrics.
const FIXED: [&str; 4] = ["time", "run", "commit", "reference_commit"];

/// A header, and the medians of the run in seconds. Columns depend on what was
/// planned alone.
pub(super) fn otava(view: &View, _: Option<&CheckView>) -> String {
    let rows = rows(view);
    let metrics = rows.iter().map(|row| {
        let Row {
            scenario_name,
            variant_name,
            kind,
            ..
        } = row;
        cell(&format!("{scenario_name}.{variant_name}.{kind}"))
    });
    let header = unique(FIXED.map(str::to_owned).into_iter().chain(metrics));

    let mut values = vec![
        view.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        cell(&view.run),
        revision(view, |variant| !variant.reference),
        revision(view, |variant| variant.reference),
    ];
    values.extend(rows.iter().map(|row| match row.times() {
        Some(times) => rounded(times.median).to_string(),
        None => String::new(),
    }));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in [header, values] {
        writer
            .write_record(record)
            .expect("both lines have as many cells, and memory takes them");
    }
    let bytes = writer.into_inner().expect("memory needs no flushing");
    String::from_utf8(bytes).expect("cells are text")
}

/// The first commit that is known of such variants; empty for a working tree.
fn revision(view: &View, which: fn(&VariantView) -> bool) -> String {
    let variants = view.scenarios.iter().flat_map(|s| &s.variants);
    let revision = variants
        .filter(|variant| which(variant))
        .find_map(|variant| variant.revision.as_deref());
    cell(revision.unwrap_or_default())
}
