//! `markdown-comment`: the result as a comment on a pull request, at most as
//! long as GitHub takes.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::super::check::CheckView;
use super::super::markdown::{self, folded, headline};
use super::super::view::{ScenarioView, View};
use super::super::words::join;
use super::sections::{Section, within};
use crate::escape::markdown as text;

/// Characters of a comment that GitHub takes; it answers 422, "body is too
/// long (maximum is 65536 characters)", to more.
const LIMIT: usize = 65_536;
/// Findings listed one by one.
const MAX_FINDINGS: usize = 20;
/// Scenarios whose tables are not folded.
const UNFOLDED: usize = 2;
/// Characters of the scenarios' names in the marker.
const MAX_KEY: usize = 60;

/// A comment that begins with a hidden marker, so that the next run on the
/// same pull request finds it and writes over it.
pub(super) fn comment(view: &View, check: Option<&CheckView>) -> String {
    let names = view.scenarios.iter().map(|scenario| text(&scenario.name));
    let names = match check {
        Some(check) => text(&check.subject),
        None => join(names),
    };
    let title = match check {
        Some(check) => format!("### {names}: {}", check.outcome.describe()),
        None => format!("### {names}"),
    };
    let mut sections = vec![
        Section {
            name: "the marker",
            text: format!("<!-- buildrace:comment:{} -->\n", key(view, check)),
        },
        Section {
            name: "the title",
            text: format!("{title}\n\n"),
        },
    ];
    let mut add = |name, text: String| {
        if !text.is_empty() {
            sections.push(Section { name, text });
        }
    };
    if let Some(check) = check {
        add("the check", markdown::findings(check, MAX_FINDINGS));
    }
    add("the sentence", headline(view));
    let tables = match view.scenarios.len() {
        // More of them are no screen.
        ..=UNFOLDED => view.scenarios.iter().map(|s| times(view, s)).collect(),
        _ => Vec::new(),
    };
    tables.into_iter().for_each(|table| add("a table", table));
    let link = markdown::full_report(view).map(|link| format!("{link}\n\n"));
    add("the link", link.unwrap_or_default());
    for scenario in &view.scenarios {
        add("a scenario", reasons(view, scenario));
    }
    add("what did not build", failures(view));
    add("how it was measured", measured(view));
    within(LIMIT, &sections)
}

/// The table of a scenario.
fn times(view: &View, scenario: &ScenarioView) -> String {
    let mut out = String::new();
    if view.scenarios.len() > 1 {
        let _ = writeln!(out, "#### {}\n", text(&scenario.name));
    }
    markdown::times(&mut out, scenario);
    out
}

/// Why, folded; with the table where that is not above.
fn reasons(view: &View, scenario: &ScenarioView) -> String {
    let mut out = String::new();
    if view.scenarios.len() > UNFOLDED {
        markdown::times(&mut out, scenario);
    }
    markdown::culprits(&mut out, scenario);
    let name = match view.scenarios.len() {
        1 => String::new(),
        _ => format!(": {}", markdown::name_of(scenario)),
    };
    match (out.is_empty(), view.scenarios.len() > UNFOLDED) {
        (true, _) => out,
        (_, true) => folded(&format!("Times and reasons{name}"), &out),
        (_, false) => folded(&format!("Why they differ{name}"), &out),
    }
}

/// The failures with steps and logs, folded.
fn failures(view: &View) -> String {
    match markdown::failures(view) {
        none if none.is_empty() => none,
        failures => folded("What did not build", &failures),
    }
}

fn measured(view: &View) -> String {
    let mut out = format!(
        "{}\n\n{}{}",
        markdown::legend(view),
        markdown::spreads(view),
        markdown::rolled_up(view)
    );
    out.push_str(&markdown::questions(view));
    let _ = writeln!(
        out,
        "Run {} of buildrace {}: {} of {} samples, {} rounds, seed {}.",
        text(&view.run),
        text(&view.buildrace),
        view.measured,
        view.planned,
        view.rounds,
        view.seed
    );
    folded("How it was measured", &out)
}

/// What is checked, or the names of the scenarios, as a key for the marker. No
/// two of others share it, and nothing in it ends a comment of HTML.
fn key(view: &View, check: Option<&CheckView>) -> String {
    let scenarios = view.scenarios.iter().map(|s| s.name.as_str());
    let names: Vec<&str> = match check {
        Some(check) => vec![&check.subject],
        None => scenarios.collect(),
    };
    let mut key = String::new();
    for c in names.join("+").chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '_') {
            key.push(c);
        } else if !key.ends_with('-') {
            key.push('-');
        }
    }
    key.truncate(MAX_KEY);
    if names.len() == 1 && key == names[0] && !key.ends_with('-') {
        return key;
    }
    // What was cut or replaced is in the digest: names are not empty, so the
    // separator tells one list of them from another.
    let digest = hex::encode(Sha256::digest(names.join("\n")));
    format!("{}-{}", key.trim_end_matches('-'), &digest[..8])
}
