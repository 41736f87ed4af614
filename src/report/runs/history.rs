//! Times over stored runs: a series for each scenario, variant and kind on each
//! class of machine, and where its level changed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::facts::{Difference, Facts};
use crate::explain::Explanation;
use crate::explain::diff::diff;
use crate::model::{BuildKind, Platform, Run, RunRecord, ScenarioInfo};
use crate::report::words::join;
use crate::stats::{ChangeRule, Times, change_points};
use crate::verdict::Assessment;

/// Machines whose times are one series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct MachineClass {
    /// CPU model as the kernel names it; from outside.
    pub cpu: String,
    /// Logical CPUs.
    pub cores: u32,
    /// Driver of the builder.
    pub driver: String,
}

impl MachineClass {
    /// The class of a run. A matrix belongs to that of its first value.
    pub fn of(record: &RunRecord) -> Self {
        let cpu = record.host.cpu_model.clone();
        Self {
            cpu: cpu.unwrap_or_else(|| "unknown CPU".to_owned()),
            cores: record.host.cores.unwrap_or_default(),
            driver: record.builder.driver.clone(),
        }
    }

    /// `AMD EPYC, 2 cores, docker driver`
    pub fn describe(&self) -> String {
        let cores = match self.cores {
            0 => None,
            1 => Some("1 core".to_owned()),
            cores => Some(format!("{cores} cores")),
        };
        let driver = format!("{} driver", self.driver);
        let parts = [Some(self.cpu.clone()), cores, Some(driver)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// What one series measures.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SeriesName {
    /// Name of the scenario; from outside, as the next one is.
    pub scenario: String,
    /// Its platforms, as their cost grows with them.
    pub platforms: Vec<Platform>,
    /// The platform of its builds of kind cold.
    pub native: Platform,
    /// Name of the variant.
    pub variant: String,
    /// The kind of build.
    pub kind: BuildKind,
    /// Where it was measured.
    pub machine: MachineClass,
}

impl SeriesName {
    /// `linux/amd64 and linux/arm64`
    pub fn platform_names(&self) -> String {
        join(self.platforms.iter().map(ToString::to_string))
    }
}

/// Median times of one kind of build over runs, the oldest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// What it measures.
    #[serde(flatten)]
    pub name: SeriesName,
    /// The runs.
    pub points: Vec<Point>,
    /// Where the level changed, in order.
    pub changes: Vec<Change>,
}

/// A run in a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Its id.
    pub run: String,
    /// When it began.
    pub started: Timestamp,
    /// The commit that the project was at.
    pub commit: Option<String>,
    /// Whether the run compared the other variants with this one.
    pub is_reference: bool,
    /// Median wall time of its builds, seconds.
    pub median: f64,
    /// Shortest.
    pub min: f64,
    /// Longest.
    pub max: f64,
    /// How many.
    pub n: usize,
}

/// A change of the level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Place of the first point after it.
    pub index: usize,
    /// The last run before it.
    pub from: String,
    /// The first run after it.
    pub to: String,
    /// Mean of the medians before it, seconds.
    pub before: f64,
    /// And after it.
    pub after: f64,
    /// The t-test's p-value.
    pub p: f64,
    /// In what the two runs differ.
    pub differences: Vec<Difference>,
    /// The step whose time changed most between the two runs, as far as their
    /// traces were read.
    pub step: Option<MovedStep>,
}

/// A step that takes another time than before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MovedStep {
    /// Its name in the later run, or in the earlier one if it is gone; from
    /// outside.
    pub name: String,
    /// What it took before, seconds; `None` if it is new.
    pub before: Option<f64>,
    /// What it takes after, seconds; `None` if it is gone.
    pub after: Option<f64>,
}

impl MovedStep {
    /// The step that explains most of a change from one build to another.
    pub fn between(first: &Explanation, second: &Explanation) -> Option<Self> {
        let change = diff(first, second).steps.into_iter().next()?;
        let before = change.first.map(|at| &first.steps[at]);
        let after = change.second.map(|at| &second.steps[at]);
        Some(Self {
            name: after.or(before)?.name.clone(),
            before: before.map(|step| step.busy.as_secs_f64()),
            after: after.map(|step| step.busy.as_secs_f64()),
        })
    }
}

impl Change {
    /// After over before.
    pub fn ratio(&self) -> f64 {
        self.after / self.before
    }
}

/// What a history takes of a run; small, so that thousands fit in memory.
#[derive(Debug, Clone)]
pub struct Measured {
    run: String,
    started: Timestamp,
    facts: Facts,
    points: Vec<(SeriesName, Point, f64)>,
}

impl Measured {
    /// The medians of a run's kinds of builds, and what they were measured on.
    pub fn of(run: &Run) -> Self {
        let assessment = Assessment::of(run);
        let scenarios = run.record.scenarios.iter();
        Self {
            run: run.record.run.clone(),
            started: run.record.started,
            facts: Facts::of(&run.record),
            points: scenarios
                .flat_map(|scenario| points(&assessment, scenario))
                .collect(),
        }
    }
}

/// The series of these runs, by scenario, variant, kind and machine. A change
/// below the smallest change that matters to one of a series' runs is none.
pub fn history(runs: impl IntoIterator<Item = Measured>) -> Vec<Series> {
    let mut runs: Vec<Measured> = runs.into_iter().collect();
    runs.sort_by(|a, b| (a.started, &a.run).cmp(&(b.started, &b.run)));
    let mut series: BTreeMap<SeriesName, Vec<(usize, Point, f64)>> = BTreeMap::new();
    for (place, run) in runs.iter_mut().enumerate() {
        for (name, point, delta) in std::mem::take(&mut run.points) {
            series.entry(name).or_default().push((place, point, delta));
        }
    }
    let series = series.into_iter();
    series
        .map(|(name, points)| with_changes(&runs, name, points))
        .collect()
}

