//! What a race of the working tree with its base says to the gate.

use super::super::explain::{explained, lines_of};
use super::super::race::Raced;
use super::settings::Settings;
use crate::explain::{Lines, RunExplanation, diff::diff};
use crate::model::{Outcome, RunRecord, Sample};
use crate::policy::Fatal;
use crate::race::RunEnd;
use crate::report::explain::{Grown, grown};
use crate::report::{CheckOutcome, CheckView, Finding, Level, number};
use crate::scenario::OwnDockerfile;
use crate::stats::{Ratio, Verdict};
use crate::verdict::{self, Comparison};

/// What came of the race, for the gate.
///
/// # Errors
/// A trace is damaged.
pub(super) fn of_race(
    raced: &Raced,
    settings: &Settings,
    against: &str,
    dockerfile: &OwnDockerfile,
) -> anyhow::Result<CheckView> {
    let run = &raced.stored;
    let text = std::fs::read_to_string(&dockerfile.path).unwrap_or_default();
    let explained = explained(run, None, |_, variant| {
        if variant.name == dockerfile.name {
            lines_of(&text)
        } else {
            Lines::default()
        }
    })?;
    let facts = Facts {
        record: &run.record,
        samples: &run.samples,
        explained: &explained,
        dockerfile: &dockerfile.shown,
    };
    Ok(judged(&facts, raced.end, against, |fatal| {
        settings.is_fatal(fatal)
    }))
}

/// What is judged.
struct Facts<'a> {
    record: &'a RunRecord,
    samples: &'a [Sample],
    explained: &'a RunExplanation,
    dockerfile: &'a str,
}

fn judged(
    facts: &Facts<'_>,
    end: RunEnd,
    against: &str,
    is_fatal: impl Fn(Fatal) -> bool,
) -> CheckView {
    let level = |fatal| {
        if is_fatal(fatal) {
            Level::Error
        } else {
            Level::Warning
        }
    };
    let compared = verdict::comparisons(facts.record, facts.samples);
    let mut findings = Vec::new();
    for found in &compared {
        findings.extend(failed(facts, found, level(Fatal::Failed)));
        findings.extend(judged_kind(facts, found, level));
    }
    findings.sort_by_key(|finding| finding.level);
    let gate = compared.iter().find(|found| found.is_gate);
    let reference_failed = gate.is_some_and(|gate| all_failed(facts, gate, true));
    let is_error = |rules: &[&str]| {
        let mut findings = findings.iter();
        findings.any(|f| f.level == Level::Error && rules.contains(&f.rule))
    };
    let outcome = if is_error(&["slower", "failed"]) {
        CheckOutcome::Failed
    } else if end != RunEnd::Completed || reference_failed || is_error(&["inconclusive"]) {
        CheckOutcome::Undecided
    } else {
        CheckOutcome::Passed
    };
    let told = match gate {
        Some(gate) if reference_failed => {
            format!("{} does not build in {}", gate_reference(facts), gate.kind)
        }
        Some(gate) if all_failed(facts, gate, false) => {
            format!("{} does not build in {}", gate.candidate, gate.kind)
        }
        Some(gate) => told(gate),
        None => "nothing was compared".to_owned(),
    };
    let unfinished = if end == RunEnd::Completed {
        ""
    } else {
        ", unfinished"
    };
    CheckView {
        outcome,
        headline: format!("{against}: {told}{unfinished}"),
        findings,
    }
}

fn gate_reference(facts: &Facts<'_>) -> String {
    let mut scenarios = facts.record.scenarios.iter();
    scenarios
        .next()
        .map(|scenario| scenario.reference.clone())
        .unwrap_or_default()
}

/// Samples of a comparison's kind: of its reference, or of its candidate.
fn samples_of<'a>(
    facts: &'a Facts<'_>,
    found: &'a Comparison,
    reference: bool,
) -> impl Iterator<Item = &'a Sample> {
    let reference_name = gate_reference(facts);
    facts.samples.iter().filter(move |sample| {
        let is_of = if reference {
            sample.variant == reference_name
        } else {
            sample.variant == found.candidate
        };
        is_of && sample.scenario == found.scenario && sample.kind == found.kind
    })
}

fn all_failed(facts: &Facts<'_>, found: &Comparison, reference: bool) -> bool {
    let mut samples = samples_of(facts, found, reference).peekable();
    samples.peek().is_some() && samples.all(|sample| is_failure(sample.outcome))
}

fn is_failure(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Failed | Outcome::TimedOut)
}

