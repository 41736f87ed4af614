//! The runs that git tracks: what a race left in this checkout is nobody's
//! publication.

use std::path::Path;
use std::process::Command;

use buildrace::explain::RunExplanation;
use buildrace::ops::report;
use buildrace::report::{ScenarioView, View};
use buildrace::store::{StoredRun, read_run};

/// A published run, as reports show it.
pub struct Published {
    pub stored: StoredRun,
    pub explained: RunExplanation,
    pub view: View,
}

impl Published {
    /// The scenario of this name, if it was raced.
    pub fn scenario(&self, name: &str) -> Option<&ScenarioView> {
        self.view.scenarios.iter().find(|found| found.name == name)
    }
}

/// Those that were published, the oldest first.
pub struct Runs {
    /// Those of builds alone.
    pub plain: Vec<Published>,
    /// Those with jobs of CI or exports: they have kinds of their own, or another clock.
    pub transferring: Vec<Published>,
}

/// All of them but those of a matrix, whose variants are others.
pub fn published(root: &Path) -> Runs {
    let listed = Command::new("git")
        .args(["ls-files", "results/*/run.json"])
        .current_dir(root)
        .output()
        .expect("git lists the published runs");
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut runs: Vec<Published> = listed
        .lines()
        .map(|file| {
            let stored = read_run(root.join(file).parent().unwrap()).unwrap();
            let explained = report::explain(&stored).unwrap();
            let view = View::new(&stored.run, &explained);
            Published {
                stored,
                explained,
                view,
            }
        })
        .filter(|run| run.view.matrix.is_empty())
        .collect();
    runs.sort_by_key(|run| run.stored.run.record.started);
    let (plain, transferring) = runs.into_iter().partition(|run| {
        let record = &run.stored.run.record;
        record.ci_caches.is_empty() && record.export.is_none()
    });
    Runs {
        plain,
        transferring,
    }
}

/// The newest that raced a scenario.
pub fn newest<'a>(runs: &'a [Published], scenario: &str) -> &'a Published {
    runs.iter()
        .rev()
        .find(|run| run.scenario(scenario).is_some())
        .unwrap_or_else(|| panic!("no published run has {scenario}"))
}
