//! Which builds are worth showing one above the other: the reference's and a candidate's of the
//! same kind.

use crate::explain::RunExplanation;
use crate::model::{BuildKind, split_cell};

use super::scenario::{ScenarioView, VariantView};

/// Pairs that a run has at most.
const MAX_PAIRS: usize = 24;

/// Two samples of one kind of build. Names come from outside, and ids are fit for files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairView {
    /// The scenario.
    pub scenario: String,
    /// The kind of both.
    pub kind: BuildKind,
    /// The reference.
    pub reference: String,
    /// The candidate.
    pub candidate: String,
    /// Id of the reference's sample: the one of middle time.
    pub first: String,
    /// Id of the candidate's.
    pub second: String,
}

/// Of each scenario, the reference's builds over those of the candidate that is fastest: from
/// nothing on all platforms, and after an edit, as far as there are traces of them.
pub(super) fn pairs(scenarios: &[ScenarioView], explained: &RunExplanation) -> Vec<PairView> {
    let kinds = [BuildKind::MultiArch, BuildKind::Incremental];
    let all = scenarios.iter().flat_map(|scenario| {
        let pairs = kinds.iter();
        pairs.filter_map(|kind| pair(scenario, *kind, explained))
    });
    all.take(MAX_PAIRS).collect()
}

fn pair(scenario: &ScenarioView, kind: BuildKind, explained: &RunExplanation) -> Option<PairView> {
    let reference = scenario.reference()?;
    // In a matrix: at the same value.
    let value = |variant: &VariantView| split_cell(&variant.name).1.map(str::to_owned);
    let candidates = scenario.variants.iter();
    let candidates = candidates
        .filter(|variant| !variant.reference && value(variant) == value(reference))
        .filter_map(|variant| Some((variant.median(kind)?, variant)));
    let (_, candidate) = candidates.min_by(|one, other| one.0.total_cmp(&other.0))?;
    let typical = |variant: &VariantView| {
        let found = explained.typical(&scenario.name, &variant.name, kind)?;
        Some(found.sample.slot.id.clone())
    };
    Some(PairView {
        scenario: scenario.name.clone(),
        kind,
        reference: reference.name.clone(),
        candidate: candidate.name.clone(),
        first: typical(reference)?,
        second: typical(candidate)?,
    })
}
