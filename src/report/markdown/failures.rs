//! What did not build, as Markdown.

use std::fmt::Write;

use super::super::failure_rates;
use super::super::number;
use super::super::view::{FailureView, View};
use crate::escape::{
    self, markdown as text, markdown_block as block, markdown_code as code,
    markdown_within as within,
};

/// Failures shown in full.
const MAX_FAILURES: usize = 20;

/// How often builds failed, and each failure with its step and the end of its
/// log; nothing where none did.
pub(in crate::report) fn failures(view: &View) -> String {
    let mut out = String::new();
    for line in failure_rates::lines(view) {
        let _ = writeln!(out, "- {}", text(&line));
    }
    if !view.failure_rates.is_empty() {
        let interval = "In brackets: 95% interval of the share (Clopper–Pearson).";
        let _ = writeln!(out, "\n{interval}\n");
    }
    for failure in view.failures.iter().take(MAX_FAILURES) {
        let FailureView {
            scenario,
            variant,
            kind,
            round,
            outcome,
            seconds,
            failure,
        } = failure;
        let _ = writeln!(
            out,
            "{} {} {kind}, round {round}: **{outcome}** after {}: {}",
            text(scenario),
            text(variant),
            number::seconds(*seconds),
            within(&failure.message),
        );
        if let Some(step) = &failure.step {
            let exit = match failure.exit_code {
                Some(exit) => format!(", exit code {exit}"),
                None => String::new(),
            };
            let _ = writeln!(out, "<br>step {}{exit}", code(step));
        }
        if !failure.log_tail.is_empty() {
            let lines = failure.log_tail.iter().map(|line| escape::bounded(line));
            let lines: Vec<String> = lines.collect();
            let _ = write!(out, "\n{}", block("text", lines.iter().map(String::as_str)));
        }
        out.push('\n');
    }
    if let Some(more) = view.failures.len().checked_sub(MAX_FAILURES)
        && more > 0
    {
        let _ = writeln!(out, "And {more} more.\n");
    }
    out
}
