//! What a check found, as Markdown.

use std::fmt::Write;

use super::super::check::{CheckView, Finding};
use crate::escape::{markdown as text, markdown_code as code};

/// The headline, and a list of at most `max` findings.
pub(in crate::report) fn findings(check: &CheckView, max: usize) -> String {
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
            grave.as_str(),
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
