//! `junit`: JUnit's XML, which nearly every CI system shows.
//!
//! There is no single definition of it. This keeps to `junit-10.xsd` of
//! Jenkins' xUnit plugin (jenkinsci/xunit-plugin, `src/main/resources/org/
//! jenkinsci/plugins/xunit/types/model/xsd/`), which that plugin holds files
//! to before it reads them.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::super::check::{CheckOutcome, CheckView, Finding, Level};
use super::super::number;
use super::super::view::{FailureView, View};
use super::rows::{Row, is_failure, names, rows, unique};
use crate::escape::{self, MAX_CHARS};
use crate::stats::Basis;

/// Failed samples described in one test case.
const MAX_FAILURES: usize = 3;
/// Lines of a failed step's log.
const MAX_LOG_LINES: usize = 20;
/// What stands for a check where nothing else fails.
const CHECK: &str = "check";

/// A test suite a scenario, a test case for each variant and kind of build.
/// A case fails where a check failed by it, and errs where builds failed.
pub(super) fn junit(view: &View, check: Option<&CheckView>) -> String {
    let mut report = Report::new("buildrace");
    let rows = rows(view);
    let suite_names = names(view.scenarios.iter().map(|scenario| &scenario.name));
    let mut gone_wrong = Wrong::new(check);
    for (scenario, name) in view.scenarios.iter().zip(&suite_names) {
        let of_scenario = rows.iter().filter(|row| row.scenario_name == *name);
        let of_scenario: Vec<&Row<'_>> = of_scenario.collect();
        let mut suite = suite(view, name, scenario.spent);
        let case_names = of_scenario
            .iter()
            .map(|row| format!("{} {}", row.variant_name, row.kind));
        // Those of cases that a check adds are taken too.
        let added = gone_wrong.elsewhere(view, &scenario.name);
        let added_names = added.iter().map(|finding| {
            let variant = escape::terminal(&finding.variant, super::rows::MAX_NAME);
            let kind = finding.kind.map_or_else(String::new, |k| format!(" {k}"));
            format!("{variant}{kind} {}", finding.rule)
        });
        let mut case_names = unique(case_names.chain(added_names)).into_iter();
        for row in of_scenario {
            let status = gone_wrong.of(row).map(|found| failure(view, found, row));
            let status = status.unwrap_or_else(|| built(view, row));
            let mut case = TestCase::new(case_names.next().unwrap_or_default(), status);
            case.set_classname(name.as_str());
            case.time = row.times().and_then(|times| duration(times.median));
            if row.times().is_some() {
                case.set_system_out(figures(row));
            }
            suite.add_test_case(case);
        }
        for (finding, case_name) in added.into_iter().zip(case_names) {
            let status = non_success(finding.rule.as_str(), &finding.message, &place(finding));
            let mut case = TestCase::new(case_name, status);
            case.set_classname(name.as_str());
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    report.add_test_suites(gone_wrong.left_over(view));
    let xml = report
        .to_string()
        .expect("texts without control characters are always XML");
    // `junit-10.xsd` knows `skipped` of a suite only.
    xml.replacen(&format!(" skipped=\"{}\"", report.skipped), "", 1)
}

fn suite(view: &View, name: &str, seconds: f64) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.time = duration(seconds);
    let started = view.started.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    suite.extra.insert("timestamp".into(), started.into());
    suite
}

/// What a check found to be wrong.
struct Wrong<'a> {
    check: Option<&'a CheckView>,
    /// Whether any case so far shows that the check failed.
    shown: bool,
}

impl<'a> Wrong<'a> {
    fn new(check: Option<&'a CheckView>) -> Self {
        Self {
            check,
            shown: false,
        }
    }

    fn errors(&self) -> impl Iterator<Item = &'a Finding> + use<'a> {
        let findings = self.check.map(|check| check.findings.iter());
        let findings = findings.into_iter().flatten();
        findings.filter(|finding| finding.level == Level::Error)
    }

    /// What fails the check in the builds of a row.
    fn of(&mut self, row: &Row<'_>) -> Option<&'a Finding> {
        let found = self.errors().find(|finding| is_of(finding, row));
        self.shown |= found.is_some();
        found
    }

    /// What fails it by anything else in a scenario: all findings but the
    /// first of each case.
    fn elsewhere(&mut self, view: &View, scenario: &str) -> Vec<&'a Finding> {
        let rows = rows(view);
        let firsts: Vec<&Finding> = rows
            .iter()
            .filter_map(|row| self.errors().find(|finding| is_of(finding, row)))
            .collect();
        let rest = self.errors().filter(|finding| {
            let is_first = firsts.iter().any(|first| std::ptr::eq(*first, *finding));
            finding.scenario == scenario && !is_first
        });
        let rest: Vec<&Finding> = rest.collect();
        self.shown |= !rest.is_empty();
        rest
    }

