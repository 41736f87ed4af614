//! `buildrace run`: races the scenarios of a project.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use clap::Parser;

use crate::cli::{BuilderArgs, Cli, Command, RunArgs, ci_caches};
use crate::model::{
    BuildKind, Invocation, LeftOut, Platform, RunEnd, RunRecord, VariantInfo, split_cell,
};
use crate::ops::bake;
use crate::ops::cells::{Cells, matrix_again};
use crate::ops::race::{Choice, RaceInput, check_writable, race, resume, transfers_again};
use crate::ops::report::write_formats;
use crate::ops::results::Results;
use crate::ops::signals::stop_on_signals;
use crate::ops::ssh;
use crate::ops::suites::{ROUNDS, rounds_of};
use crate::ops::{Exit, explain};
use crate::options::{BuilderOptions, RaceOptions, ResultsPlace, Rounds, add_concurrent};
use crate::scenario::{Project, Scenario, ScenarioError};
use crate::store::HeldRun;

/// Races scenarios.
///
/// # Errors
/// It could not begin, or could not go on.
pub async fn run(args: RunArgs) -> anyhow::Result<Exit> {
    if let Some(name) = &args.resume {
        return resume_run(name, &args).await;
    }
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let project = Project::find(&here)?;
    let mut chosen = choose(&project, &args)?;
    let options = RaceOptions {
        matrix: args.matrix.matrix.clone(),
        ..RaceOptions::from(&args.race)
    };
    check_writable(&options).await?;
    let stop = stop_on_signals();
    Cells::with(&options, &stop, async |cells| {
        if !chosen.controls.is_empty() {
            errln!(
                "note: controls are raced only where they are named: {}",
                chosen.controls.join(", ")
            );
        }
        let Chosen {
            scenarios, choice, ..
        } = &mut chosen;
        if !cells
            .first()
            .fetch_sources(&project, scenarios, choice, &stop)
            .await?
        {
            return Ok(Exit::Interrupted);
        }
        let secrets = bake::of_scenarios(&project, scenarios).await?;
        let input = input(&project, &args, chosen, secrets);
        let raced = race(cells, input, &options, &stop).await?;
        write_formats(&raced, &options)?;
        Ok(raced.exit())
    })
    .await
}

fn input<'a>(
    project: &'a Project,
    args: &RunArgs,
    chosen: Chosen,
    secrets: BTreeMap<String, Vec<u8>>,
) -> RaceInput<'a> {
    RaceInput {
        project,
        command: command(args, &chosen),
        scenarios: chosen.scenarios,
        secrets,
        rounds: chosen.rounds,
        stops_when_open: false,
        choice: chosen.choice,
    }
}

/// Goes on with a run that was cut off.
async fn resume_run(name: &str, args: &RunArgs) -> anyhow::Result<Exit> {
    let results = &args.race.results;
    let found = Results::open(results)?.bring(Some(name)).await?;
    let found = explain::run_named(&found.unwrap_or_default(), &results.folder);
    let dir = found
        .with_context(|| format!("no run {name:?} in {results}: `ls {results}` shows the runs"))?;
    let held = HeldRun::hold(&dir)?;
    let record = &held.stored.run.record;
    if held.stored.run.end == Some(RunEnd::Completed) {
        errln!("nothing to resume: run {} has all its samples", record.run);
        return Ok(Exit::Good);
    }
    let began = command_of(record)?;
    let then = RaceOptions::from(&began.race);
    let typed = ci_caches(&args.race.ci_cache, args.race.cache_mounts);
    let (ci_caches, export) = transfers_again(record, &typed, &args.race.output_type)?;
    let options = RaceOptions {
        builder: match args.matrix.matrix {
            Some(_) => BuilderOptions::from(&args.race.builder),
            None => builder_of(&args.race.builder, &began.race.builder),
        },
        matrix: matrix_again(
            began.matrix.matrix.clone(),
            args.matrix.matrix.clone(),
            record,
        )?,
        results: place_of(&dir, results)?,
        reports: args.race.reports.clone(),
        json: args.race.json,
        formats: args.race.output.format.clone(),
        report_url: args.race.output.report_url.clone(),
        seed: Some(record.seed),
        ci_caches,
        export,
        redact: [then.redact, args.race.redact.clone()].concat(),
        ..then
    };
    check_writable(&options).await?;
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let project = Project::find(&here)?;
    let mut chosen = choose(&project, &began)?;
    // The command has one list of variants for all scenarios, and some may
    // have been left out of one alone.
    for scenario in &mut chosen.scenarios {
        let then = record.scenarios.iter().find(|s| s.name == scenario.name);
        if let Some(then) = then {
            let of = |v: &VariantInfo| split_cell(&v.name).0.to_owned();
            let raced = |name: &String| then.variants.iter().any(|v| of(v) == *name);
            scenario.variants.retain(|variant| raced(&variant.name));
        }
    }
    let stop = stop_on_signals();
    Cells::with(&options, &stop, async |cells| {
        let Chosen {
            scenarios, choice, ..
        } = &mut chosen;
        if !cells
            .first()
            .fetch_sources(&project, scenarios, choice, &stop)
            .await?
        {
            return Ok(Exit::Interrupted);
        }
        let secrets = bake::of_scenarios(&project, scenarios).await?;
        let input = input(&project, &began, chosen, secrets);
        let raced = resume(cells, input, &options, held, &stop).await?;
        write_formats(&raced, &options)?;
        Ok(raced.exit())
    })
    .await
}

