//! What a site shows: its runs, and their times over time.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::report::page::is_plain;
use crate::report::runs::{Change, MachineClass, Series};
use crate::report::sentence;
use crate::report::{CheckOutcome, View};

/// A site. Names come from outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Site {
    /// The runs, the newest first.
    pub runs: Vec<RunLine>,
    /// Their times by scenario, variant, kind and machine.
    pub series: Vec<Series>,
    /// Runs that could not be read: their folders' names, and why.
    pub unreadable: Vec<(String, String)>,
}

/// A run as an index shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunLine {
    /// Its id.
    pub run: String,
    /// When it began.
    pub started: Timestamp,
    /// Names of its scenarios.
    pub scenarios: Vec<String>,
    /// Its result, a sentence a scenario.
    pub sentence: String,
    /// Most rounds that count.
    pub rounds: usize,
    /// Where it was measured.
    pub machine: MachineClass,
    /// Whether base images are stand-ins.
    pub stand_ins: bool,
    /// Whether it is whole.
    pub complete: bool,
    /// What a check made of it, where it is one's.
    pub check: Option<CheckOutcome>,
}

impl RunLine {
    /// The line of a run. Its times need no explanation of its builds.
    pub fn new(view: &View, machine: MachineClass) -> Self {
        Self {
            run: view.run.clone(),
            started: view.started,
            scenarios: view.scenarios.iter().map(|s| s.name.clone()).collect(),
            sentence: sentence(view),
            rounds: view.n(),
            machine,
            stand_ins: !view.stand_ins().is_empty(),
            complete: view.is_complete(),
            check: view.check.as_ref().map(|check| check.outcome),
        }
    }
}

impl Site {
    /// Names of all scenarios.
    pub fn scenarios(&self) -> Vec<&str> {
        let names = self.runs.iter().flat_map(|run| &run.scenarios);
        let names: BTreeSet<&str> = names.map(String::as_str).collect();
        names.into_iter().collect()
    }

    /// The series of a scenario.
    pub(super) fn of_scenario<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Series> {
        let series = self.series.iter();
        series.filter(move |series| series.name.scenario == name)
    }

    /// The file of a scenario's page, relative to the site.
    pub fn scenario_file(&self, scenario: &str) -> String {
        let place = self.scenarios().iter().position(|name| *name == scenario);
        match is_plain(scenario) {
            true => format!("scenarios/{scenario}.html"),
            // Names come from outside, and need not be those of files.
            false => format!("scenarios/-{}.html", place.unwrap_or_default()),
        }
    }

    /// Every change, those of the newest runs first.
    pub fn changes(&self) -> Vec<(&Series, &Change)> {
        let changes = self.series.iter().flat_map(|series| {
            let changes = series.changes.iter();
            changes.map(move |change| (series, change))
        });
        let mut changes: Vec<(&Series, &Change)> = changes.collect();
        changes
            .sort_by_key(|(series, change)| std::cmp::Reverse(series.points[change.index].started));
        changes
    }
}
