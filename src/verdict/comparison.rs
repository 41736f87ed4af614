//! Candidates against their reference, kind by kind, and scenarios together.

use std::collections::{BTreeMap, BTreeSet};

use super::rounds::dropped_rounds;
use crate::model::{BuildKind, Outcome, RunRecord, Sample, ScenarioInfo, Stopping};
use crate::stats::{self, Judgement, Looks, Ratio, Verdict};

/// One candidate against the reference, in one kind of build.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The scenario.
    pub scenario: String,
    /// The candidate.
    pub candidate: String,
    /// The kind.
    pub kind: BuildKind,
    /// Whether a gate goes by it.
    pub is_gate: bool,
    /// ln(candidate / reference) by round.
    pub log_ratios: BTreeMap<u32, f64>,
    /// What they show; `None` where there is no round with both.
    pub ratio: Option<Ratio>,
    /// What is said of it; `None` while there are too few rounds to say it.
    pub verdict: Option<Verdict>,
    /// The change that matters, as a share.
    pub delta: f64,
}

/// Every candidate of a run against its reference, in the order of the record.
pub fn comparisons(record: &RunRecord, samples: &[Sample]) -> Vec<Comparison> {
    let mut found = Vec::new();
    for scenario in &record.scenarios {
        let kinds: BTreeSet<BuildKind> = scenario.kinds.iter().copied().collect();
        for variant in &scenario.variants {
            let raced = scenario
                .variants
                .iter()
                .any(|v| v.name == scenario.reference);
            if variant.name == scenario.reference || !raced {
                continue;
            }
            for &kind in &kinds {
                found.push(compare(record, scenario, &variant.name, kind, samples));
            }
        }
    }
    found
}

/// Times of a variant's samples of a kind that count, seconds by round: those
/// that are ok, of rounds that were not dropped.
pub fn times(
    record: &RunRecord,
    samples: &[Sample],
    scenario: &str,
    variant: &str,
    kind: BuildKind,
) -> BTreeMap<u32, f64> {
    let dropped = dropped_rounds(record, samples);
    let is_dropped = |sample: &Sample| {
        let mut dropped = dropped.iter();
        dropped.any(|d| d.round == sample.round && d.scenario == sample.scenario)
    };
    samples
        .iter()
        .filter(|s| s.scenario == scenario && s.variant == variant && s.kind == kind)
        .filter(|sample| sample.outcome == Outcome::Ok && !is_dropped(sample))
        .map(|sample| (sample.round, sample.wall.as_secs_f64()))
        .collect()
}

fn compare(
    record: &RunRecord,
    scenario: &ScenarioInfo,
    candidate: &str,
    kind: BuildKind,
    samples: &[Sample],
) -> Comparison {
    let of = |variant: &str| times(record, samples, &scenario.name, variant, kind);
    let log_ratios = stats::log_ratios(&of(candidate), &of(&scenario.reference));
    let delta = record.rules.delta(&scenario.name, kind);
    let (ratio, verdict) = judged(record, &log_ratios, delta);
    Comparison {
        scenario: scenario.name.clone(),
        candidate: candidate.to_owned(),
        kind,
        is_gate: scenario.gate() == Some(kind),
        ratio,
        verdict,
        log_ratios,
        delta,
    }
}

fn judged(
    record: &RunRecord,
    log_ratios: &BTreeMap<u32, f64>,
    delta: f64,
) -> (Option<Ratio>, Option<Verdict>) {
    let looks = looks(record);
    let logs: Vec<f64> = log_ratios.values().copied().collect();
    let is_gate = record.rules.stopping == Stopping::Gate;
    let verdict = match stats::judge_at(&logs, delta, looks) {
        Judgement::Decided(decision) => Some(decision.verdict),
        // The gate is open; what the candidate is besides is not known.
        Judgement::GoOn { .. } if is_gate && stats::shows_no_slowdown(&logs, delta) => {
            Some(Verdict::Inconclusive)
        }
        Judgement::GoOn { .. } => None,
    };
    (stats::ratio(log_ratios, looks, delta), verdict)
}

/// How often a run is looked at.
pub fn looks(record: &RunRecord) -> Looks {
    match record.rules.stopping {
        Stopping::Fixed => Looks::One,
        Stopping::Auto | Stopping::Gate => Looks::Two,
    }
}

/// Whether more rounds would tell a gate nothing: each candidate either has a
/// verdict on the gate's kind, or never gave a time to judge by.
pub(super) fn gate_is_decided(
    record: &RunRecord,
    scenario: &ScenarioInfo,
    samples: &[Sample],
) -> bool {
    let Some(kind) = scenario.gate() else {
        return true;
    };
    let candidates = scenario
        .variants
        .iter()
        .filter(|variant| variant.name != scenario.reference);
    candidates
        .map(|variant| compare(record, scenario, &variant.name, kind, samples))
        .all(|found| found.verdict.is_some() || found.log_ratios.is_empty())
}

/// The comparisons of a kind over all scenarios as one: the geometric mean of
/// their ratios, from the rounds that all have. `None` where they are not at
/// least two.
pub fn roll_up(record: &RunRecord, parts: &[&Comparison]) -> Option<(Ratio, Option<Verdict>)> {
    if parts.len() < 2 {
        return None;
    }
    let logs: Vec<BTreeMap<u32, f64>> = parts.iter().map(|part| part.log_ratios.clone()).collect();
    let delta = parts
        .iter()
        .map(|part| part.delta)
        .fold(record.rules.delta, f64::max);
    let (ratio, verdict) = judged(record, &stats::roll_up(&logs), delta);
    Some((ratio?, verdict))
}
