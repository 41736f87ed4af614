//! Runs side by side on a terminal, as Markdown, as a page, as rows and as JSON.

mod wording;

use askama::Template;
use serde_json::{Value, json};
use tabled::settings::Alignment;

use super::number;
use super::page::{FRAME, Frame, rendered};
use super::paint::{Paint, Style};
use super::runs::{Difference, RunCell, RunRow, SideBySide};
use super::table::{Line, Table};
use super::wrap::wrap;
use crate::escape;
use crate::stats::Ratio;

/// Version of what the JSON holds.
const SCHEMA_VERSION: u32 = 1;
/// Columns that a value from outside takes on a terminal.
const MAX_VALUE: usize = 40;

#[derive(Template)]
#[template(path = "side_by_side.html")]
struct Page {
    frame: &'static Frame,
    title: &'static str,
    lead: String,
    runs: Vec<RunItem>,
    differences: Vec<DifferenceItem>,
    scenarios: Vec<ScenarioItem>,
    reading: Vec<String>,
    buildrace: &'static str,
}

struct RunItem {
    letter: String,
    text: String,
}

struct DifferenceItem {
    aspect: &'static str,
    name: String,
    values: Vec<String>,
}

struct ScenarioItem {
    name: String,
    rows: Vec<RowItem>,
}

struct RowItem {
    kind: String,
    variant: String,
    cells: Vec<Vec<String>>,
}

impl SideBySide {
    /// For a terminal `width` columns wide. Ends with a line break.
    pub fn terminal(&self, width: usize, colour: bool) -> String {
        let width = width.clamp(40, 400);
        let paint = Paint { colour };
        let mut out = lines(&wording::lead(self), width);
        out.push('\n');
        for run in &self.runs {
            out.push_str(&format!(
                "{}  {}\n",
                paint.apply(Style::Bold, &run.letter),
                wording::run(run)
            ));
        }
        let letters = self.runs.iter().map(|run| run.letter.clone());
        let letters: Vec<String> = letters.collect();
        if !self.differences.is_empty() {
            out.push_str("\nWhat differs:\n");
            let mut rows = vec![header(&["", ""], &letters)];
            rows.extend(self.differences.iter().map(|difference| {
                let mut row = vec![
                    vec![(Style::Dim, difference.aspect.as_str().to_owned())],
                    vec![plain(&difference.name, 48)],
                ];
                row.extend(values(difference).map(|value| vec![plain(&value, MAX_VALUE)]));
                row
            }));
            table(&mut out, &rows, paint);
        }
        for (scenario, of) in self.by_scenario() {
            out.push_str(&format!("\n{}\n", escape::columns(scenario, width)));
            let mut rows = vec![header(&["", ""], &letters)];
            rows.extend(of.iter().map(|row| {
                let mut cells = vec![
                    vec![(Style::Plain, row.kind.to_string())],
                    vec![plain(&row.variant, MAX_VALUE)],
                ];
                cells.extend(row.cells.iter().map(|cell| {
                    let lines = wording::cell(cell.as_ref()).into_iter();
                    let lines = lines.enumerate();
                    lines
                        .map(|(at, line)| (style(cell.as_ref(), at), line))
                        .collect()
                }));
                cells
            }));
            table(&mut out, &rows, paint);
        }
        out.push('\n');
        for line in wording::reading(self) {
            out.push_str(&lines(&line, width));
        }
        out
    }