    /// A suite for the check itself, where nothing above says what came of it.
    fn left_over(&self, view: &View) -> Option<TestSuite> {
        let check = self.check?;
        let passed = check.outcome == CheckOutcome::Passed;
        // Readers take a report without a case for a mistake.
        if self.shown || (passed && !view.scenarios.is_empty()) {
            return None;
        }
        let mut suite = suite(view, CHECK, 0.0);
        let outcome = check.outcome.as_str();
        let text = check.outcome.describe();
        let status = if passed {
            TestCaseStatus::success()
        } else {
            non_success(outcome, &check.headline, text)
        };
        let mut case = TestCase::new(CHECK, status);
        case.set_classname(CHECK);
        suite.add_test_case(case);
        Some(suite)
    }
}

fn is_of(finding: &Finding, row: &Row<'_>) -> bool {
    finding.kind == Some(row.kind)
        && finding.scenario == row.scenario.name
        && finding.variant == row.variant.name
}

fn failure(view: &View, finding: &Finding, row: &Row<'_>) -> TestCaseStatus {
    let parts = [figures(row), place(finding), failed(&failures(view, row))];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    non_success(finding.rule.as_str(), &finding.message, &parts.join("\n"))
}

fn non_success(rule: &str, message: &str, text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status
        .set_type(rule)
        .set_message(escape::terminal(message, MAX_CHARS))
        .set_description(text);
    status
}

fn place(finding: &Finding) -> String {
    let file = finding.file.as_deref();
    let file = file.map(|file| escape::terminal(file, MAX_CHARS));
    match (file, finding.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file,
        (None, _) => String::new(),
    }
}

/// Its builds that failed by themselves.
fn failures<'a>(view: &'a View, row: &Row<'_>) -> Vec<&'a FailureView> {
    let failures = view.failures.iter().filter(|failure| {
        failure.scenario == row.scenario.name
            && failure.variant == row.variant.name
            && failure.kind == row.kind
            && is_failure(failure.outcome)
    });
    failures.collect()
}

/// How its builds ended, as far as no check is concerned.
fn built(view: &View, row: &Row<'_>) -> TestCaseStatus {
    let failures = failures(view, row);
    if let Some(first) = failures.first() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status
            .set_type(first.outcome.to_string())
            .set_message(escape::terminal(&first.failure.message, MAX_CHARS))
            .set_description(failed(&failures));
        return status;
    }
    if row.times().is_some() {
        return TestCaseStatus::success();
    }
    let mut status = TestCaseStatus::skipped();
    let why = row.variant.failed(row.kind);
    status.set_message(why.map_or_else(|| "no sample".to_owned(), |o| o.to_string()));
    status
}

/// The failed samples: step, exit code and the end of the log.
fn failed(failures: &[&FailureView]) -> String {
    let line = |text: &str| escape::terminal(text, MAX_CHARS);
    let mut lines = Vec::new();
    for failure in failures.iter().take(MAX_FAILURES) {
        lines.push(format!(
            "round {}: {} after {}: {}",
            failure.round,
            failure.outcome,
            number::seconds(failure.seconds),
            line(&failure.failure.message)
        ));
        let step = failure.failure.step.as_deref();
        lines.extend(step.map(|step| format!("step: {}", line(step))));
        let exit = failure.failure.exit_code;
        lines.extend(exit.map(|exit| format!("exit code: {exit}")));
        let log = &failure.failure.log_tail;
        let log = &log[log.len().saturating_sub(MAX_LOG_LINES)..];
        lines.extend(log.iter().map(|text| format!("| {}", line(text))));
    }
    let more = failures.len().saturating_sub(MAX_FAILURES);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

/// The figures of a row, a line each.
fn figures(row: &Row<'_>) -> String {
    let mut lines = Vec::new();
    if let Some(times) = row.times() {
        let (min, max) = (number::seconds(times.min), number::seconds(times.max));
        let median = number::seconds(times.median);
        lines.push(format!(
            "median {median}, from {min} to {max}, n={}",
            times.n
        ));
    }
    if row.variant.reference {
        lines.push("the reference".to_owned());
    }
    if let (Some(ratio), Some(cell)) = (row.ratio(), row.cell) {
        let described = number::describe_comparison(&ratio);
        lines.push(match number::interval(&ratio) {
            Some(interval) => format!("against the reference: {described}, interval {interval}"),
            None => format!("against the reference: {described}, no interval"),
        });
        let basis = match ratio.basis {
            Basis::OneRound => ", one round".to_owned(),
            Basis::ModelBased => ", model-based".to_owned(),
            Basis::SignedRank(look) => format!(", α={:.4}", look.alpha()),
        };
        let delta = format!("{:.1}", cell.delta * 100.0);
        let delta = delta.trim_end_matches(".0");
        lines.push(format!("δ={delta}%, n={}{basis}", ratio.n));
        lines.push(match cell.verdict {
            Some(verdict) => format!("verdict: {}", verdict.as_str()),
            None => "no verdict".to_owned(),
        });
    }
    lines.join("\n")
}

fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}
