//! `github-summary`: Markdown for the file that `$GITHUB_STEP_SUMMARY` names.
//!
//! GitHub takes 1 MiB a step, and more than that makes the upload fail
//! ("Workflow commands for GitHub Actions", *Step isolation and limits*).

use std::fmt::Write;

use super::super::check::CheckView;
use super::super::markdown::{self, headline};
use super::super::round_summary;
use super::super::view::View;
use super::super::words::join;
use super::findings;
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
        let _ = write!(title, ": {}", findings::outcome(check.outcome));
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
        add("the check", findings::findings(check, MAX_FINDINGS));
    }
    add("the sentence", headline(view));
    for scenario in &view.scenarios {
        let mut out = String::new();
        markdown::table(&mut out, scenario);
        markdown::culprits(&mut out, scenario);
        add("a scenario", out);
    }
    let rolled_up = view.roll_up.iter().map(|roll_up| {
        let line = round_summary::rolled_up(roll_up);
        format!("- {}\n", text(&line))
    });
    let rolled_up: String = rolled_up.collect();
    if !rolled_up.is_empty() {
        add("all scenarios together", format!("{rolled_up}\n"));
    }
    add(
        "how to read it",
        format!("{}\n\n", markdown::explanation(view)),
    );
    let mut failures = String::new();
    markdown::failures(&mut failures, view);
    add("what did not build", failures);
    add("dropped rounds", dropped(view));
    add("how it was measured", measured(view));
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

fn measured(view: &View) -> String {
    let mut out = format!(
        "<details><summary>How and where it was measured</summary>\n\n{}\n\n",
        markdown::method(view)
    );
    markdown::environment(&mut out, view);
    markdown::repeat(&mut out, view);
    out.push_str("\n</details>\n\n");
    out
}
