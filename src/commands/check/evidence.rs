//! What a check has to judge a change by.

use crate::explain::RunExplanation;
use crate::model::{Outcome, Sample};
use crate::policy::Fatal;
use crate::report::{Finding, Level, Rule};
use crate::verdict::{Assessment, Comparison};

/// What is judged.
pub(super) struct Evidence<'a> {
    pub(super) assessment: Assessment<'a>,
    pub(super) explained: &'a RunExplanation,
    pub(super) dockerfile: &'a str,
}

impl Evidence<'_> {
    pub(super) fn reference(&self) -> &str {
        let mut scenarios = self.assessment.run.record.scenarios.iter();
        scenarios.next().map_or("", |scenario| &scenario.reference)
    }

    /// What stays the same from check to check of the same thing.
    pub(super) fn subject(&self) -> String {
        let mut scenarios = self.assessment.run.record.scenarios.iter();
        let name = scenarios.next().map_or("", |scenario| &scenario.name);
        format!("{name}/{}", self.dockerfile)
    }

    /// Whether an incremental build is but a noop, on both sides.
    pub(super) fn sees_no_edit(&self, found: &Comparison) -> bool {
        let of_scenario = self.assessment.run.of_scenario(&found.scenario);
        let of_kind = of_scenario.filter(|sample| sample.slot.kind == found.kind);
        let mut built = of_kind.filter(|s| s.outcome == Outcome::Ok).peekable();
        found.kind.is_edited()
            && built.peek().is_some()
            && built.all(|sample| sample.cached_steps >= sample.steps)
    }

    /// The line of the step at which a sample failed, or that BuildKit could not
    /// read, where it is known.
    pub(super) fn line(&self, sample: &Sample) -> Option<usize> {
        let failure = sample.failure.as_ref()?;
        if let Some(line) = parse_error(&failure.message) {
            return Some(line);
        }
        let step = failure.step.as_ref()?;
        let explained = self.explained.sample(&sample.slot.id)?;
        let mut steps = explained.explanation.steps.iter();
        steps.find(|found| found.name == *step)?.line
    }

    pub(super) fn finding(
        &self,
        found: &Comparison,
        rule: Rule,
        level: Level,
        message: String,
    ) -> Finding {
        Finding {
            level,
            rule,
            scenario: found.scenario.clone(),
            variant: found.candidate.clone(),
            kind: Some(found.kind),
            message,
            file: (rule == Rule::Fatal(Fatal::Failed)).then(|| self.dockerfile.to_owned()),
            line: None,
        }
    }
}

/// The line of `dockerfile parse error on line 2: unknown instruction: RUNN`.
pub(super) fn parse_error(message: &str) -> Option<usize> {
    let (_, told) = message.split_once("dockerfile parse error")?;
    let (_, told) = told.split_once("line ")?;
    let end = told.find(|c: char| !c.is_ascii_digit());
    told.get(..end.unwrap_or(told.len()))?.parse().ok()
}
