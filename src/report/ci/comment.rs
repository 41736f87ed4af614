//! `markdown-comment`: the result as a comment on a pull request, at most as
//! long as GitHub takes.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::super::check::CheckView;
use super::super::markdown;
use super::super::markdown::headline;
use super::super::round_summary;
use super::super::view::View;
use super::super::words::join;
use super::findings;
use super::sections::{Section, within};
use crate::escape::markdown as text;

/// Characters of a comment that GitHub takes; it answers 422, "body is too
/// long (maximum is 65536 characters)", to more.
const LIMIT: usize = 65_536;
/// Findings listed one by one.
const MAX_FINDINGS: usize = 20;
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
        Some(check) => format!("### {names}: {}", findings::outcome(check.outcome)),
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
    let mut add = |name, text| sections.push(Section { name, text });
    if let Some(check) = check {
        add("the check", findings::findings(check, MAX_FINDINGS));
    }
    add("the sentence", headline(view));
    for scenario in &view.scenarios {
        let mut out = String::new();
        if view.scenarios.len() > 1 {
            let _ = writeln!(out, "#### {}\n", text(&scenario.name));
        }
        markdown::times(&mut out, scenario);
        markdown::culprits(&mut out, scenario);
        add("a scenario", out);
    }
    add("what did not build", failures(view));
    add("how it was measured", measured(view));
    within(LIMIT, &sections)
}

/// The failures with steps and logs, folded.
fn failures(view: &View) -> String {
    let mut out = String::new();
    markdown::failures(&mut out, view);
    // A heading of a page is none of a comment.
    match out.split_once("\n\n") {
        Some((_, failures)) => format!(
            "<details><summary>What did not build</summary>\n\n{}\n\n</details>\n\n",
            failures.trim_end()
        ),
        None => String::new(),
    }
}

fn measured(view: &View) -> String {
    let mut parts = vec![markdown::explanation(view)];
    let rule = markdown::rule(view).join(" ");
    parts.extend(Some(rule).filter(|rule| !rule.is_empty()));
    let rolled_up = view.roll_up.iter().map(round_summary::rolled_up);
    parts.extend(rolled_up.map(|line| text(&line)));
    parts.push(format!(
        "Run {} of buildrace {}: {} of {} samples, {} rounds, seed {}.",
        text(&view.run),
        text(&view.buildrace),
        view.measured,
        view.planned,
        view.rounds,
        view.seed
    ));
    format!(
        "<details><summary>How it was measured</summary>\n\n{}\n\n</details>\n",
        parts.join("\n\n")
    )
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
