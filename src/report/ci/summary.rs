//! `github-summary`: Markdown for the file that `$GITHUB_STEP_SUMMARY` names.
//!
//! GitHub takes 1 MiB a step, and more than that makes the upload fail
//! ("Workflow commands for GitHub Actions", *Step isolation and limits*).

use std::fmt::Write;

use super::super::check::CheckView;
use super::super::markdown::{self, folded, headline};
use super::super::round_summary;
use super::super::view::View;
use super::super::words::join;
use super::sections::{Section, within};
use crate::escape::markdown as text;

/// Bytes that a summary may take: half of what GitHub takes, as a step may
/// write more than one.
const LIMIT: usize = 512 * 1024;
/// Findings listed one by one.
const MAX_FINDINGS: usize = 50;

/// The result of a run on the page of a job. It shows no image: nothing lies
/// beside a job's summary.
pub(super) fn summary(view: &View, check: Option<&CheckView>) -> String {
    let names = view.scenarios.iter().map(|scenario| text(&scenario.name));
    let mut title = format!("# {}", join(names));
    if let Some(check) = check {
        let _ = write!(title, ": {}", check.outcome.describe());
    }
    title.push_str("\n\n");
    let mut sections = vec![Section {
        name: "the title",
        text: title,
    }];
    let mut add = |name, text: String| {
        if !text.is_empty() {
            sections.push(Section { name, text });
        }
    };
    if let Some(check) = check {
        add("the check", markdown::findings(check, MAX_FINDINGS));
    }
    add("the sentence", headline(view));
    markdown::scenarios(view).for_each(|scenario| add("a scenario", scenario));
    add("all scenarios together", markdown::rolled_up(view));
    let link = markdown::full_report(view).map(|link| format!("{link}\n\n"));
    add("the link", link.unwrap_or_default());
    let failures = markdown::failures(view);
    if !failures.is_empty() {
        add(
            "what did not build",
            format!("## What did not build\n\n{failures}"),
        );
    }
    add("dropped rounds", dropped(view));
    add(
        "how to read it",
        folded("How to read the tables", &markdown::how_to_read(view)),
    );
    add(
        "how it was measured",
        folded("How it was measured", &markdown::questions(view)),
    );
    let place = format!("{}{}", markdown::environment(view), markdown::repeat(view));
    add(
        "where it was measured",
        folded("Where it was measured", &place),
    );
    within(LIMIT, &sections)
}

fn dropped(view: &View) -> String {
    let dropped = round_summary::dropped(view).map(|line| format!("- {}\n", text(&line)));
    let mut out: String = dropped.collect();
    if !out.is_empty() {
        out.push('\n');
    }
    out
}
