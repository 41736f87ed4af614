//! Candidates against their reference, kind by kind, and scenarios together.

use std::collections::BTreeMap;

use crate::model::{BuildKind, Rules, Stopping};
use crate::stats::{self, Judgement, LOOKS, Looks, Ratio, Spread, Unjudged, Verdict};

/// One candidate against the reference, in one kind of build.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The scenario.
    pub scenario: String,
    /// What the candidate is compared with.
    pub reference: String,
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

impl Comparison {
    /// Its least and greatest ratio of a round; `None` where there is no round
    /// with both.
    pub fn spread(&self) -> Option<Spread> {
        stats::spread(&self.log_ratios)
    }

    /// Why there is no verdict; `None` where there is one.
    pub fn unjudged(&self) -> Option<Unjudged> {
        Unjudged::of(self.ratio.as_ref(), self.verdict)
    }
}

pub(super) fn decide(
    rules: &Rules,
    looks: Looks,
    log_ratios: &BTreeMap<u32, f64>,
    delta: f64,
) -> (Option<Ratio>, Option<Verdict>) {
    let logs: Vec<f64> = log_ratios.values().copied().collect();
    let verdict = match stats::judge_at(&logs, delta, looks) {
        Judgement::Decided(decision) => Some(decision.verdict),
        // The gate passes; what the candidate is besides is not known.
        Judgement::GoOn { .. } if shows_no_slowdown(rules, &logs, delta) => {
            Some(Verdict::Inconclusive)
        }
        Judgement::GoOn { .. } => None,
    };
    (stats::ratio(log_ratios, looks, delta), verdict)
}

/// Whether nothing points to a slow-down, in a run that ends for that.
pub fn shows_no_slowdown(rules: &Rules, log_ratios: &[f64], delta: f64) -> bool {
    let first = u32::try_from(LOOKS[0].rounds).unwrap_or(u32::MAX);
    let from = rules.futility_rounds.unwrap_or(first) as usize;
    rules.stopping == Stopping::Gate && stats::shows_no_slowdown(log_ratios, delta, from)
}

/// The comparisons of a kind over all scenarios as one: the geometric mean of
/// their ratios, from the rounds that all have. `None` where they are not at
/// least two.
pub fn roll_up(rules: &Rules, parts: &[&Comparison]) -> Option<(Ratio, Option<Verdict>)> {
    if parts.len() < 2 {
        return None;
    }
    let logs: Vec<BTreeMap<u32, f64>> = parts.iter().map(|part| part.log_ratios.clone()).collect();
    let delta = parts
        .iter()
        .map(|part| part.delta)
        .fold(rules.delta, f64::max);
    let looks = match rules.stopping {
        Stopping::Fixed => Looks::One,
        Stopping::Auto | Stopping::Gate => Looks::Short,
    };
    let (ratio, verdict) = decide(rules, looks, &stats::roll_up(&logs), delta);
    Some((ratio?, verdict))
}
