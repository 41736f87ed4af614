//! What a gate found, as reports and CI formats show it beside the run.

use std::fmt::Write;

use super::paint::{Paint, Style};
use super::wrap::wrap;
use crate::escape;
use crate::model::BuildKind;

/// The outcome of a check. All texts may hold text from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub level: Level,
    /// What was looked at: `slower`, `failed`, `inconclusive`, `emulated-steps`, …
    pub rule: &'static str,
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

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
