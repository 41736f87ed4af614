//! What a gate found, as reports and CI formats show it beside the run.

use crate::model::BuildKind;

/// The outcome of a check. All texts may hold text from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckView {
    /// Whether the gate is open.
    pub outcome: CheckOutcome,
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
