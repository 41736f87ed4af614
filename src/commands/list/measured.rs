//! How long a round of a scenario takes, as far as stored runs tell.

use std::path::Path;

use crate::model::{BuildKind, Outcome, Platform, Sample};
use crate::plan;
use crate::scenario::Scenario;
use crate::stats::Times;
use crate::store::{self, StoredRun};

/// Runs, the newest first.
pub(super) struct Measured {
    runs: Vec<StoredRun>,
}

impl Measured {
    /// The runs of a folder that can be read.
    pub fn of(results: &Path) -> Self {
        let runs = store::read_runs(&store::runs(results), |stored| stored);
        Self {
            runs: runs.into_iter().rev().flatten().collect(),
        }
    }

    /// Minutes of a round of the scenario, and the newest run that built all of
    /// it, on all its platforms, but its optional variants and noop, which
    /// builds nothing and takes about a second: the sum of the median times of
    /// its builds.
    pub fn minutes(&self, scenario: &Scenario) -> Option<(f64, String)> {
        self.runs.iter().find_map(|run| {
            let mut seconds = 0.0;
            let mut raced = run.run.record.scenarios.iter();
            let raced = raced.find(|raced| {
                raced.name == scenario.name && same(&raced.platforms, &scenario.platforms)
            })?;
            for variant in &scenario.variants {
                for kind in kinds(scenario, &raced.native) {
                    let of = |sample: &&Sample| {
                        sample.slot.scenario == scenario.name
                            && sample.slot.variant == variant.name
                            && sample.slot.kind == kind
                            && !matches!(sample.outcome, Outcome::Interrupted | Outcome::Skipped)
                    };
                    let times = run.run.samples.iter().filter(of);
                    let times: Vec<f64> = times.map(|sample| sample.wall.as_secs_f64()).collect();
                    match Times::of(times) {
                        Some(times) => seconds += times.median,
                        None if variant.optional || kind == BuildKind::Noop => {}
                        None => return None,
                    }
                }
            }
            Some((seconds / 60.0, run.run.record.run.clone()))
        })
    }
}

/// The kinds that a race of the scenario builds.
pub(super) fn kinds(scenario: &Scenario, native: &Platform) -> Vec<BuildKind> {
    plan::with_prerequisites(&scenario.kinds, scenario.native_only(native)).all
}

/// Whether these are the same platforms, in whatever order.
fn same(some: &[Platform], others: &[Platform]) -> bool {
    some.len() == others.len() && some.iter().all(|platform| others.contains(platform))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{self, ARTICLE};
    use crate::scenario::Project;

    #[test]
    fn minutes_are_those_of_the_newest_run_that_built_all_of_it() {
        let here = Project::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let mut scenario = here.load(&["go-hello".to_owned()]).unwrap().remove(0);
        let stored = |id: &str, variants: &[(&str, fixture::Times)]| {
            let (mut record, samples) = fixture::run(variants, 1);
            record.run = id.to_owned();
            StoredRun {
                dir: Default::default(),
                run: fixture::of(&record, &samples),
            }
        };
        let runs = vec![stored("newest", &ARTICLE[..1]), stored("whole", &ARTICLE)];
        let measured = Measured { runs };
        let (minutes, run) = measured.minutes(&scenario).unwrap();
        let all: f64 = ARTICLE.iter().flat_map(|(_, times)| times).sum();
        assert_eq!(run, "whole");
        assert!((minutes - all / 60.0).abs() < 1e-9, "{minutes}");

        // Incremental starts from multi-arch, which is built too.
        scenario.kinds = vec![BuildKind::Incremental];
        scenario.variants[1].optional = true;
        let (minutes, run) = measured.minutes(&scenario).unwrap();
        assert_eq!(run, "newest");
        assert!((minutes - (60.03 + 57.06) / 60.0).abs() < 1e-9, "{minutes}");

        let (mut record, mut samples) = fixture::run(&ARTICLE, 1);
        record.run = "no-noop".to_owned();
        samples.retain(|sample| sample.slot.kind != BuildKind::Noop);
        let mut measured = measured;
        measured.runs[0] = StoredRun {
            run: fixture::of(&record, &samples),
            ..stored("", &ARTICLE)
        };
        scenario.kinds = BuildKind::STANDARD.to_vec();
        scenario.variants[1].optional = false;
        let run = measured.minutes(&scenario).map(|(_, run)| run);
        assert_eq!(run.as_deref(), Some("no-noop"));
        scenario.platforms.push(Platform::linux("riscv64"));
        assert_eq!(measured.minutes(&scenario), None);
        scenario.platforms.pop();
        scenario.name = "other".to_owned();
        assert_eq!(measured.minutes(&scenario), None);
    }
}