/// Where a run goes on: where it began, if nothing else is typed.
fn builder_of(typed: &BuilderArgs, began: &BuilderArgs) -> BuilderOptions {
    match typed.builder {
        Some(_) => BuilderOptions::from(typed),
        None => BuilderOptions {
            host: typed.engine.host.clone(),
            ..BuilderOptions::from(began)
        },
    }
}

/// The folder that a run's is in: `results` where that is it.
fn place_of(dir: &Path, results: &ResultsPlace) -> anyhow::Result<ResultsPlace> {
    if dir.parent() == Some(&results.folder) {
        return Ok(results.clone());
    }
    let full = std::path::absolute(dir)
        .with_context(|| format!("cannot find where {} is", dir.display()))?;
    Ok(ResultsPlace {
        folder: full.parent().unwrap_or(&full).to_owned(),
        store: results.store.clone(),
    })
}

/// What was typed to begin a run.
fn command_of(record: &RunRecord) -> anyhow::Result<RunArgs> {
    let verb = &record.command.verb;
    if verb != "run" {
        bail!(
            "run {} was made by `buildrace {verb}`: only runs of `buildrace run` can be resumed",
            record.run
        );
    }
    // These are not whole: see `transfers_again`.
    let command = record.command.clone().without("ci-cache").without("output");
    match Cli::try_parse_from(command.words()).map(|cli| cli.command) {
        Ok(Command::Run(args)) => Ok(args),
        Ok(_) | Err(_) => bail!(
            "the command of run {} is none that this buildrace knows: it was made by buildrace {}",
            record.run,
            record.buildrace
        ),
    }
}

/// What to race.
#[derive(Debug)]
struct Chosen {
    scenarios: Vec<Scenario>,
    /// Kinds where not each scenario's own are built.
    kinds: Vec<BuildKind>,
    rounds: Rounds,
    choice: Choice,
    /// Names of controls that nobody named.
    controls: Vec<String>,
}

