//! What a check found, as Markdown.

use std::fmt::Write;

use super::super::check::{CheckOutcome, CheckView, Finding, Level};
use crate::escape::{markdown as text, markdown_code as code};

/// The word of a level.
pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Notice => "notice",
    }
}

/// The outcome as a heading's end.
pub(super) fn outcome(outcome: CheckOutcome) -> &'static str {
    match outcome {
        CheckOutcome::Passed => "the check passed",
        CheckOutcome::Failed => "the check failed",
        CheckOutcome::Undecided => "the check is undecided",
    }
}

/// The headline, and a list of at most `max` findings.
pub(super) fn findings(check: &CheckView, max: usize) -> String {
    let mut out = format!("**{}.**\n\n", text(&check.headline));
    for finding in check.findings.iter().take(max) {
        let Finding {
            level: grave,
            rule,
            scenario,
            variant,
            kind,
            message,
            file,
            line,
        } = finding;
        let kind = kind.map_or_else(String::new, |kind| format!(" {kind}"));
        let place = match (file, line) {
            (Some(file), Some(line)) => format!(" ({}, line {line})", code(file)),
            (Some(file), None) => format!(" ({})", code(file)),
            (None, _) => String::new(),
        };
        let _ = writeln!(
            out,
            "- **{}** {}, {}{kind} of {}: {}{place}.",
            level(*grave),
            text(rule.as_str()),
            text(variant),
            text(scenario),
            text(message),
        );
    }
    let more = check.findings.len().saturating_sub(max);
    if more > 0 {
        let _ = writeln!(out, "- and {more} more");
    }
    if !check.findings.is_empty() {
        out.push('\n');
    }
    out
}
