//! What a race of the working tree with its base says to the gate.

use super::blame::{Blamed, cause};
use super::evidence::Evidence;
use super::failed::Sides;
use super::missed_slowdown::{missed, points_to_slowdown};
use super::settings::Settings;
use crate::explain::{Lines, diff::diff};
use crate::model::{Rules, RunEnd, RunRecord};
use crate::ops::explain::{explained, lines_of};
use crate::ops::race::Raced;
use crate::policy::Fatal;
use crate::report::explanation::{Grown, grown};
use crate::report::{CheckOutcome, CheckView, Finding, Level, Rule, number};
use crate::scenario::{AdhocDockerfile, read_file};
use crate::stats::{self, Basis, Ratio, Unjudged, Verdict};
use crate::verdict::{self, Assessment, Comparison};

/// What came of the race, for the gate.
///
/// # Errors
/// A trace is damaged.
pub(super) fn of_race(
    raced: &Raced,
    settings: &Settings,
    against: &str,
    dockerfile: &AdhocDockerfile,
) -> anyhow::Result<CheckView> {
    let stored = &raced.stored;
    let text = read_file(&dockerfile.path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let explained = explained(stored, None, |_, variant| {
        if variant.name == dockerfile.name {
            lines_of(&text)
        } else {
            Lines::default()
        }
    })?;
    let facts = Evidence {
        assessment: Assessment::of(&stored.run),
        explained: &explained,
        dockerfile: &dockerfile.shown,
    };
    Ok(check_view(&facts, raced.end, against, |fatal| {
        settings.is_fatal(fatal)
    }))
}

fn check_view(
    facts: &Evidence<'_>,
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
    let compared = facts.assessment.comparisons();
    let mut findings = Vec::new();
    let mut undecided = end != RunEnd::Completed;
    for found in compared {
        let failing = Sides::of(&facts.assessment, found);
        undecided |= found.is_gate && failing.bars_judgement();
        findings.extend(failing.findings(facts, found, level));
        if found.is_gate && facts.sees_no_edit(found) {
            let message = format!(
                "no {} build executed a step: nothing that is built sees the edit",
                found.kind
            );
            findings.push(facts.finding(found, Rule::Edit, Level::Warning, message));
        }
        // That a run which was stopped has too few rounds is no finding.
        let is_judged = found.verdict.is_some() || end == RunEnd::Completed;
        if !is_judged {
            continue;
        }
        if found.verdict.is_some() || found.ratio.is_some() {
            findings.push(verdict_on(facts, found, level));
        } else if found.is_gate && failing.is_unproven() {
            let message = format!("{} has no round that counts", found.kind);
            let fatal = Fatal::Unmeasured;
            findings.push(facts.finding(found, Rule::Fatal(fatal), level(fatal), message));
        }
    }
    findings.sort_by_key(|finding| finding.level);
    let is_error = |rules: &[Fatal]| {
        let mut errors = findings.iter().filter(|f| f.level == Level::Error);
        errors.any(|f| f.rule.fatal().is_some_and(|rule| rules.contains(&rule)))
    };
    undecided |= is_error(&[Fatal::Inconclusive, Fatal::Unmeasured]);
    let outcome = if is_error(&[Fatal::Slower, Fatal::Failed]) {
        CheckOutcome::Failed
    } else if undecided {
        CheckOutcome::Undecided
    } else {
        CheckOutcome::Passed
    };
    let gate = compared.iter().find(|found| found.is_gate);
    let told = match gate {
        Some(gate) => {
            let failed = Sides::of(&facts.assessment, gate).headline();
            failed.unwrap_or_else(|| describe(&facts.assessment.run.record, gate))
        }
        None => "nothing was compared".to_owned(),
    };
    let unfinished = match end {
        RunEnd::Completed => "",
        RunEnd::Interrupted | RunEnd::Aborted => ", unfinished",
    };
    CheckView {
        outcome,
        subject: facts.subject(),
        headline: format!("{against}: {told}{unfinished}"),
        findings,
    }
}

/// What the verdict on a kind means to the gate.
fn verdict_on(facts: &Evidence<'_>, found: &Comparison, level: impl Fn(Fatal) -> Level) -> Finding {
    let (rule, gravity) = match found.verdict {
        // No gate goes by so few rounds, or before the look that decides.
        None => (Rule::Fatal(Fatal::Unmeasured), level(Fatal::Unmeasured)),
        Some(Verdict::Slower) => (Rule::Fatal(Fatal::Slower), level(Fatal::Slower)),
        Some(Verdict::Inconclusive) => {
            let gravity = match level(Fatal::Inconclusive) {
                // A healthy change on a noisy machine is nothing to warn of.
                Level::Warning
                    if shows_no_slowdown(&facts.assessment.run.record.rules, found)
                        || !points_to_slowdown(found) =>
                {
                    Level::Notice
                }
                gravity => gravity,
            };
            (Rule::Fatal(Fatal::Inconclusive), gravity)
        }
        Some(Verdict::Same) => (Rule::Same, Level::Notice),
        Some(Verdict::Faster) => (Rule::Faster, Level::Notice),
    };
    let gravity = match (found.is_gate, found.verdict) {
        (true, _) => gravity,
        // The others are advisory.
        (false, Some(Verdict::Slower)) => Level::Warning,
        (false, _) => Level::Notice,
    };
    let culprit = match found.verdict {
        Some(Verdict::Slower) => culprit(facts, found),
        _ => None,
    };
    let missed = missed(found).filter(|_| found.is_gate);
    let why = culprit.as_ref().map(|grown| grown.sentence.clone());
    let why = why
        .or(missed)
        .map_or_else(String::new, |why| format!("; {why}"));
    Finding {
        line: culprit.as_ref().and_then(|grown| grown.line),
        file: culprit.map(|_| facts.dockerfile.to_owned()),
        ..facts.finding(
            found,
            rule,
            gravity,
            format!("{}{why}", describe(&facts.assessment.run.record, found)),
        )
    }
}

/// The step that grew most from the reference's typical build to the
/// candidate's.
fn culprit(facts: &Evidence<'_>, found: &Comparison) -> Option<Grown> {
    let reference = facts.reference();
    let typical = |variant: &str| {
        facts
            .explained
            .typical(&found.scenario, variant, found.kind)
    };
    let (first, candidate) = (typical(reference)?, typical(&found.candidate)?);
    let (first, second) = (&first.explanation, &candidate.explanation);
    let mut grown = grown(first, second, &diff(first, second))?;
    // What came from the cache before is executed for a reason of its own.
    if grown.lost_cache
        && let Some(cause) = cause(
            &Blamed::of(candidate, facts.explained, facts.assessment.run),
            grown.step,
        )
    {
        grown.sentence = format!("{}: {cause}", grown.sentence);
    }
    Some(grown)
}

/// `incremental is slower: +31% (+28…+35%), beyond δ=5%, 6 rounds`
fn describe(record: &RunRecord, found: &Comparison) -> String {
    let Some(ratio) = found.ratio else {
        return format!("{} has no round to compare", found.kind);
    };
    let delta = format!("δ={}", number::percentage(found.delta));
    let verdict = match found.verdict {
        Some(Verdict::Slower) => "slower",
        Some(Verdict::Faster) => "faster",
        Some(Verdict::Same) => "the same",
        Some(Verdict::Inconclusive) if shows_no_slowdown(&record.rules, found) => {
            "without a sign of a slow-down"
        }
        Some(Verdict::Inconclusive) => "inconclusive",
        None if matches!(found.unjudged(), Some(Unjudged::NotClear { .. })) => "not clear yet",
        None => "not judged: too few rounds",
    };
    // The estimate that the gate went by, of however few rounds.
    let estimate = if shows_no_slowdown(&record.rules, found) {
        let logs: Vec<f64> = found.log_ratios.values().copied().collect();
        stats::estimate(&logs)
    } else {
        None
    };
    let shown = Ratio {
        estimate: estimate.unwrap_or(ratio.estimate),
        ..ratio
    };
    // No gate goes by an interval of so few rounds, which assumes a good deal.
    let interval = match ratio.basis {
        Basis::SignedRank(_) => number::interval(&shown),
        Basis::OneRound | Basis::ModelBased => None,
    };
    let interval = interval.map_or_else(String::new, |text| format!(" [{text}]"));
    format!(
        "{} is {verdict}: {}{interval}, {delta}, {} round{}",
        found.kind,
        number::describe_comparison(&shown),
        ratio.n,
        if ratio.n == 1 { "" } else { "s" }
    )
}

fn shows_no_slowdown(rules: &Rules, found: &Comparison) -> bool {
    let logs: Vec<f64> = found.log_ratios.values().copied().collect();
    verdict::shows_no_slowdown(rules, &logs, found.delta)
}

#[cfg(test)]
mod tests {
    use super::super::evidence::parse_error;
    use super::*;
    use crate::explain::RunExplanation;
    use crate::model::{BuildKind, Outcome, Sample};
    use crate::model::{FUTILITY_ROUNDS, FailureRule, Stopping};
    use crate::report::fixture;

    /// A gate on incremental builds of so many rounds, in which the change
    /// takes so many times as long, and `change` is done to each sample.
    fn check(rounds: u32, ratio: f64, fatal: &[Fatal], change: impl Fn(&mut Sample)) -> CheckView {
        check_ended(RunEnd::Completed, rounds, ratio, fatal, change)
    }

    fn check_ended(
        end: RunEnd,
        rounds: u32,
        ratio: f64,
        fatal: &[Fatal],
        change: impl Fn(&mut Sample),
    ) -> CheckView {
        let (mut record, mut samples) =
            fixture::run(&[("base", [1.0; 4]), ("worktree", [ratio; 4])], rounds);
        record.rules.stopping = Stopping::Gate;
        record.rules.futility_rounds = Some(FUTILITY_ROUNDS);
        record.rules.failures = Some(FailureRule::LOOKS);
        samples.iter_mut().for_each(change);
        let run = fixture::of(&record, &samples);
        let facts = Evidence {
            assessment: Assessment::of(&run),
            explained: &RunExplanation::default(),
            dockerfile: "Dockerfile",
        };
        check_view(&facts, end, "this against that", |rule| {
            fatal.contains(&rule)
        })
    }

    /// Fails what a variant builds first, and so all that follows.
    fn break_chain(variant: &'static str, rounds: u32) -> impl Fn(&mut Sample) {
        move |sample| {
            if sample.slot.variant != variant || sample.slot.round > rounds {
                return;
            }
            match sample.slot.kind {
                BuildKind::Cold | BuildKind::CacheExport(_) | BuildKind::CiCache(..) => {}
                BuildKind::MultiArch => fixture::fail(sample, Outcome::Failed),
                BuildKind::Incremental
                | BuildKind::IncrementalOf(_)
                | BuildKind::Noop
                | BuildKind::Concurrent(_) => {
                    fixture::fail(sample, Outcome::Skipped);
                }
            }
        }
    }

    #[test]
    fn the_gate_in_every_state() {
        use CheckOutcome::{Failed, Passed, Undecided};
        let usual = Fatal::USUAL.as_slice();
        let nothing = |_: &mut Sample| {};
        let strict = [usual, &[Fatal::Inconclusive]].concat();
        // Slower, the same, faster; too few rounds.
        assert_eq!(check(6, 2.0, usual, nothing).outcome, Failed);
        assert_eq!(check(6, 2.0, &[], nothing).outcome, Passed);
        assert_eq!(check(6, 0.5, usual, nothing).outcome, Passed);
        assert_eq!(check(5, 2.0, usual, nothing).outcome, Undecided);
        assert_eq!(check(5, 2.0, &[Fatal::Slower], nothing).outcome, Passed);
        // Noise that points nowhere.
        let noisy = |sample: &mut Sample| {
            if sample.slot.variant == "worktree" && sample.slot.round.is_multiple_of(2) {
                sample.wall = sample.wall.mul_f64(1.4);
            } else if sample.slot.variant == "worktree" {
                sample.wall = sample.wall.mul_f64(0.7);
            }
        };
        assert_eq!(check(6, 1.0, usual, noisy).outcome, Passed);
        assert_eq!(check(6, 1.0, &strict, noisy).outcome, Undecided);
        // Who does not build, time after time or once.
        let repaired = check(3, 1.0, usual, break_chain("base", 9));
        assert_eq!(repaired.outcome, Passed, "{repaired:?}");
        assert!(repaired.headline.ends_with("repaired"), "{repaired:?}");
        assert_eq!(
            check(2, 1.0, usual, break_chain("base", 9)).outcome,
            Undecided
        );
        assert_eq!(
            check(6, 1.0, usual, break_chain("worktree", 9)).outcome,
            Failed
        );
        assert_eq!(
            check(6, 1.0, &[], break_chain("worktree", 9)).outcome,
            Passed
        );
        let both = |sample: &mut Sample| {
            break_chain("base", 9)(sample);
            break_chain("worktree", 9)(sample);
        };
        assert_eq!(check(6, 1.0, usual, both).outcome, Undecided);
        let flaky_base = |sample: &mut Sample| {
            break_chain("base", 1)(sample);
            break_chain("worktree", 9)(sample);
        };
        assert_eq!(check(6, 1.0, usual, flaky_base).outcome, Failed);
        // A flake that both have is nobody's doing.
        let flaky = |sample: &mut Sample| {
            break_chain("base", 1)(sample);
            break_chain("worktree", 1)(sample);
        };
        let found = check(7, 1.0, usual, flaky);
        assert_eq!(found.outcome, Passed, "{found:?}");
        // Nor is one that chance may have given to the change alone.
        let found = check(7, 1.0, usual, break_chain("worktree", 1));
        assert_eq!(found.outcome, Passed, "{found:?}");
        let failed = found
            .findings
            .iter()
            .find(|f| f.rule == Rule::Fatal(Fatal::Failed))
            .unwrap();
        assert_eq!(failed.level, Level::Warning);
        // What failed in two rounds is not believed, and did not pass.
        let found = check(2, 1.0, usual, break_chain("worktree", 9));
        assert_eq!(found.outcome, Undecided, "{found:?}");
        // Where it fails more often than chance, though not always.
        let often = |sample: &mut Sample| {
            if sample.slot.round.is_multiple_of(2) {
                break_chain("worktree", 12)(sample);
            }
        };
        let found = check(12, 1.0, usual, often);
        assert_eq!(found.outcome, Failed, "{found:?}");
        assert!(found.headline.contains("fail more often"), "{found:?}");
        // Kinds that the gate does not go by are advisory.
        let cold = |sample: &mut Sample| {
            if sample.slot.variant == "worktree" && sample.slot.kind == BuildKind::Cold {
                fixture::fail(sample, Outcome::Failed);
            }
        };
        assert_eq!(check(6, 1.0, usual, cold).outcome, Passed);
    }

    #[test]
    fn a_gate_that_ends_after_three_rounds_passes() {
        let found = check(3, 0.95, Fatal::USUAL.as_slice(), |_| {});
        assert_eq!(found.outcome, CheckOutcome::Passed, "{found:?}");
        assert!(found.headline.contains("without a sign"), "{found:?}");
        // Three rounds have no interval that a gate could go by.
        assert!(!found.headline.contains('['), "{found:?}");
        // One wild round is in their mean, and not in what the gate goes by.
        let wild = |sample: &mut Sample| {
            if sample.slot.variant == "worktree" && sample.slot.round == 2 {
                sample.wall = sample.wall.mul_f64(2.2);
            }
        };
        let found = check(5, 0.9, Fatal::USUAL.as_slice(), wild);
        assert_eq!(found.outcome, CheckOutcome::Passed, "{found:?}");
        let gate = |f: &&Finding| f.kind == Some(BuildKind::Incremental);
        let level = found.findings.iter().find(gate).map(|f| f.level);
        assert_eq!(level, Some(Level::Notice), "{found:?}");
        let found = check(3, 1.2, Fatal::USUAL.as_slice(), |_| {});
        assert_eq!(found.outcome, CheckOutcome::Undecided, "{found:?}");
    }

    #[test]
    fn what_was_stopped_has_no_finding_of_too_few_rounds() {
        let usual = Fatal::USUAL.as_slice();
        let found = check_ended(RunEnd::Interrupted, 1, 2.0, usual, |_| {});
        assert_eq!(found.outcome, CheckOutcome::Undecided, "{found:?}");
        assert!(found.headline.ends_with("1 round, unfinished"), "{found:?}");
        assert_eq!(found.findings, []);
        let found = check(1, 2.0, usual, |_| {});
        assert_eq!(found.findings[0].rule, Rule::Fatal(Fatal::Unmeasured));
    }

    #[test]
    fn a_line_that_buildkit_cannot_read_is_that_of_the_finding() {
        let message = "dockerfile parse error on line 12: unknown instruction: RUNN";
        assert_eq!(parse_error(message), Some(12));
        assert_eq!(parse_error("dockerfile parse error line 3: x"), Some(3));
        assert_eq!(parse_error("make: *** line 2: x"), None);
        assert_eq!(parse_error("dockerfile parse error on line x"), None);
    }

    #[test]
    fn a_failure_is_told_by_the_build_that_failed() {
        let found = check(3, 1.0, Fatal::USUAL.as_slice(), break_chain("worktree", 9));
        assert_eq!(
            found.headline,
            "this against that: worktree does not build in incremental"
        );
        let failed = found
            .findings
            .iter()
            .find(|f| f.rule == Rule::Fatal(Fatal::Failed))
            .unwrap();
        assert!(failed.message.contains("exit code 2"), "{}", failed.message);
        assert!(
            failed.message.contains("RUN go build"),
            "{}",
            failed.message
        );
        // The end of its log, with nothing in it that a terminal would obey.
        let log = "undefined\\x1b[0m: fmt.Printn";
        assert!(failed.message.contains(log), "{}", failed.message);
        assert!(failed.message.contains("3 of 3"), "{}", failed.message);
        assert_eq!(failed.file.as_deref(), Some("Dockerfile"));
    }
}