/// The scenarios asked for, cut down to the variants, kinds and platforms
/// asked for, with Dockerfiles that parse.
fn choose(project: &Project, args: &RunArgs) -> anyhow::Result<Chosen> {
    let suite = args.suite.as_deref().map(|name| project.suite(name));
    let suite = suite.transpose()?;
    let mut scenarios = match &suite {
        Some(suite) => project.load(&suite.scenarios)?,
        None => project.load(&args.scenarios)?,
    };
    let mut chosen = Chosen {
        scenarios: Vec::new(),
        kinds: args.kinds.clone(),
        rounds: ROUNDS,
        choice: Choice {
            may_leave_out: args.scenarios.is_empty(),
            ..Choice::default()
        },
        controls: Vec::new(),
    };
    match suite {
        Some(suite) => {
            chosen.rounds = rounds_of(project, &suite)?.unwrap_or(ROUNDS);
            if chosen.kinds.is_empty() {
                chosen.kinds = suite.kinds;
            }
            chosen.choice.suite = Some(suite.name);
        }
        None if args.scenarios.is_empty() => {
            let (controls, others): (Vec<_>, Vec<_>) =
                scenarios.into_iter().partition(|scenario| scenario.control);
            scenarios = others;
            chosen.controls = controls.into_iter().map(|scenario| scenario.name).collect();
            if scenarios.is_empty() {
                bail!(
                    "every scenario of this project is a control: name one to race it: {}",
                    chosen.controls.join(", ")
                );
            }
        }
        None => {}
    }
    let agents = ssh::agents(&args.ssh)?;
    for scenario in &mut scenarios {
        for variant in &mut scenario.variants {
            variant.ssh = agents.clone();
        }
        if !args.platform.is_empty() {
            scenario.platforms = Platform::each_once(&args.platform);
        }
        if !chosen.kinds.is_empty() {
            check_edits(scenario, &chosen.kinds)?;
            scenario.kinds = chosen.kinds.clone();
        }
        add_concurrent(args.concurrent, &mut scenario.kinds);
    }
    select_variants(&mut scenarios, &args.variant, &mut chosen.choice)?;
    chosen.scenarios = scenarios;
    Ok(chosen)
}

/// Fails where a kind comes after an edit that a scenario has not.
fn check_edits(scenario: &Scenario, kinds: &[BuildKind]) -> anyhow::Result<()> {
    let missing = |kind: &&BuildKind| kind.edit().is_some() && scenario.edit_of(**kind).is_none();
    let Some(kind) = kinds.iter().find(missing) else {
        return Ok(());
    };
    let known = scenario.edits.iter().map(|edit| edit.kind().to_string());
    bail!(
        "{} has no {kind}: expected one of {} after an edit",
        scenario.name,
        known.collect::<Vec<_>>().join(", ")
    )
}

/// Keeps the variants of these names, as far as each scenario has them. One
/// that has none is left out, or an error where it was named.
fn select_variants(
    scenarios: &mut Vec<Scenario>,
    names: &[String],
    choice: &mut Choice,
) -> Result<(), ScenarioError> {
    let has =
        |scenario: &Scenario, name: &String| scenario.variants.iter().any(|v| v.name == *name);
    let unknown = |name: &&String| !scenarios.iter().any(|scenario| has(scenario, name));
    if let Some(name) = names.iter().find(unknown) {
        let variants = scenarios.iter().flat_map(|scenario| &scenario.variants);
        let mut known: Vec<String> = Vec::new();
        for variant in variants {
            if !known.contains(&variant.name) {
                known.push(variant.name.clone());
            }
        }
        return Err(ScenarioError::UnknownName {
            what: "variant",
            name: name.clone(),
            known,
        });
    }
    let mut kept = Vec::with_capacity(scenarios.len());
    for mut scenario in scenarios.drain(..) {
        let own: Vec<String> = names
            .iter()
            .filter(|n| has(&scenario, n))
            .cloned()
            .collect();
        if own.is_empty() && !names.is_empty() && choice.may_leave_out {
            choice.left_out.push(LeftOut {
                reason: format!("it has no variant {}", names.join(" or ")),
                scenario: scenario.name,
                variant: None,
            });
            continue;
        }
        scenario.select_variants(if own.is_empty() { names } else { &own })?;
        if !choice.may_leave_out && !own.is_empty() {
            // What was named is not left out.
            scenario
                .variants
                .iter_mut()
                .for_each(|variant| variant.optional = false);
        }
        kept.push(scenario);
    }
    *scenarios = kept;
    Ok(())
}

/// What to type to race the same again, whatever becomes of the suite. Folders
/// and endpoints are left out: they belong to this machine.
fn command(args: &RunArgs, chosen: &Chosen) -> Invocation {
    let names = chosen
        .scenarios
        .iter()
        .map(|scenario| scenario.name.clone());
    let mut command = Invocation::new("run", names);
    command.list("kinds", &chosen.kinds);
    if let Some(count) = args.concurrent {
        command.option("concurrent", count);
    }
    command.list("variant", &args.variant);
    command.list("platform", &args.platform);
    for id in ssh::ids(&args.ssh) {
        command.option("ssh", id);
    }
    command
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