/// Builds of the candidate that failed, where those of the reference did not.
fn failed(facts: &Facts<'_>, found: &Comparison, level: Level) -> Option<Finding> {
    let count = |reference| {
        let mut samples = 0;
        let failed = samples_of(facts, found, reference)
            .inspect(|_| samples += 1)
            .filter(|sample| is_failure(sample.outcome))
            .count();
        (failed, samples)
    };
    let ((failed, samples), (before, _)) = (count(false), count(true));
    if failed == 0 {
        return None;
    }
    let first = samples_of(facts, found, false).find(|sample| is_failure(sample.outcome))?;
    let failure = first.failure.as_ref();
    let step = failure
        .and_then(|failure| failure.step.as_ref())
        .map_or_else(String::new, |step| format!(", at {step}"));
    let why = failure.map_or_else(String::new, |failure| format!(": {}", failure.message));
    Some(Finding {
        // What failed before the change, too, is not its doing.
        level: if before > 0 { Level::Warning } else { level },
        rule: "failed",
        scenario: found.scenario.clone(),
        variant: found.candidate.clone(),
        kind: Some(found.kind),
        message: format!(
            "{failed} of {samples} {} builds of {} {}{step}{why}",
            found.kind,
            found.candidate,
            first.outcome.as_str(),
        ),
        file: Some(facts.dockerfile.to_owned()),
        line: None,
    })
}

/// What the verdict on a kind means to the gate.
fn judged_kind(
    facts: &Facts<'_>,
    found: &Comparison,
    level: impl Fn(Fatal) -> Level,
) -> Option<Finding> {
    let verdict = match found.verdict {
        Some(verdict) => verdict,
        // Too few rounds for a verdict: no gate goes by them.
        None => Verdict::Inconclusive,
    };
    let (rule, gravity) = match verdict {
        Verdict::Slower => ("slower", level(Fatal::Slower)),
        Verdict::Inconclusive => ("inconclusive", level(Fatal::Inconclusive)),
        Verdict::Same | Verdict::Faster => (verdict.as_str(), Level::Notice),
    };
    // What failed in every round is told as that.
    let is_told = found.ratio.is_some() || (found.is_gate && !all_failed(facts, found, false));
    if !is_told {
        return None;
    }
    let gravity = match (found.is_gate, verdict) {
        (true, _) => gravity,
        // The others are advisory.
        (false, Verdict::Slower) => Level::Warning,
        (false, _) => Level::Notice,
    };
    let culprit = match verdict {
        Verdict::Slower => culprit(facts, found),
        _ => None,
    };
    let why = culprit
        .as_ref()
        .map_or_else(String::new, |grown| format!("; {}", grown.sentence));
    Some(Finding {
        level: gravity,
        rule,
        scenario: found.scenario.clone(),
        variant: found.candidate.clone(),
        kind: Some(found.kind),
        message: format!("{}{why}", told(found)),
        line: culprit.as_ref().and_then(|grown| grown.line),
        file: culprit.map(|_| facts.dockerfile.to_owned()),
    })
}

/// The step that grew most from the reference's typical build to the
/// candidate's.
fn culprit(facts: &Facts<'_>, found: &Comparison) -> Option<Grown> {
    let reference = gate_reference(facts);
    let typical = |variant: &str| {
        let found = facts
            .explained
            .typical(&found.scenario, variant, found.kind)?;
        Some(&found.explanation)
    };
    let (first, second) = (typical(&reference)?, typical(&found.candidate)?);
    grown(first, second, &diff(first, second))
}

/// `incremental is slower: +31% (+28…+35%), beyond δ=5%, 6 rounds`
fn told(found: &Comparison) -> String {
    let Some(ratio) = found.ratio else {
        return format!("{} has no round to compare", found.kind);
    };
    let delta = format!("δ={}", number::percentage(found.delta));
    let verdict = match found.verdict {
        Some(Verdict::Slower) => "slower",
        Some(Verdict::Faster) => "faster",
        Some(Verdict::Same) => "the same",
        Some(Verdict::Inconclusive) if points_nowhere(&ratio, found.delta) => {
            "not slower, as far as can be told"
        }
        Some(Verdict::Inconclusive) => "neither clearly slower nor clearly not",
        None => "not judged, for too few rounds",
    };
    let interval = number::interval(&ratio).map_or_else(String::new, |text| format!(" [{text}]"));
    format!(
        "{} is {verdict}: {}{interval}, {delta}, {} rounds",
        found.kind,
        number::comparison(ratio.estimate),
        ratio.n
    )
}

fn points_nowhere(ratio: &Ratio, delta: f64) -> bool {
    ratio.estimate <= (1.0 + delta).sqrt()
}
