//! A run: what was raced, and what came of it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{BuildKind, RunEnd, RunRecord, Sample, ScenarioInfo, Slot};

/// A run, whole or as far as it has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What is raced, where and in which order.
    pub record: RunRecord,
    /// The samples, in the order they were built.
    pub samples: Vec<Sample>,
    /// When the builds of samples began, by sample: of one that was built again, the
    /// last time.
    pub began: BTreeMap<String, Timestamp>,
    /// How it ended; `None` while it goes on, and where it was cut off.
    pub end: Option<RunEnd>,
    /// When it went on after it had been cut off.
    pub resumed: Vec<Timestamp>,
    /// What its reader should know: warnings of the race itself, which come from
    /// outside, and what was missing in the files. One line each.
    pub warnings: Vec<String>,
}

impl Run {
    /// A run of which nothing is built yet.
    pub fn new(record: RunRecord) -> Self {
        Self {
            record,
            samples: Vec::new(),
            began: BTreeMap::new(),
            end: None,
            resumed: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// A scenario by its name.
    pub fn scenario(&self, name: &str) -> Option<&ScenarioInfo> {
        let mut scenarios = self.record.scenarios.iter();
        scenarios.find(|scenario| scenario.name == name)
    }

    /// The files of the sources that the build of a slot changed before it, where it is
    /// an incremental one and that is told.
    pub fn edited_files(&self, slot: &Slot) -> Option<Vec<&str>> {
        self.scenario(&slot.scenario)?.edited_files(slot.kind)
    }

    /// The samples of a variant's builds of a kind, in the order of their rounds.
    pub fn cell<'a>(
        &'a self,
        scenario: &'a str,
        variant: &'a str,
        kind: BuildKind,
    ) -> impl Iterator<Item = &'a Sample> {
        let of_variant = self.of_variant(scenario, variant);
        of_variant.filter(move |sample| sample.slot.kind == kind)
    }

    /// The samples of a variant, of every kind.
    pub fn of_variant<'a>(
        &'a self,
        scenario: &'a str,
        variant: &'a str,
    ) -> impl Iterator<Item = &'a Sample> {
        let of_scenario = self.of_scenario(scenario);
        of_scenario.filter(move |sample| sample.slot.variant == variant)
    }

    /// The samples of a scenario.
    pub fn of_scenario<'a>(&'a self, scenario: &'a str) -> impl Iterator<Item = &'a Sample> {
        let samples = self.samples.iter();
        samples.filter(move |sample| sample.slot.scenario == scenario)
    }

    /// The samples of a scenario's round.
    pub fn round<'a>(&'a self, scenario: &'a str, round: u32) -> impl Iterator<Item = &'a Sample> {
        let of_scenario = self.of_scenario(scenario);
        of_scenario.filter(move |sample| sample.slot.round == round)
    }

    /// A sample by its id.
    pub fn sample(&self, id: &str) -> Option<&Sample> {
        self.samples.iter().find(|sample| sample.slot.id == id)
    }
}
