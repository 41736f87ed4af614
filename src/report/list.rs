//! The scenarios and suites of a project, for a terminal. As JSON it is the
//! view itself.

use std::fmt::Write;

use serde::Serialize;
use tabled::settings::Alignment;
use unicode_width::UnicodeWidthStr;

use super::paint::{Paint, Style};
use super::table::{Line, Table};
use super::wrap::wrap;
use crate::escape;
use crate::model::{BuildKind, Platform};

/// Blanks between two columns.
const GAP: usize = 2;
/// Columns that a cell takes before it goes on below: enough for the longest
/// kind and the usual platform with its comma.
const CELL: usize = 13;

/// What there is to race.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListView {
    /// The scenarios of the project, in the order of their names.
    pub scenarios: Vec<ScenarioRow>,
    /// The suites, in the order of their file.
    pub suites: Vec<SuiteRow>,
    /// Why no engine could be asked.
    pub no_engine: Option<String>,
}

/// A scenario of the project.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScenarioRow {
    /// Name of the scenario.
    pub name: String,
    /// One line on what it is.
    pub title: String,
    /// What its program is written in.
    pub language: Option<String>,
    /// Whether it is raced only where it is named.
    pub control: bool,
    /// Kinds of build that a race of it has.
    pub kinds: Vec<BuildKind>,
    /// Platforms that it builds for.
    pub platforms: Vec<Platform>,
    /// Names of the variants, the reference first.
    pub variants: Vec<String>,
    /// Minutes that one round takes, as measured.
    pub minutes: Option<f64>,
    /// The run that measured them.
    pub measured_in: Option<String>,
    /// Whether it can be raced here; not known without an engine.
    pub can_run: Option<bool>,
    /// Why it cannot be raced here, or which part of it cannot.
    pub lacks: Vec<String>,
}

/// A suite of the project.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SuiteRow {
    /// Name of the suite.
    pub name: String,
    /// One line on what it is for.
    pub title: String,
    /// Names of its scenarios.
    pub scenarios: Vec<String>,
    /// Rounds where the command line names none.
    pub rounds: String,
    /// Minutes that one round takes of those that were measured.
    pub minutes: Option<f64>,
    /// Scenarios of it that no run measured.
    pub unmeasured: Vec<String>,
}

/// The list for a terminal `width` columns wide. Ends with a line break.
pub fn list(view: &ListView, width: usize) -> String {
    let width = width.clamp(40, 400);
    let header = "NAME,LANGUAGE,KINDS,PLATFORMS,VARIANTS,MIN,HERE".split(',');
    let mut rows = vec![header.map(|text| vec![plain(text)]).collect()];
    rows.extend(view.scenarios.iter().map(|row| cells(row, CELL)));
    let table = Table::new(&rows, GAP, Alignment::left(), Paint { colour: false });
    // A list, where no table fits.
    let rows = match table.width() > width {
        true => Vec::new(),
        false => table.rows(),
    };
    let mut rows = rows.into_iter();
    let mut out = rows.next().unwrap_or_default();
    for row in &view.scenarios {
        match rows.next() {
            Some(cells) => out.push_str(&cells),
            None => {
                let labels = ["", "", "kinds ", "on ", "variants ", "minutes ", "here "];
                let cells = cells(row, usize::MAX).into_iter().flatten();
                let labelled = labels.iter().zip(cells);
                let labelled = labelled.map(|(label, (_, cell))| format!("{label}{cell}"));
                let labelled: Vec<String> = labelled.collect();
                folded(&mut out, &labelled.join("; "), width, "");
            }
        }
        let control = if row.control { "control: " } else { "" };
        let title = row
            .title
            .strip_prefix("a control: ")
            .filter(|_| row.control);
        let title = title.unwrap_or(&row.title);
        let title = format!("{control}{}", escape::terminal(title, 200));
        folded(&mut out, &title, width, "  ");
        for lack in &row.lacks {
            folded(&mut out, &escape::terminal(lack, 400), width, "  ! ");
        }
    }
    suites(&mut out, view, width);
    notes(&mut out, view, width);
    out
}

fn suites(out: &mut String, view: &ListView, width: usize) {
    if view.suites.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nSUITE");
    for suite in &view.suites {
        let minutes = match (suite.minutes, suite.unmeasured.len()) {
            (None, _) => "minutes not measured".to_owned(),
            (Some(measured), 0) => format!("{} minutes a round", minutes(measured)),
            (Some(measured), _) => format!(
                "{} minutes a round and more: {} not measured",
                minutes(measured),
                suite.unmeasured.join(", ")
            ),
        };
        let name = escape::columns(&suite.name, 48);
        let title = escape::terminal(&suite.title, 200);
        folded(out, &format!("{name}: {title}"), width, "");
        let rounds = match suite.rounds.as_str() {
            "1" => "1 round".to_owned(),
            rounds => format!("{rounds} rounds"),
        };
        let scenarios = suite.scenarios.join(", ");
        folded(
            out,
            &format!("{scenarios}; {rounds}, {minutes}"),
            width,
            "  ",
        );
    }
}

