//! `openmetrics`: the text format of OpenMetrics 1.0 (prometheus/OpenMetrics,
//! `specification/OpenMetrics.md`), for a push gateway, or a textfile
//! collector that is told to read it.
//!
//! No sample has a timestamp, which the specification advises against.

use std::fmt::Write;

use super::super::check::{CheckOutcome, CheckView, Level};
use super::super::view::View;
use super::findings;
use super::rows::{Row, rounded, rows};
use crate::escape;
use crate::stats::Verdict;

/// The verdicts, each a state.
const VERDICTS: [Verdict; 4] = [
    Verdict::Faster,
    Verdict::Slower,
    Verdict::Same,
    Verdict::Inconclusive,
];

/// Every figure of the run as a gauge.
pub(super) fn openmetrics(view: &View, check: Option<&CheckView>) -> String {
    let rows = rows(view);
    let mut out = String::new();
    run(&mut out, view);
    let seconds = [
        (
            "buildrace_build_duration_seconds",
            "Median wall time of a build.",
            (|row| Some(row.times()?.median)) as fn(&Row<'_>) -> Option<f64>,
        ),
        (
            "buildrace_build_duration_min_seconds",
            "Least wall time of a build.",
            |row| Some(row.times()?.min),
        ),
        (
            "buildrace_build_duration_max_seconds",
            "Greatest wall time of a build.",
            |row| Some(row.times()?.max),
        ),
    ];
    for (name, help, figure) in seconds {
        family(&mut out, name, Some("seconds"), help);
        gauges(&mut out, name, &rows, figure);
    }
    let ratios = [
        (
            "buildrace_ratio",
            "Wall time over the reference's, paired by round: below 1 is faster.",
            (|row| Some(row.ratio()?.estimate)) as fn(&Row<'_>) -> Option<f64>,
        ),
        (
            "buildrace_ratio_lower",
            "Lower end of the ratio's interval.",
            |row| Some(row.interval()?.low),
        ),
        (
            "buildrace_ratio_upper",
            "Upper end of the ratio's interval.",
            |row| Some(row.interval()?.high),
        ),
    ];
    for (name, help, figure) in ratios {
        family(&mut out, name, None, help);
        gauges(&mut out, name, &rows, figure);
    }
    verdicts(&mut out, &rows);
    let name = "buildrace_samples_failed";
    family(&mut out, name, None, "Builds that are not ok.");
    for row in rows.iter().filter(|row| row.cell.is_some()) {
        sample(&mut out, name, &labels(row), &row.failed().to_string());
    }
    if let Some(check) = check {
        checked(&mut out, check);
    }
    out.push_str("# EOF\n");
    out
}

/// Which run it is. The names of info metrics end in `_info` in samples only.
fn run(out: &mut String, view: &View) {
    out.push_str("# TYPE buildrace_run info\n# HELP buildrace_run The run.\n");
    let labels = [
        ("run", text(&view.run)),
        ("version", text(&view.buildrace)),
        (
            "started",
            view.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        ),
        ("seed", view.seed.to_string()),
    ];
    sample(out, "buildrace_run_info", &labels, "1");
}

/// One sample a state, so that a series goes on when the verdict changes.
fn verdicts(out: &mut String, rows: &[Row<'_>]) {
    let name = "buildrace_verdict";
    family(out, name, None, "1 for the verdict on a candidate.");
    for row in rows {
        let Some(found) = row.cell.and_then(|cell| cell.verdict) else {
            continue;
        };
        for verdict in VERDICTS {
            let mut labels = labels(row);
            labels.push(("verdict", verdict.as_str().to_owned()));
            let is_it = u8::from(verdict == found).to_string();
            sample(out, name, &labels, &is_it);
        }
    }
}

fn checked(out: &mut String, check: &CheckView) {
    let name = "buildrace_check";
    family(out, name, None, "1 for the outcome of the check.");
    for outcome in [
        CheckOutcome::Passed,
        CheckOutcome::Failed,
        CheckOutcome::Undecided,
    ] {
        let labels = [("outcome", outcome.as_str().to_owned())];
        let is_it = u8::from(outcome == check.outcome).to_string();
        sample(out, name, &labels, &is_it);
    }
    let name = "buildrace_check_findings";
    family(out, name, None, "What the check found.");
    for level in [Level::Error, Level::Warning, Level::Notice] {
        let count = check.findings.iter().filter(|f| f.level == level).count();
        let labels = [("level", findings::level(level).to_owned())];
        sample(out, name, &labels, &count.to_string());
    }
}

/// The lines before a gauge's samples. Whose unit is told must end in it.
fn family(out: &mut String, name: &str, unit: Option<&str>, help: &str) {
    let _ = writeln!(out, "# TYPE {name} gauge");
    if let Some(unit) = unit {
        let _ = writeln!(out, "# UNIT {name} {unit}");
    }
    let _ = writeln!(out, "# HELP {name} {}", escaped(help));
}

fn gauges(out: &mut String, name: &str, rows: &[Row<'_>], figure: fn(&Row<'_>) -> Option<f64>) {
    for row in rows {
        if let Some(figure) = figure(row) {
            // Debug, as a float has a point or an exponent there.
            sample(out, name, &labels(row), &format!("{:?}", rounded(figure)));
        }
    }
}

fn labels(row: &Row<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("scenario", row.scenario_name.clone()),
        ("variant", row.variant_name.clone()),
        ("kind", row.kind.to_string()),
    ]
}

fn sample(out: &mut String, name: &str, labels: &[(&str, String)], value: &str) {
    let labels = labels
        .iter()
        .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)));
    let labels = labels.collect::<Vec<_>>().join(",");
    let _ = writeln!(out, "{name}{{{labels}}} {value}");
}

fn text(text: &str) -> String {
    escape::terminal(text, escape::MAX_CHARS)
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('\n', r"\n")
}
