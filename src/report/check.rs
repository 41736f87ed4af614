//! What a check found, as reports and CI formats show it beside the run.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::paint::{Paint, Style};
use super::wrap::wrap;
use crate::escape;
use crate::model::BuildKind;
use crate::policy::Fatal;

/// The outcome of a check. All texts may hold text from outside. `check.json`
/// of a run holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    /// Whether the check passed.
    pub outcome: CheckOutcome,
    /// What is checked, the same from check to check, so that a comment can be
    /// found again.
    pub subject: String,
    /// One sentence, without its full stop: what was compared with what, and
    /// what came of it.
    pub headline: String,
    /// Everything worth reporting, what decided first.
    pub findings: Vec<Finding>,
}

/// Whether a check passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckOutcome {
    /// No finding is fatal.
    Passed,
    /// There is a regression.
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

    /// As the end of a heading.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Passed => "the check passed",
            Self::Failed => "the check failed",
            Self::Undecided => "the check is undecided",
        }
    }
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How grave the finding is.
    pub level: Level,
    /// What was checked.
    pub rule: Rule,
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the variant that is at fault.
    pub variant: String,
    /// The kind of build, where it is of one.
    pub kind: Option<BuildKind>,
    /// One sentence, without its full stop.
    pub message: String,
    /// The Dockerfile to blame, relative to the repository.
    pub file: Option<String>,
    /// The line of the Dockerfile, from 1.
    pub line: Option<usize>,
}

/// What a finding is about. Its word stands in reports and in `check.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "&'static str")]
pub enum Rule {
    /// A rule that fails the check, if the policy says so.
    Fatal(Fatal),
    /// Builds of what the change is compared with failed.
    BaseFailed,
    /// The edit of incremental builds reaches no step.
    Edit,
    /// The change is faster.
    Faster,
    /// The baseline has no times of this kind of build.
    NoBaseline,
    /// The change brings another policy.
    Policy,
    /// The change builds, and what it is compared with does not.
    Repaired,
    /// The change is neither faster nor slower.
    Same,
    /// Times of different runs, which are not judged.
    Times,
    /// A rule of a later buildrace, by whatever word.
    Other,
}

impl Rule {
    /// Those that no policy can make fatal, but for [`Self::Other`].
    const HARMLESS: [Self; 8] = [
        Self::BaseFailed,
        Self::Edit,
        Self::Faster,
        Self::NoBaseline,
        Self::Policy,
        Self::Repaired,
        Self::Same,
        Self::Times,
    ];

    /// The word used in reports and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fatal(fatal) => fatal.as_str(),
            Self::BaseFailed => "base-failed",
            Self::Edit => "edit",
            Self::Faster => "faster",
            Self::NoBaseline => "no-baseline",
            Self::Policy => "policy",
            Self::Repaired => "repaired",
            Self::Same => "same",
            Self::Times => "times",
            Self::Other => "other",
        }
    }

    /// What a policy calls it, where it can fail the check.
    pub fn fatal(self) -> Option<Fatal> {
        match self {
            Self::Fatal(fatal) => Some(fatal),
            _ => None,
        }
    }

    fn known() -> impl Iterator<Item = Self> {
        let fatal = Fatal::ALL.into_iter().map(Self::Fatal);
        fatal.chain(Self::HARMLESS)
    }
}

impl From<String> for Rule {
    fn from(word: String) -> Self {
        let found = Self::known().find(|rule| rule.as_str() == word);
        found.unwrap_or(Self::Other)
    }
}

impl From<Rule> for &'static str {
    fn from(rule: Rule) -> Self {
        rule.as_str()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// It fails the check.
    Error,
    /// It would fail the check under a stricter policy.
    Warning,
    /// It is good to know.
    Notice,
}

impl Level {
    /// The word used in reports and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
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
        let findings = Rule::known().map(|rule| Finding {
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
            findings: findings.collect(),
        };
        let mut json = serde_json::to_value(&check).unwrap();
        assert_eq!(json["outcome"], "undecided");
        assert_eq!(json["findings"][0]["rule"], "slower");
        let read: CheckView = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(read, check);
        // Of a later buildrace.
        json["findings"][0]["rule"] = "new".into();
        let read: CheckView = serde_json::from_value(json).unwrap();
        assert_eq!(read.findings[0].rule, Rule::Other);
    }
}