fn notes(out: &mut String, view: &ListView, width: usize) {
    let mut runs: Vec<&str> = Vec::new();
    for row in &view.scenarios {
        if let Some(run) = row.measured_in.as_deref().filter(|run| !runs.contains(run)) {
            runs.push(run);
        }
    }
    out.push('\n');
    for run in runs {
        let measured = view.scenarios.iter();
        let measured = measured.filter(|row| row.measured_in.as_deref() == Some(run));
        let names: Vec<&str> = measured.map(|row| row.name.as_str()).collect();
        let run = escape::terminal(run, 80);
        let text = format!(
            "minutes of {}: per round, as measured in {run}",
            names.join(", ")
        );
        folded(out, &text, width, "");
    }
    if view.scenarios.iter().any(|row| row.control) {
        let text = "controls are raced only where they are named";
        folded(out, text, width, "");
    }
    if let Some(reason) = &view.no_engine {
        let text = format!("no engine: {}", escape::terminal(reason, 600));
        folded(out, &text, width, "");
    }
}

/// The cells of a row, each of lines no wider than `most` where its words
/// allow.
fn cells(row: &ScenarioRow, most: usize) -> Vec<Vec<Line>> {
    let split = |items: Vec<String>| -> Vec<Line> {
        let lines = wrap(&items.join(", "), most).into_iter();
        lines.map(plain).collect()
    };
    let kinds = if row.kinds == BuildKind::STANDARD {
        vec!["all".to_owned()]
    } else {
        row.kinds.iter().map(ToString::to_string).collect()
    };
    let here = match row.can_run {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    };
    let variants = row.variants.iter().map(|name| escape::columns(name, 24));
    let language = row.language.as_deref().unwrap_or("-");
    vec![
        vec![plain(escape::columns(&row.name, 24))],
        vec![plain(escape::columns(language, 12))],
        split(kinds),
        split(row.platforms.iter().map(ToString::to_string).collect()),
        split(variants.collect()),
        vec![plain(row.minutes.map_or_else(|| "-".to_owned(), minutes))],
        vec![plain(here)],
    ]
}

fn plain(text: impl Into<String>) -> Line {
    (Style::Plain, text.into())
}

/// Minutes, as far as anybody cares.
fn minutes(minutes: f64) -> String {
    if minutes < 9.95 {
        format!("{minutes:.1}")
    } else {
        format!("{minutes:.0}")
    }
}

/// Text in lines that fit, each indented like the first.
fn folded(out: &mut String, text: &str, width: usize, before: &str) {
    for (at, line) in wrap(text, width - before.width()).iter().enumerate() {
        let before = if at == 0 {
            before
        } else {
            &" ".repeat(before.width())
        };
        let _ = writeln!(out, "{before}{line}");
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn row(name: &str, title: &str, variants: &[&str]) -> ScenarioRow {
        ScenarioRow {
            name: name.into(),
            title: title.into(),
            language: Some("Go".into()),
            control: false,
            kinds: BuildKind::STANDARD.to_vec(),
            platforms: ["amd64", "arm64"].map(Platform::linux).to_vec(),
            variants: variants.iter().map(ToString::to_string).collect(),
            minutes: None,
            measured_in: None,
            can_run: Some(true),
            lacks: Vec::new(),
        }
    }

    fn view() -> ListView {
        let mut hello = row("go-hello", "a small Go HTTP service", &["naive", "cross"]);
        hello.minutes = Some(2.87);
        hello.measured_in = Some("20261123T225710Z-dbe9c9".into());
        let ladder = ["naive", "cross", "download", "cache", "bind"];
        let ladder = row(
            "go-ladder",
            "five steps from naive to fully optimised",
            &ladder,
        );
        let mut platforms = row("platforms", "four architectures", &["naive", "cross"]);
        platforms.platforms.push("linux/arm/v7".parse().unwrap());
        platforms.platforms.push(Platform::linux("riscv64"));
        platforms.can_run = Some(false);
        platforms.lacks = vec!["no emulator that works for linux/riscv64".into()];
        let title = "a control: every image holds a program for amd64";
        let mut control = row("wrong-arch", title, &["cross", "broken"]);
        control.control = true;
        control.language = None;
        control.kinds = vec![BuildKind::Cold, BuildKind::MultiArch];
        ListView {
            scenarios: vec![hello, ladder, platforms, control],
            suites: vec![SuiteRow {
                name: "quick".into(),
                title: "to see what a race shows".into(),
                scenarios: vec!["go-hello".into(), "go-ladder".into()],
                rounds: "1".into(),
                minutes: Some(12.3),
                unmeasured: vec!["go-ladder".into()],
            }],
            no_engine: None,
        }
    }

    #[test]
    fn a_table_where_it_fits() {
        let text = list(&view(), 80);
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        assert_snapshot!(text);
    }

    #[test]
    fn a_list_where_no_table_fits_and_no_engine_answers() {
        let mut view = view();
        view.no_engine = Some("no Docker Engine answers: start one".into());
        view.scenarios.iter_mut().for_each(|row| row.can_run = None);
        let text = list(&view, 60);
        assert!(text.lines().all(|line| line.width() <= 60), "{text}");
        assert_snapshot!(text);
    }

    #[test]
    fn text_from_outside_stays_on_its_line() {
        let mut view = view();
        for row in &mut view.scenarios {
            row.title = "\u{1b}[2J\nx".into();
            row.lacks = vec!["\u{1b}]0;owned\u{7}".into()];
        }
        let text = list(&view, 100);
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }
}
