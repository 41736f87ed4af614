//! `prometheus` and `openmetrics`: the figures of a run as gauges, in the text
//! format 0.0.4 of Prometheus, which its textfile collector and push gateway
//! read, and in that of OpenMetrics 1.0 (prometheus/OpenMetrics,
//! `specification/OpenMetrics.md`).
//!
//! All families are gauges, that of the run among them: the text format has no
//! type `info`, and its readers refuse a file with one. To them the lines that
//! OpenMetrics has besides, `# UNIT` and `# EOF`, are comments, so they read
//! both formats.
//!
//! No sample has a timestamp: a push gateway refuses them, and OpenMetrics
//! advises against them.

use std::fmt::Write;

use super::super::check::{CheckOutcome, CheckView, Level};
use super::super::view::View;
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

/// The text format 0.0.4 of Prometheus.
pub(super) fn prometheus(view: &View, check: Option<&CheckView>) -> String {
    let families = families(view, check);
    families.iter().map(|family| family.text(false)).collect()
}

/// The text format of OpenMetrics 1.0.
pub(super) fn openmetrics(view: &View, check: Option<&CheckView>) -> String {
    let families = families(view, check);
    let mut out: String = families.iter().map(|family| family.text(true)).collect();
    out.push_str("# EOF\n");
    out
}

/// A gauge and its samples: labels and value.
struct Family {
    name: &'static str,
    /// The unit, with which the name must end.
    unit: Option<&'static str>,
    /// One sentence, without anything to escape.
    help: &'static str,
    samples: Vec<(Vec<Label>, String)>,
}

type Label = (&'static str, String);

impl Family {
    /// Its lines; none where it has no sample. `units` is whether the format
    /// has a line for the unit.
    fn text(&self, units: bool) -> String {
        let Self {
            name,
            unit,
            help,
            samples,
        } = self;
        let mut out = String::new();
        if samples.is_empty() {
            return out;
        }
        let _ = writeln!(out, "# TYPE {name} gauge");
        if let Some(unit) = unit.filter(|_| units) {
            let _ = writeln!(out, "# UNIT {name} {unit}");
        }
        let _ = writeln!(out, "# HELP {name} {help}");
        for (labels, value) in samples {
            let labels = labels
                .iter()
                .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)));
            let labels = labels.collect::<Vec<_>>().join(",");
            let _ = writeln!(out, "{name}{{{labels}}} {value}");
        }
        out
    }
}

/// A family whose samples are figures of rows: name, unit, help, figure.
type RowFamily = (
    &'static str,
    Option<&'static str>,
    &'static str,
    fn(&Row<'_>) -> Option<f64>,
);

/// What was measured.
const TIMES: [RowFamily; 6] = [
    (
        "buildrace_build_duration_seconds",
        Some("seconds"),
        "Median wall time of a build.",
        |row| Some(row.times()?.median),
    ),
    (
        "buildrace_build_duration_min_seconds",
        Some("seconds"),
        "Min wall time of a build.",
        |row| Some(row.times()?.min),
    ),
    (
        "buildrace_build_duration_max_seconds",
        Some("seconds"),
        "Max wall time of a build.",
        |row| Some(row.times()?.max),
    ),
    (
        "buildrace_ratio",
        None,
        "Wall time over the reference's, paired by round: below 1 is faster.",
        |row| Some(row.ratio()?.estimate),
    ),
    (
        "buildrace_ratio_lower",
        None,
        "Lower end of the ratio's interval.",
        |row| Some(row.interval()?.low),
    ),
    (
        "buildrace_ratio_upper",
        None,
        "Upper end of the ratio's interval.",
        |row| Some(row.interval()?.high),
    ),
];

/// How many builds have no time.
const COUNTS: [RowFamily; 2] = [
    (
        "buildrace_samples_failed",
        None,
        "Builds that failed, timed out, lost the builder or made a wrong image.",
        |row| row.cell.map(|_| f64::from(row.failed())),
    ),
    (
        "buildrace_samples_unfinished",
        None,
        "Builds that were interrupted, or skipped since what they start from was not built.",
        |row| row.cell.map(|_| f64::from(row.unfinished())),
    ),
];

/// Every figure of the run.
fn families(view: &View, check: Option<&CheckView>) -> Vec<Family> {
    let rows = rows(view);
    let of_rows = |(name, unit, help, figure): RowFamily| {
        let samples = rows
            .iter()
            .filter_map(|row| Some((labels(row), number(figure(row)?))));
        Family {
            name,
            unit,
            help,
            samples: samples.collect(),
        }
    };
    let mut families = vec![run(view)];
    families.extend(TIMES.map(of_rows));
    families.push(verdicts(&rows));
    families.extend(COUNTS.map(of_rows));
    families.extend(check.into_iter().flat_map(checked));
    families
}

/// Which run it is, as a gauge that is always 1.
fn run(view: &View) -> Family {
    let labels = vec![
        ("run", text(&view.run)),
        ("version", text(&view.buildrace)),
        (
            "started",
            view.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        ),
        ("seed", view.seed.to_string()),
    ];
    Family {
        name: "buildrace_run_info",
        unit: None,
        help: "The run.",
        samples: vec![(labels, "1".to_owned())],
    }
}

/// One sample a state, so that a series goes on when the verdict changes.
fn verdicts(rows: &[Row<'_>]) -> Family {
    let found = rows
        .iter()
        .filter_map(|row| Some((row, row.cell?.verdict?)));
    let samples = found.flat_map(|(row, found)| {
        VERDICTS.map(|verdict| {
            let mut labels = labels(row);
            labels.push(("verdict", verdict.as_str().to_owned()));
            (labels, u8::from(verdict == found).to_string())
        })
    });
    Family {
        name: "buildrace_verdict",
        unit: None,
        help: "1 for the verdict on a candidate.",
        samples: samples.collect(),
    }
}

fn checked(check: &CheckView) -> [Family; 2] {
    let outcomes = [
        CheckOutcome::Passed,
        CheckOutcome::Failed,
        CheckOutcome::Undecided,
    ];
    let outcomes = outcomes.map(|outcome| {
        let labels = vec![("outcome", outcome.as_str().to_owned())];
        (labels, u8::from(outcome == check.outcome).to_string())
    });
    let levels = [Level::Error, Level::Warning, Level::Notice].map(|level| {
        let count = check.findings.iter().filter(|f| f.level == level).count();
        let labels = vec![("level", level.as_str().to_owned())];
        (labels, count.to_string())
    });
    [
        Family {
            name: "buildrace_check",
            unit: None,
            help: "1 for the outcome of the check.",
            samples: outcomes.into(),
        },
        Family {
            name: "buildrace_check_findings",
            unit: None,
            help: "What the check found.",
            samples: levels.into(),
        },
    ]
}

/// A count without a point, and what is very large with an exponent.
fn number(figure: f64) -> String {
    let figure = rounded(figure);
    if figure.abs() < 1e9 {
        figure.to_string()
    } else {
        format!("{figure:?}")
    }
}

fn labels(row: &Row<'_>) -> Vec<Label> {
    vec![
        ("scenario", row.scenario_name.clone()),
        ("variant", row.variant_name.clone()),
        ("kind", row.kind.to_string()),
    ]
}

fn text(text: &str) -> String {
    escape::terminal(text, escape::MAX_CHARS)
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('\n', r"\n")
}
