//! What a gate found, as reports and CI formats show it beside the run.

use std::fmt::Write;

use serde::{Deserialize, Deserializer, Serialize};

use super::paint::{Paint, Style};
use super::wrap::wrap;
use crate::escape;
use crate::model::BuildKind;

/// The outcome of a check. All texts may hold text from outside. `check.json`
/// of a run holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    /// Whether the gate is open.
    pub outcome: CheckOutcome,
    /// What is checked, the same from check to check, so that a comment can be
    /// found again.
    pub subject: String,
    /// One sentence, without its full stop: what was compared with what, and
    /// what came of it.
    pub headline: String,
    /// Everything worth telling, what decided first.
    pub findings: Vec<Finding>,
}

/// Whether the gate is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckOutcome {
    /// Nothing that is fatal.
    Passed,
    /// A regression.
    Failed,
    /// It could not be decided, and the policy wants a decision.
    Undecided,
}

impl CheckOutcome {
    /// The word used in reports and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Undecided => "undecided",
        }
    }
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How grave it is.
    pub level: Level,
    /// What was looked at: `slower`, `failed`, `inconclusive`, `emulated-steps`, …
    #[serde(deserialize_with = "known_rule")]
    pub rule: RuleName,
    /// The scenario.
    pub scenario: String,
    /// The variant that it is said of.
    pub variant: String,
    /// The kind of build, where it is of one.
    pub kind: Option<BuildKind>,
    /// One sentence, without its full stop.
    pub message: String,
    /// The Dockerfile to blame, relative to the repository.
    pub file: Option<String>,
    /// Its line, from 1.
    pub line: Option<usize>,
}

/// A rule by its name. With an alias serde does not take it for text that it
/// could borrow.
type RuleName = &'static str;

/// The rules that findings are of.
const RULES: [&str; 17] = [
    "base-failed",
    "cached-steps",
    "edit",
    "emulated-steps",
    "failed",
    "failure-rate",
    "faster",
    "image-size",
    "inconclusive",
    "no-baseline",
    "policy",
    "repaired",
    "same",
    "slower",
    "steps",
    "times",
    "unmeasured",
];

/// A rule of a stored finding; `other` where this buildrace does not know it.
fn known_rule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    let name = String::deserialize(deserializer)?;
    let mut rules = RULES.into_iter();
    Ok(rules.find(|rule| *rule == name).unwrap_or("other"))
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It closes the gate.
    Error,
    /// It would, under a stricter policy.
    Warning,
    /// Good to know.
    Notice,
}

/// The outcome for a terminal: a line of outcome, and what it rests on. Ends
/// with a line break.
pub fn check_on_terminal(check: &CheckView, width: usize, colour: bool) -> String {
    let paint = Paint { colour };
    let width = width.clamp(20, 400);
    let style = match check.outcome {
        CheckOutcome::Passed => Style::Good,
        CheckOutcome::Failed | CheckOutcome::Undecided => Style::Bad,
    };
    let mut out = String::new();
    let headline = escape::terminal(&check.headline, 600);
    let outcome = check.outcome.as_str();
    for (at, line) in wrap(&format!("{outcome}: {headline}."), width)
        .iter()
        .enumerate()
    {
        let line = match (at, line.strip_prefix(outcome)) {
            (0, Some(rest)) => format!("{}{rest}", paint.apply(style, outcome)),
            _ => line.clone(),
        };
        let _ = writeln!(out, "{line}");
    }
    for finding in &check.findings {
        let (word, style) = match finding.level {
            Level::Error => ("error", Style::Bad),
            Level::Warning => ("warning", Style::Bold),
            Level::Notice => ("note", Style::Dim),
        };
        let place = match (&finding.file, finding.line) {
            (Some(file), Some(line)) => format!("{}:{line}: ", escape::terminal(file, 200)),
            (Some(file), None) => format!("{}: ", escape::terminal(file, 200)),
            (None, _) => String::new(),
        };
        let message = escape::terminal(&finding.message, 1000);
        let text = format!("{word}: {place}{message} ({})", finding.rule);
        for (at, line) in wrap(&text, width.saturating_sub(2)).iter().enumerate() {
            let line = match (at, line.strip_prefix(word)) {
                (0, Some(rest)) => format!("{}{rest}", paint.apply(style, word)),
                _ => line.clone(),
            };
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_check_is_read_as_it_was() {
        let findings = RULES.map(|rule| Finding {
            level: Level::Warning,
            rule,
            scenario: "app".into(),
            variant: "worktree".into(),
            kind: Some(BuildKind::Incremental),
            message: "\u{1b}[31m::error::".into(),
            file: Some("Dockerfile".into()),
            line: Some(3),
        });
        let check = CheckView {
            outcome: CheckOutcome::Undecided,
            subject: "app/Dockerfile".into(),
            headline: "this against that".into(),
            findings: findings.to_vec(),
        };
        let mut json = serde_json::to_value(&check).unwrap();
        assert_eq!(json["outcome"], "undecided");
        let read: CheckView = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(read, check);
        // Of a later buildrace.
        json["findings"][0]["rule"] = "new".into();
        let read: CheckView = serde_json::from_value(json).unwrap();
        assert_eq!(read.findings[0].rule, "other");
    }
}
