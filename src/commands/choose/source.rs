//! What `choose` is asked of: a stored run, the newest of a scenario, or what is to be raced
//! first.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::bucket::Part;
use crate::cli::ChooseArgs;
use crate::ops::explain::{newest_run, run_named};
use crate::ops::results::Results;
use crate::scenario::{Project, Scenario};
use crate::store::{self, StoredRun};

/// What was found.
pub(super) enum Found {
    /// A stored run, and the scenario of it that was named.
    Run(Box<StoredRun>, Option<String>),
    /// What is to be raced.
    ToRace(Subject),
}

/// What is to be raced.
pub(super) enum Subject {
    /// A scenario of a project.
    Scenario(Project, Box<Scenario>),
    /// A Dockerfile.
    Dockerfile(PathBuf),
}

/// Finds what is meant.
///
/// # Errors
/// There is nothing of that name, or a run cannot be read.
pub(super) async fn find(args: &ChooseArgs) -> anyhow::Result<Found> {
    let results = Results::open(&args.results)?;
    let folder = &args.results.folder;
    let Some(name) = args.name.as_deref() else {
        let run = results.bring(None).await?;
        let dir = run.map_or_else(|| newest_run(folder), |run| Ok(run.into()))?;
        return Ok(Found::Run(Box::new(store::read_run(&dir)?), None));
    };
    if let Some(dir) = run_named(name, folder) {
        return Ok(Found::Run(Box::new(store::read_run(&dir)?), None));
    }
    let path = Path::new(name);
    if path.is_file() {
        return to_race(args, Subject::Dockerfile(path.to_owned()));
    }
    if let Some(stored) = newest_of(&results, name).await? {
        return Ok(Found::Run(Box::new(stored), Some(name.to_owned())));
    }
    // A run that is in the store alone.
    if results.cache().is_some()
        && store::is_name(name)
        && let Ok(Some(brought)) = results.bring(Some(name)).await
        && let Some(dir) = run_named(&brought, folder)
    {
        return Ok(Found::Run(Box::new(store::read_run(&dir)?), None));
    }
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let loaded = Project::find(&here).and_then(|project| {
        let scenario = project.load(&[name.to_owned()])?.remove(0);
        Ok((project, scenario))
    });
    match loaded {
        Ok((project, scenario)) => to_race(args, Subject::Scenario(project, Box::new(scenario))),
        Err(error) => bail!(
            "no run, scenario or Dockerfile {name:?}: {error}; runs are looked for in {}",
            args.results
        ),
    }
}

/// The newest run that raced a scenario of this name, as far as runs can be read.
async fn newest_of(results: &Results<'_>, name: &str) -> anyhow::Result<Option<StoredRun>> {
    let dirs = results.bring_all(Part::Summary).await?;
    let has = |stored: &StoredRun| stored.run.scenario(name).is_some();
    let found = store::read_runs(&dirs, |stored| has(&stored).then_some(stored.dir));
    let Some(dir) = found.into_iter().rev().flatten().flatten().next() else {
        return Ok(None);
    };
    // With its traces, if only a summary was brought.
    let id = dir.file_name().map(|id| id.to_string_lossy().into_owned());
    if results.cache().is_some() {
        results.bring(id.as_deref()).await?;
    }
    Ok(Some(store::read_run(&dir)?))
}

/// A race prints its own report, which is no place for JSON or a workflow.
fn to_race(args: &ChooseArgs, subject: Subject) -> anyhow::Result<Found> {
    if args.json || args.workflow.is_some() {
        let name = args.name.as_deref().unwrap_or_default();
        bail!(
            "no run of {name} in {} yet: `buildrace choose {name}` without --json and --workflow \
             races it first",
            args.results
        );
    }
    Ok(Found::ToRace(subject))
}
