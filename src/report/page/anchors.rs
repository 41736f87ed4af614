//! Where links of a page lead to: the samples of a cell, and the steps of a
//! sample.

use std::collections::{BTreeMap, BTreeSet};

use super::super::view::View;
use crate::explain::RunExplanation;
use crate::model::BuildKind;

/// Samples whose steps a page holds.
const MAX_SAMPLES: usize = 250;

/// The anchors of a run's page.
pub(super) struct Anchors {
    /// Places of scenario and variant, and kinds, of which there are samples.
    cells: BTreeSet<(usize, usize, BuildKind)>,
    /// Samples whose steps are there, by id.
    samples: BTreeMap<String, usize>,
}

impl Anchors {
    pub(super) fn new(view: &View, explained: &RunExplanation) -> Self {
        let mut cells = BTreeSet::new();
        for (place, scenario) in view.scenarios.iter().enumerate() {
            for (at, variant) in scenario.variants.iter().enumerate() {
                cells.extend(variant.cells.keys().map(|kind| (place, at, *kind)));
            }
        }
        let samples = explained.samples.iter().take(MAX_SAMPLES).enumerate();
        Self {
            cells,
            samples: samples
                .map(|(at, found)| (found.sample.slot.id.clone(), at))
                .collect(),
        }
    }

    /// Where a variant's samples of a kind are.
    pub(super) fn cell(&self, scenario: usize, variant: usize, kind: BuildKind) -> Option<String> {
        let is_there = self.cells.contains(&(scenario, variant, kind));
        is_there.then(|| format!("cell-{scenario}-{variant}-{kind}"))
    }

    /// Where a sample's steps are. Its id is part of the address, unless it could
    /// not be one: ids come from outside.
    pub(super) fn sample(&self, id: &str) -> Option<String> {
        let at = self.samples.get(id)?;
        Some(match is_plain(id) {
            true => format!("steps-{id}"),
            false => format!("steps--{at}"),
        })
    }
}

/// Whether a text can stand in an address as it is, as the names of files do
/// that the store takes.
pub(in crate::report) fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    begins && text.len() <= 200 && text.chars().all(plain)
}