    /// As Markdown: one screen, then how to read it.
    pub fn markdown(&self) -> String {
        let mut out = format!(
            "# Runs side by side\n\n**{}**\n\n",
            cell_text(&wording::lead(self))
        );
        for run in &self.runs {
            out.push_str(&format!(
                "- **{}**: {}\n",
                run.letter,
                cell_text(&wording::run(run))
            ));
        }
        let letters: Vec<&str> = self.runs.iter().map(|run| run.letter.as_str()).collect();
        out.push_str("\n## What differs\n\n");
        if self.differences.is_empty() {
            out.push_str("Nothing that buildrace records.\n");
        } else {
            out.push_str(&format!("| about | what | {} |\n", letters.join(" | ")));
            out.push_str(&format!("|:--|:--|{}\n", ":--|".repeat(letters.len())));
            for difference in &self.differences {
                let values: Vec<String> = values(difference)
                    .map(|value| cell_text(&escape::columns(&value, 100)))
                    .collect();
                let name = cell_text(&escape::columns(&difference.name, 100));
                let aspect = difference.aspect.as_str();
                out.push_str(&format!("| {aspect} | {name} | {} |\n", values.join(" | ")));
            }
        }
        for (scenario, rows) in self.by_scenario() {
            out.push_str(&format!(
                "\n## {}\n\n",
                cell_text(&escape::columns(scenario, 80))
            ));
            out.push_str(&format!("| kind | variant | {} |\n", letters.join(" | ")));
            out.push_str(&format!("|:--|:--|{}\n", "--:|".repeat(letters.len())));
            for row in rows {
                let cells = row.cells.iter().map(|cell| {
                    let lines = wording::cell(cell.as_ref()).into_iter();
                    lines
                        .map(|line| cell_text(&line))
                        .collect::<Vec<_>>()
                        .join("<br>")
                });
                let cells: Vec<String> = cells.collect();
                let variant = cell_text(&escape::columns(&row.variant, 80));
                out.push_str(&format!(
                    "| {} | {variant} | {} |\n",
                    row.kind,
                    cells.join(" | ")
                ));
            }
        }
        out.push_str("\n<details><summary>How to read the table</summary>\n\n");
        for line in wording::reading(self) {
            out.push_str(&format!("- {line}\n"));
        }
        out.push_str("\n</details>\n");
        out
    }

    /// As a page that holds all it needs.
    pub fn html(&self) -> String {
        let scenarios = self
            .by_scenario()
            .into_iter()
            .map(|(name, rows)| ScenarioItem {
                name: escape::columns(name, 80),
                rows: rows
                    .into_iter()
                    .map(|row| RowItem {
                        kind: row.kind.to_string(),
                        variant: escape::columns(&row.variant, 80),
                        cells: row
                            .cells
                            .iter()
                            .map(|cell| wording::cell(cell.as_ref()))
                            .collect(),
                    })
                    .collect(),
            });
        let page = Page {
            frame: &FRAME,
            title: "Runs side by side",
            lead: wording::lead(self),
            runs: self
                .runs
                .iter()
                .map(|run| RunItem {
                    letter: run.letter.clone(),
                    text: wording::run(run),
                })
                .collect(),
            differences: self
                .differences
                .iter()
                .map(|difference| DifferenceItem {
                    aspect: difference.aspect.as_str(),
                    name: escape::columns(&difference.name, 100),
                    values: values(difference)
                        .map(|value| escape::columns(&value, 160))
                        .collect(),
                })
                .collect(),
            scenarios: scenarios.collect(),
            reading: wording::reading(self),
            buildrace: env!("CARGO_PKG_VERSION"),
        };
        rendered(&page)
    }

