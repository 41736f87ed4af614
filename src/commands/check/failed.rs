//! What a gate says of builds that failed.

use super::evidence::Evidence;
use crate::escape;
use crate::model::BuildKind;
use crate::policy::Fatal;
use crate::report::{Finding, Level, Rule, number};
use crate::stats::share_interval;
use crate::verdict::{self, Assessment, Comparison, Failures, Tries};

/// Lines of a failed step's log that are told, and characters of each.
const LOG_LINES: usize = 3;
const LOG_WIDTH: usize = 100;
/// Characters of an instruction and of a message.
const TEXT: usize = 160;

/// Both sides' failures of a kind.
pub(super) struct Sides<'a> {
    base: &'a str,
    change: String,
    kind: BuildKind,
    is_gate: bool,
    /// How many builds must fail alike until they are believed.
    believed: u32,
    found: Option<Failures<'a>>,
}

impl<'a> Sides<'a> {
    /// Those of what is compared.
    pub fn of(assessment: &Assessment<'a>, compared: &Comparison) -> Self {
        let run = assessment.run;
        let scenario = run.scenario(&compared.scenario);
        let (candidate, kind) = (compared.candidate.as_str(), compared.kind);
        Self {
            base: scenario.map_or("", |scenario| &scenario.reference),
            change: candidate.to_owned(),
            kind,
            is_gate: compared.is_gate,
            believed: run.record.rules.failures_believed(),
            found: scenario.map(|s| assessment.failures(s, candidate, kind)),
        }
    }

    fn verdict(&self) -> verdict::Failing {
        let found = self.found.as_ref();
        found.map_or(verdict::Failing::Unproven, |found| found.said)
    }

    /// Whether they decide nothing.
    pub fn is_unproven(&self) -> bool {
        self.verdict() == verdict::Failing::Unproven
    }

    /// Whether there is nothing to judge the change by: neither side builds, or
    /// what it is compared with never did, too seldom to be believed.
    pub fn bars_judgement(&self) -> bool {
        match self.verdict() {
            verdict::Failing::NeitherBuilds => true,
            verdict::Failing::Unproven => {
                let found = self.found.as_ref();
                found.is_some_and(|found| found.reference.never_good())
            }
            _ => false,
        }
    }

    /// What a check says in a line, where failures decide it.
    pub fn headline(&self) -> Option<String> {
        let Self {
            base, change, kind, ..
        } = self;
        let never = |tries: &Tries<'_>| tries.never_good();
        Some(match self.verdict() {
            verdict::Failing::DoesNotBuild => format!("{change} does not build in {kind}"),
            verdict::Failing::MoreOften { .. } => {
                format!("{kind} builds of {change} fail more often than those of {base}")
            }
            verdict::Failing::Repaired => {
                format!("{change} builds in {kind}, and {base} does not: repaired")
            }
            verdict::Failing::NeitherBuilds => {
                format!("neither {base} nor {change} builds in {kind}")
            }
            verdict::Failing::Unproven => match &self.found {
                Some(found) if never(&found.reference) => {
                    format!("{base} did not build in {kind}")
                }
                Some(found) if never(&found.candidate) => {
                    format!("{change} did not build in {kind}, too seldom to be believed")
                }
                _ => return None,
            },
        })
    }

    /// What the check finds in them.
    pub fn findings(
        &self,
        facts: &Evidence<'_>,
        compared: &Comparison,
        level: impl Fn(Fatal) -> Level,
    ) -> Vec<Finding> {
        let Some(Failures {
            reference,
            candidate,
            said,
        }) = &self.found
        else {
            return Vec::new();
        };
        // Kinds that the gate does not go by are advisory.
        let grave = match self.is_gate {
            true => level(Fatal::Failed),
            false => Level::Warning,
        };
        let (base, kind) = (self.base, self.kind);
        let of_change = self.counted(&self.change, candidate);
        let of_base = self.counted(base, reference);
        let (message, level) = match said {
            verdict::Failing::DoesNotBuild => (format!("{of_change}, {of_base}"), grave),
            verdict::Failing::MoreOften { p } => (
                format!(
                    "{of_change}, {of_base}; by chance with a probability of {}",
                    match *p {
                        p if p < 0.001 => "less than 0.1%".to_owned(),
                        p => number::percentage(p),
                    }
                ),
                grave,
            ),
            verdict::Failing::NeitherBuilds | verdict::Failing::Repaired => {
                (of_change, Level::Warning)
            }
            verdict::Failing::Unproven if candidate.never_good() => (
                format!(
                    "{of_change}, {of_base}; it takes {} that fail alike to be believed",
                    self.believed
                ),
                Level::Warning,
            ),
            verdict::Failing::Unproven => (
                format!("{of_change}, {of_base}: no more than chance shows{}", {
                    let share = share_interval(candidate.failed, candidate.all());
                    share.map_or_else(String::new, |share| {
                        format!(
                            " (true share {}…{} at 95%)",
                            number::percentage(share.low),
                            number::percentage(share.high)
                        )
                    })
                }),
                Level::Warning,
            ),
        };
        let mut findings = Vec::new();
        if *said == verdict::Failing::Repaired {
            let message = format!(
                "{base} does not build in {kind}, and {} does: there is nothing to be slower than",
                self.change
            );
            findings.push(facts.finding(compared, Rule::Repaired, Level::Notice, message));
        }
        if reference.failed > 0 {
            let message = self.counted(base, reference);
            let gravity = match said {
                verdict::Failing::Repaired => Level::Notice,
                _ if reference.never_good() => Level::Warning,
                _ => Level::Notice,
            };
            let told = format!("{message}{}", why(reference));
            findings.push(facts.finding(compared, Rule::BaseFailed, gravity, told));
        }
        if candidate.failed > 0 {
            let told = format!("{message}{}", why(candidate));
            findings.push(Finding {
                line: candidate.first.and_then(|sample| facts.line(sample)),
                ..facts.finding(compared, Rule::Fatal(Fatal::Failed), level, told)
            });
        }
        findings
    }

    /// `3 of 3 cold builds of worktree failed alike`
    fn counted(&self, name: &str, tries: &Tries<'_>) -> String {
        let (failed, all, kind) = (tries.failed, tries.all(), self.kind);
        let outcome = match tries.first {
            Some(first) => first.outcome.as_str(),
            None => "failed",
        };
        let alike = if tries.failed > 1 && tries.always_alike() {
            " alike"
        } else {
            ""
        };
        format!("{failed} of {all} {kind} builds of {name} {outcome}{alike}")
    }
}

/// `, at RUN make: … ended with exit code 2; log: "…", "…"`, on one line.
fn why(tries: &Tries<'_>) -> String {
    let Some(failure) = tries.first.and_then(|sample| sample.failure.as_ref()) else {
        return String::new();
    };
    let step = failure.step.as_deref().map_or_else(String::new, |step| {
        format!(", at {}", escape::terminal(step, TEXT))
    });
    let message = match (&failure.step, failure.exit_code) {
        // The message is the step's name again.
        (Some(_), Some(code)) => format!("exit code {code}"),
        _ => escape::terminal(&failure.message, TEXT),
    };
    let lines = failure.log_tail.iter().map(|line| line.trim());
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
    let last = last.iter().map(|line| escape::terminal(line, LOG_WIDTH));
    let log: Vec<String> = last.collect();
    let log = match log.as_slice() {
        [] => String::new(),
        log => format!("; its log ends: {}", log.join(" | ")),
    };
    format!("{step}: {message}{log}")
}
