//! `buildrace run`: races the scenarios of a project.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Parser;

use super::race::{Entrants, Ready, check_writable, race, resume};
use super::report::write_formats;
use super::signals::stop_on_signals;
use super::{Exit, explain};
use crate::cli::{Cli, Command, RaceArgs, Rounds, RunArgs};
use crate::model::RunRecord;
use crate::race::RunEnd;
use crate::scenario::{Project, Scenario};
use crate::store::HeldRun;

/// Rounds where nothing is said.
const ROUNDS: Rounds = Rounds::Fixed(3);

/// Races scenarios.
///
/// # Errors
/// It could not begin, or could not go on.
pub async fn run(args: RunArgs) -> anyhow::Result<Exit> {
    if let Some(name) = &args.resume {
        return go_on(name, &args).await;
    }
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    let project = Project::find(&here)?;
    let scenarios = chosen_scenarios(&project, &args)?;
    check_writable(&args.race)?;
    let stop = stop_on_signals();
    let ready = Ready::find(&args.race).await?;
    let entrants = Entrants {
        project: &project,
        command: command(&args, &scenarios),
        scenarios,
        secrets: Default::default(),
        rounds: ROUNDS,
        stops_when_open: false,
    };
    let raced = race(&ready, entrants, &args.race, &stop).await?;
    write_formats(&raced, &args.race)?;
    Ok(raced.exit())
}

/// Goes on with a run that was cut off.
async fn go_on(name: &str, args: &RunArgs) -> anyhow::Result<Exit> {
    let results = &args.race.results;
    let dir = explain::run_named(name, results).with_context(|| {
        format!(
            "no run {name:?} in {}: `ls {}` shows the runs",
            results.display(),
            results.display()
        )
    })?;
    let held = HeldRun::hold(&dir)?;
    let record = &held.run.record;
    if held.run.end == Some(RunEnd::Completed) {
        eprintln!("nothing to resume: run {} has all its samples", record.run);
        return Ok(Exit::Good);
    }
    let began = command_of(record)?;
    let race = RaceArgs {
        engine: args.race.engine.clone(),
        results: folder_of(&dir, results)?,
        reports: args.race.reports.clone(),
        json: args.race.json,
        output: args.race.output.clone(),
        seed: Some(record.seed),
        ..began.race.clone()
    };
    check_writable(&race)?;
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    let project = Project::find(&here)?;
    let scenarios = chosen_scenarios(&project, &began)?;
    let stop = stop_on_signals();
    let ready = Ready::find(&race).await?;
    let entrants = Entrants {
        project: &project,
        command: command(&began, &scenarios),
        scenarios,
        secrets: Default::default(),
        rounds: ROUNDS,
        stops_when_open: false,
    };
    let raced = resume(&ready, entrants, &race, held, &stop).await?;
    write_formats(&raced, &race)?;
    Ok(raced.exit())
}

/// The folder that a run's is in: `results` where that is it.
fn folder_of(dir: &Path, results: &Path) -> anyhow::Result<PathBuf> {
    if dir.parent() == Some(results) {
        return Ok(results.to_owned());
    }
    let full = std::path::absolute(dir)
        .with_context(|| format!("cannot tell where {} is", dir.display()))?;
    Ok(full.parent().unwrap_or(&full).to_owned())
}

/// What was typed to begin a run.
fn command_of(record: &RunRecord) -> anyhow::Result<RunArgs> {
    let verb = record.command.get(1).map_or("", String::as_str);
    if verb != "run" {
        bail!(
            "run {} was made by `buildrace {verb}`: only runs of `buildrace run` can be resumed",
            record.run
        );
    }
    match Cli::try_parse_from(&record.command).map(|cli| cli.command) {
        Ok(Command::Run(args)) => Ok(args),
        Ok(_) | Err(_) => bail!(
            "the command of run {} is none that this buildrace knows: it was made by buildrace {}",
            record.run,
            record.buildrace
        ),
    }
}

/// The scenarios asked for, cut down to the variants, kinds and platforms
/// asked for, with Dockerfiles that parse.
fn chosen_scenarios(project: &Project, args: &RunArgs) -> anyhow::Result<Vec<Scenario>> {
    let mut scenarios = project.load(&args.scenarios)?;
    for scenario in &mut scenarios {
        if !args.platform.is_empty() {
            scenario.platforms = args.platform.clone();
        }
        if !args.kinds.is_empty() {
            scenario.kinds = args.kinds.clone();
        }
        scenario.select_variants(&args.variant)?;
    }
    Ok(scenarios)
}

/// What to type to race the same again. Folders and endpoints are left out:
/// they belong to this machine.
fn command(args: &RunArgs, scenarios: &[Scenario]) -> Vec<String> {
    let mut command = vec!["buildrace".to_owned(), "run".to_owned()];
    command.extend(scenarios.iter().map(|scenario| scenario.name.clone()));
    let mut option = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            command.extend([format!("--{name}"), values.join(",")]);
        }
    };
    let kinds = args.kinds.iter();
    option("kinds", kinds.map(ToString::to_string).collect());
    option("variant", args.variant.clone());
    let platforms = args.platform.iter();
    option("platform", platforms.map(ToString::to_string).collect());
    command
}
