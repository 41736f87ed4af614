//! What `choose` says of a scenario, all of it, as data.

use super::bill::Bill;
use super::cell::Cell;
use super::choice::{Choice, Judging, choose};
use super::prices::Prices;
use super::strategy::{Strategy, from_nothing, strategies};
use crate::explain::RunExplanation;
use crate::model::{BuildKind, EditMix, Invocation, Job, LeftOut, Platform, ScenarioInfo};
use crate::verdict::Assessment;

/// The builds of a fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct Fleet {
    /// Builds of a day.
    pub builds_per_day: f64,
    /// Days of a month on which there are so many.
    pub days: u32,
    /// How often each job comes.
    pub mix: EditMix,
    /// What its runners cost, where that is known.
    pub prices: Option<Prices>,
}

/// What a run says of the ways to build a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The run.
    pub run: String,
    /// What was typed to make it.
    pub command: Invocation,
    /// Name of the scenario, from outside.
    pub scenario: String,
    /// One line on what it is, from outside.
    pub title: String,
    /// What became of the results, where builds exported them.
    pub export: Option<String>,
    /// Platforms that are built.
    pub platforms: Vec<Platform>,
    /// The platform of the node.
    pub native: Platform,
    /// The jobs that strategies have cells of, the cold one first.
    pub jobs: Vec<Job>,
    /// The strategies, in the order of the variants.
    pub strategies: Vec<Strategy>,
    /// Variants that were not raced, and why.
    pub not_raced: Vec<LeftOut>,
    /// The strategy to take; `None` where nothing was measured.
    pub choice: Option<Choice>,
    /// The fleet and its bills, where one was described.
    pub fleet: Option<FleetAnswer>,
}

/// What a fleet takes.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetAnswer {
    /// The fleet.
    pub fleet: Fleet,
    /// Builds of a month that the bills hold.
    pub builds: f64,
    /// Jobs that the bills leave out, since the run has no build of them, and their
    /// shares.
    pub left_out: Vec<(Job, f64)>,
    /// The bill of each strategy, as far as all its jobs are known.
    pub bills: Vec<Option<Bill>>,
}

impl Answer {
    /// What the samples of a scenario say, and what a fleet would take.
    pub fn of(
        assessment: &Assessment<'_>,
        scenario: &ScenarioInfo,
        explained: &RunExplanation,
        fleet: Option<&Fleet>,
    ) -> Self {
        let record = &assessment.run.record;
        let jobs = jobs(scenario);
        let strategies = strategies(assessment, scenario, explained, &jobs);
        let fleet = fleet.map(|fleet| FleetAnswer::of(fleet, &jobs, &strategies));
        let usual = usual(&jobs);
        let kind = BuildKind::Incremental;
        let judging = Judging {
            looks: assessment.looks(&scenario.name),
            // Of two kinds, that whose times vary more.
            delta: [kind, from_nothing(scenario)]
                .map(|kind| record.rules.delta(&scenario.name, kind))
                .into_iter()
                .fold(record.rules.delta, f64::max),
        };
        let bills = fleet.as_ref().map(|fleet| fleet.bills.as_slice());
        let choice = choose(&strategies, bills, usual, judging);
        let not_raced = record.left_out.iter();
        let not_raced = not_raced.filter(|out| out.scenario == scenario.name);
        Self {
            run: record.run.clone(),
            command: record.command.clone(),
            export: record.export.clone(),
            scenario: scenario.name.clone(),
            title: scenario.title.clone(),
            platforms: scenario.platforms.clone(),
            native: scenario.native.clone(),
            not_raced: not_raced.cloned().collect(),
            jobs,
            strategies,
            choice,
            fleet,
        }
    }

    /// The strategy that is recommended.
    pub fn recommended(&self) -> Option<&Strategy> {
        self.strategies.get(self.choice.as_ref()?.best)
    }

    /// Least and most rounds that any time stands on.
    pub fn rounds(&self) -> Option<(usize, usize)> {
        let cells = self.strategies.iter().flat_map(|s| s.cells.values());
        let rounds = cells.filter_map(|cell| match cell {
            Cell::Measured(by_round) => Some(by_round.len()),
            _ => None,
        });
        Some((rounds.clone().min()?, rounds.max()?))
    }
}

impl FleetAnswer {
    fn of(fleet: &Fleet, jobs: &[Job], strategies: &[Strategy]) -> Self {
        let shares = fleet.mix.shares().iter().filter(|(_, share)| *share > 0.0);
        let (known, left_out): (Vec<_>, Vec<_>) =
            shares.copied().partition(|(job, _)| jobs.contains(job));
        let sum: f64 = known.iter().map(|(_, share)| share).sum();
        let builds = fleet.builds_per_day * f64::from(fleet.days) * sum;
        let shares: Vec<(Job, f64)> = known
            .into_iter()
            .map(|(job, share)| (job, share / sum))
            .collect();
        let prices = fleet.prices.as_ref();
        let bills = strategies.iter().map(|strategy| match strategy.failed() {
            Some(_) => None,
            None => Bill::of(strategy, &shares, builds, prices),
        });
        Self {
            fleet: fleet.clone(),
            builds,
            left_out,
            bills: bills.collect(),
        }
    }
}

/// The jobs that a race of these kinds measures: the cold one, and one an edit.
fn jobs(scenario: &ScenarioInfo) -> Vec<Job> {
    let mut kinds = scenario.kinds.clone();
    kinds.sort();
    kinds.dedup();
    let edits = kinds.into_iter().filter_map(Job::of_edit);
    std::iter::once(Job::Cold).chain(edits).collect()
}

/// The job that comes most often: after an edit of the sources, or else of anything.
fn usual(jobs: &[Job]) -> Job {
    let source = Job::source().filter(|source| jobs.contains(source));
    let first = || jobs.iter().copied().find(|job| *job != Job::Cold);
    source.or_else(first).unwrap_or(Job::Cold)
}