    /// As CSV with a header: a row for each kind of build of a variant in a run.
    pub fn csv(&self) -> String {
        let mut out = csv::Writer::from_writer(Vec::new());
        let header = [
            "scenario",
            "variant",
            "kind",
            "run",
            "n",
            "median_seconds",
            "min_seconds",
            "max_seconds",
            "over_first",
            "over_first_low",
            "over_first_high",
            "ratio",
            "ratio_low",
            "ratio_high",
            "differs",
        ];
        // Writing to memory does not fail.
        let _ = out.write_record(header);
        for (row, at, cell) in self.cells() {
            let ratio = |ratio: &Option<Ratio>| -> [String; 3] {
                let interval = ratio.and_then(|ratio| ratio.interval);
                [
                    ratio.map(|ratio| ratio.estimate),
                    interval.map(|interval| interval.low),
                    interval.map(|interval| interval.high),
                ]
                .map(|number| number.map_or_else(String::new, |number| number.to_string()))
            };
            let marks: Vec<&str> = cell.marks.iter().map(|mark| mark.describe()).collect();
            let mut record = vec![
                escape::csv(&row.scenario),
                escape::csv(&row.variant),
                row.kind.to_string(),
                escape::csv(&self.runs[at].run),
                cell.times.n.to_string(),
                cell.times.median.to_string(),
                cell.times.min.to_string(),
                cell.times.max.to_string(),
            ];
            record.extend(ratio(&cell.over_first));
            record.extend(ratio(&cell.ratio));
            record.push(marks.join("; "));
            let _ = out.write_record(record);
        }
        let bytes = out.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// As JSON. `docs/formats.md` has its keys.
    pub fn json(&self) -> Value {
        let ratio = |ratio: &Option<Ratio>| {
            ratio.map(|ratio| {
                json!({
                    "estimate": ratio.estimate,
                    "low": ratio.interval.map(|interval| interval.low),
                    "high": ratio.interval.map(|interval| interval.high),
                    "n": ratio.n,
                })
            })
        };
        let cells = self.cells().into_iter().map(|(row, at, cell)| {
            let marks: Vec<&str> = cell.marks.iter().map(|mark| mark.describe()).collect();
            json!({
                "scenario": row.scenario,
                "variant": row.variant,
                "kind": row.kind,
                "run": self.runs[at].run,
                "n": cell.times.n,
                "median_seconds": cell.times.median,
                "min_seconds": cell.times.min,
                "max_seconds": cell.times.max,
                "over_first": ratio(&cell.over_first),
                "ratio": ratio(&cell.ratio),
                "differs": marks,
            })
        });
        let cells: Vec<Value> = cells.collect();
        let runs = self
            .runs
            .iter()
            .map(|run| json!({ "run": run.run, "started": run.started, "machine": run.machine }));
        let runs: Vec<Value> = runs.collect();
        json!({
            "schema": SCHEMA_VERSION,
            "runs": runs,
            "differences": self.differences,
            "times": cells,
        })
    }

    /// Rows by scenario, in order.
    fn by_scenario(&self) -> Vec<(&str, Vec<&RunRow>)> {
        let mut scenarios: Vec<(&str, Vec<&RunRow>)> = Vec::new();
        for row in &self.rows {
            match scenarios.last_mut() {
                Some((name, rows)) if *name == row.scenario => rows.push(row),
                _ => scenarios.push((&row.scenario, vec![row])),
            }
        }
        scenarios
    }

    /// Cells that are there, each with its row and its run's place.
    fn cells(&self) -> Vec<(&RunRow, usize, &RunCell)> {
        let rows = self.rows.iter();
        let cells = rows.flat_map(|row| {
            let cells = row.cells.iter().enumerate();
            cells.filter_map(move |(at, cell)| Some((row, at, cell.as_ref()?)))
        });
        cells.collect()
    }
}

fn values(difference: &Difference) -> impl Iterator<Item = String> + '_ {
    let values = difference.values.iter();
    values.map(|value| value.clone().unwrap_or_else(|| "–".to_owned()))
}

fn style(cell: Option<&RunCell>, line: usize) -> Style {
    let over = cell.and_then(|cell| cell.over_first);
    match (line, over) {
        (0, _) => Style::Plain,
        (1, Some(ratio)) if number::includes_one(&ratio) => Style::Dim,
        (1, Some(ratio)) if ratio.estimate > 1.0 => Style::Bad,
        (1, Some(_)) => Style::Good,
        _ => Style::Dim,
    }
}

fn plain(text: &str, max: usize) -> Line {
    (Style::Plain, escape::columns(text, max))
}

fn header(first: &[&str], letters: &[String]) -> Vec<Vec<Line>> {
    let first = first.iter().map(|text| (*text).to_owned());
    let all = first.chain(letters.iter().cloned());
    all.map(|text| vec![(Style::Bold, text)]).collect()
}

fn table(out: &mut String, rows: &[Vec<Vec<Line>>], paint: Paint) {
    let table = Table::new(rows, 2, Alignment::left(), paint);
    out.push_str(&table.rows().concat());
}

fn lines(text: &str, width: usize) -> String {
    wrap(text, width)
        .iter()
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Text for a cell of a Markdown table.
fn cell_text(text: &str) -> String {
    escape::markdown(text)
}

#[cfg(test)]
mod tests;
