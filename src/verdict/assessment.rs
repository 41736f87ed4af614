//! A run, and what is derived from it: once, however often it is asked for.

use std::cell::OnceCell;

use super::comparison::Comparison;
use super::contamination::{Dropped, dropped_rounds};
use crate::model::{Run, Sample};

/// A run and what its rounds say. A run that goes on is assessed anew.
#[derive(Debug)]
pub struct Assessment<'r> {
    /// The run.
    pub run: &'r Run,
    dropped: Vec<Dropped>,
    comparisons: OnceCell<Vec<Comparison>>,
}

impl<'r> Assessment<'r> {
    /// Assesses a run, whole or as far as it has come.
    pub fn of(run: &'r Run) -> Self {
        Self {
            run,
            dropped: dropped_rounds(run),
            comparisons: OnceCell::new(),
        }
    }

    /// The rounds that the run's rule drops, in order.
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }

    /// Whether a scenario's round counts, as far as it is not dropped.
    pub fn round_counts(&self, scenario: &str, round: u32) -> bool {
        let mut dropped = self.dropped.iter();
        !dropped.any(|d| d.round == round && d.scenario == scenario)
    }

    /// Whether a sample's round counts.
    pub fn counts(&self, sample: &Sample) -> bool {
        self.round_counts(&sample.slot.scenario, sample.slot.round)
    }

    /// Every candidate against its reference.
    pub fn comparisons(&self) -> &[Comparison] {
        self.comparisons.get_or_init(|| self.compare_all())
    }

    /// The scenarios of which no round counts, by name: nothing was measured of
    /// them, whatever was built.
    pub fn unmeasured(&self) -> Vec<&'r str> {
        let scenarios = self.run.record.scenarios.iter();
        let names = scenarios.map(|scenario| scenario.name.as_str());
        names
            .filter(|name| !self.run.of_scenario(name).any(|sample| self.counts(sample)))
            .collect()
    }
}
