//! What a check made of the run, as a page shows it.

use super::super::check::{CheckOutcome, CheckView, Finding};
use crate::escape;

/// Findings that are listed.
const MAX_FINDINGS: usize = 50;

/// The outcome of a check.
pub(super) struct Check {
    pub(super) outcome: &'static str,
    pub(super) passed: bool,
    pub(super) headline: String,
    pub(super) findings: Vec<FindingItem>,
    pub(super) more: usize,
}

pub(super) struct FindingItem {
    pub(super) level: &'static str,
    pub(super) text: String,
    /// The Dockerfile to blame, with the line where it is known.
    pub(super) place: Option<String>,
}

pub(super) fn check(check: &CheckView) -> Check {
    Check {
        outcome: check.outcome.as_str(),
        passed: check.outcome == CheckOutcome::Passed,
        headline: format!("{}.", escape::bounded(&check.headline)),
        findings: check
            .findings
            .iter()
            .take(MAX_FINDINGS)
            .map(finding)
            .collect(),
        more: check.findings.len().saturating_sub(MAX_FINDINGS),
    }
}

fn finding(finding: &Finding) -> FindingItem {
    let kind = finding
        .kind
        .map_or_else(String::new, |kind| format!(" {kind}"));
    FindingItem {
        level: finding.level.as_str(),
        text: format!(
            "{},{kind} of {}: {} ({})",
            escape::columns(&finding.variant, 60),
            escape::columns(&finding.scenario, 60),
            escape::bounded(&finding.message),
            finding.rule.as_str(),
        ),
        place: finding.file.as_ref().map(|file| match finding.line {
            Some(line) => format!("{}:{line}", escape::bounded(file)),
            None => escape::bounded(file),
        }),
    }
}
