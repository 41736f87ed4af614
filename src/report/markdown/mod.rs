//! `summary.md`: the result for a pull request or a page. One screen shows the
//! answer; what a reader needs to check and repeat it is folded below.

mod check;
mod failures;
mod method;
mod prose;
#[cfg(test)]
pub(super) mod reader;
mod scenario;

use std::fmt::Write;

use super::figures;
use super::round_summary;
use super::sentence::sentence;
use super::successive;
use super::view::{ScenarioView, View};
use super::words::join;
use crate::escape::{self, markdown as text};
pub(super) use check::findings;
pub(super) use failures::failures;
use method::certainty;
pub(super) use method::{environment, legend, questions, repeat};
pub(super) use prose::folded;
pub(super) use scenario::{culprits, jobs, times};

/// Name of the page beside the summary.
const PAGE: &str = "index.html";
/// Scenarios whose tables are not folded: more are no screen.
const UNFOLDED: usize = 2;
/// Findings of a check that are listed.
const MAX_FINDINGS: usize = 50;

/// The summary as GitHub's Markdown. It shows the figures and links to
/// `index.html`, which lie beside it.
pub fn markdown(view: &View) -> String {
    let mut out = String::new();
    let names = view.scenarios.iter().map(|scenario| text(&scenario.name));
    let _ = write!(out, "# {}", join(names));
    if let Some(check) = &view.check {
        let _ = write!(out, ": {}", check.outcome.describe());
    }
    out += "\n\n";
    if let Some(check) = &view.check {
        out += &findings(check, MAX_FINDINGS);
    }
    out.push_str(&headline(view));
    out += &figures::picture(figures::HEADLINE, "Build times of each variant");
    out.extend(scenarios(view));
    out += &rolled_up(view);
    let link = full_report(view).unwrap_or_else(|| format!("[Full report]({PAGE})"));
    let _ = writeln!(out, "{link}\n");
    let failures = failures(view);
    if !failures.is_empty() {
        let _ = writeln!(out, "## What did not build\n\n{failures}");
    }
    let charts = figures::comparisons(view) + &figures::waterfalls(view);
    if !charts.is_empty() {
        out += &folded("More charts", &charts);
    }
    out += &folded("How to read the tables", &how_to_read(view));
    let measured = questions(view) + &figures::samples(view);
    out += &folded("How it was measured", &measured);
    out += &folded("Where it was measured", &environment(view));
    out.push_str(&repeat(view));
    format!("{}\n", out.trim_end())
}

/// The link to the page of the run, where its address was given.
pub(super) fn full_report(view: &View) -> Option<String> {
    let address = view.page.as_ref()?;
    Some(format!("[Full report](<{address}>)"))
}

/// Tables and reasons of each scenario, folded where there are many.
pub(super) fn scenarios(view: &View) -> impl Iterator<Item = String> {
    view.scenarios.iter().map(|scenario| {
        let mut out = String::new();
        if !scenario.title.is_empty() {
            let _ = writeln!(out, "{}\n", text(&scenario.title));
        }
        times(&mut out, scenario);
        jobs(&mut out, scenario);
        successive::table(&mut out, scenario);
        culprits(&mut out, scenario);
        match view.scenarios.len() {
            1 => out,
            ..=UNFOLDED => format!("## {}\n\n{out}", text(&scenario.name)),
            _ => folded(&name_of(scenario), &out),
        }
    })
}

/// A scenario's name within markup of HTML, in which a code span's backticks
/// would be shown.
pub(super) fn name_of(scenario: &ScenarioView) -> String {
    format!("<code>{}</code>", escape::html(&scenario.name))
}

/// All scenarios as one, where there are several.
pub(super) fn rolled_up(view: &View) -> String {
    let lines = view.roll_up.iter().map(round_summary::rolled_up);
    let mut out: String = lines.map(|line| format!("- {}\n", text(&line))).collect();
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// What the tables show, how sure it is, and how far the rounds are apart.
pub(super) fn how_to_read(view: &View) -> String {
    format!("{} {}\n\n{}", legend(view), certainty(view), spreads(view))
}

/// How far the rounds of each scenario are apart.
pub(super) fn spreads(view: &View) -> String {
    let scenarios = view.scenarios.iter();
    scenarios.map(|scenario| spread(view, scenario)).collect()
}

fn spread(view: &View, scenario: &ScenarioView) -> String {
    let Some(line) = round_summary::spread(scenario) else {
        return String::new();
    };
    match view.scenarios.len() {
        1 => format!("{}\n\n", text(&line)),
        _ => format!("{}: {}\n\n", text(&scenario.name), text(&line)),
    }
}

/// The sentence of each scenario, and whether the run is whole.
pub(super) fn headline(view: &View) -> String {
    let mut out = String::new();
    for line in sentence(view).lines() {
        let _ = writeln!(out, "**{}**\n", text(line));
    }
    if let Some(unfinished) = view.unfinished() {
        let _ = writeln!(out, "{unfinished}\n");
    }
    for value in &view.matrix {
        let _ = writeln!(out, "- {}", text(&value.describe()));
    }
    if !view.matrix.is_empty() {
        out.push('\n');
    }
    for left_out in &view.left_out {
        let _ = writeln!(out, "Left out: {}.\n", text(&left_out.describe()));
    }
    out
}