fn points(assessment: &Assessment<'_>, scenario: &ScenarioInfo) -> Vec<(SeriesName, Point, f64)> {
    let record = &assessment.run.record;
    let machine = MachineClass::of(record);
    let mut points = Vec::new();
    for variant in &scenario.variants {
        for &kind in &scenario.kinds {
            let times = assessment.times(&scenario.name, &variant.name, kind);
            let Some(times) = Times::of(times.into_values()) else {
                continue;
            };
            let name = SeriesName {
                scenario: scenario.name.clone(),
                platforms: scenario.platforms.clone(),
                native: scenario.native.clone(),
                variant: variant.name.clone(),
                kind,
                machine: machine.clone(),
            };
            let point = Point {
                run: record.run.clone(),
                started: record.started,
                commit: record.commit.clone(),
                is_reference: variant.name == scenario.reference,
                median: times.median,
                min: times.min,
                max: times.max,
                n: times.n,
            };
            points.push((name, point, record.rules.delta(&scenario.name, kind)));
        }
    }
    points
}

fn with_changes(runs: &[Measured], name: SeriesName, points: Vec<(usize, Point, f64)>) -> Series {
    let deltas = points.iter().map(|(.., delta)| *delta);
    let rule = ChangeRule {
        min_change: deltas.reduce(f64::min).unwrap_or_default(),
        ..ChangeRule::default()
    };
    let medians: Vec<f64> = points.iter().map(|(_, point, _)| point.median).collect();
    let changes = change_points(&medians, rule).into_iter().map(|found| {
        let run = |index: usize| &runs[points[index].0];
        let (before, after) = (run(found.index - 1), run(found.index));
        Change {
            index: found.index,
            from: before.run.clone(),
            to: after.run.clone(),
            before: found.before,
            after: found.after,
            p: found.p,
            differences: Facts::differences(&[&before.facts, &after.facts]),
            step: None,
        }
    });
    Series {
        name,
        changes: changes.collect(),
        points: points.into_iter().map(|(_, point, _)| point).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{self, ARTICLE};

    /// A run a day, `slower` being what the times of `cross` are multiplied with.
    fn runs(slower: impl Fn(u32) -> f64, count: u32) -> Vec<Run> {
        let start: Timestamp = "2026-01-01T08:00:00Z".parse().unwrap();
        let runs = (0..count).map(|day| {
            let (mut record, mut samples) = fixture::run(&ARTICLE, 2);
            record.run = format!("run-{day:03}");
            record.started = start + std::time::Duration::from_secs(u64::from(day) * 86_400);
            record.commit = Some(format!("{day:02x}").repeat(20));
            for sample in samples.iter_mut().filter(|s| s.slot.variant == "cross") {
                sample.wall = sample.wall.mul_f64(slower(day));
            }
            fixture::of(&record, &samples)
        });
        runs.collect()
    }

    fn changes(series: &[Series]) -> Vec<(&str, BuildKind, &str)> {
        let each = series.iter().flat_map(|series| {
            let of = move |change| (series, change);
            series.changes.iter().map(of)
        });
        each.map(|(series, change)| {
            (
                series.name.variant.as_str(),
                series.name.kind,
                change.to.as_str(),
            )
        })
        .collect()
    }

    #[test]
    fn a_slower_variant_is_found_at_its_run_and_the_commit_named() {
        let slower = |day| if day < 12 { 1.0 } else { 1.4 } * (1.0 + 0.004 * f64::from(day % 5));
        let runs = runs(slower, 24);
        let series = history(runs.iter().map(Measured::of));
        assert_eq!(series.len(), 8, "two variants of four kinds");
        let found: Vec<_> = changes(&series);
        let expected = BuildKind::STANDARD.map(|kind| ("cross", kind, "run-012"));
        assert_eq!(found, expected);
        let change = &series[0].changes[0];
        assert_eq!(change.from, "run-011");
        assert!((change.ratio() - 1.4).abs() < 0.01, "{change:?}");
        let commit = change
            .differences
            .iter()
            .find(|d| d.name == "commit of the project");
        assert!(commit.is_some(), "{change:?}");
    }

    #[test]
    fn machines_platforms_and_failed_builds_are_kept_apart() {
        let mut all = runs(|_| 1.0, 4);
        all[1].record.host.cpu_model = Some("another CPU".into());
        all[2].record.scenarios[0].platforms.pop();
        for sample in all[3]
            .samples
            .iter_mut()
            .filter(|s| s.slot.variant == "naive")
        {
            fixture::fail(sample, crate::model::Outcome::Failed);
        }
        let series = history(all.iter().map(Measured::of));
        let lengths = |variant: &str| -> Vec<usize> {
            let of = series
                .iter()
                .filter(|s| s.name.variant == variant && s.name.kind == BuildKind::Cold);
            of.map(|s| s.points.len()).collect()
        };
        let mut cross = lengths("cross");
        cross.sort_unstable();
        assert_eq!(cross, [1, 1, 2]);
        assert_eq!(lengths("naive"), [1, 1, 1]);
        let machine = &series[0].name.machine;
        assert!(machine.describe().ends_with("2 cores, docker driver"));
    }

    #[test]
    fn a_change_that_does_not_matter_is_none() {
        let runs = runs(|day| if day < 12 { 1.0 } else { 1.02 }, 24);
        let series = history(runs.iter().map(Measured::of));
        assert_eq!(changes(&series), []);
    }
}
