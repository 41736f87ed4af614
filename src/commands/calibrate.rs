//! `buildrace calibrate`: the null race. A Dockerfile against itself shows how
//! much this builder's times differ from themselves.

use std::path::Path;

use anyhow::Context;

use crate::cli::CalibrateArgs;
use crate::model::{AUTO_ROUNDS, Invocation, Platform};
use crate::ops::Exit;
use crate::ops::adhoc::{self, Options};
use crate::ops::bake;
use crate::ops::builder::BuilderSession;
use crate::ops::cells::Cells;
use crate::ops::race::{Choice, RaceInput, Raced, check_writable, keep_out_of_git, race};
use crate::ops::report::write_formats;
use crate::ops::signals::stop_on_signals;
use crate::ops::stdin::Typed;
use crate::ops::{results, ssh};
use crate::options::Rounds;
use crate::options::{BuildOptions, RaceOptions};
use crate::report::number;
use crate::scenario::{AdhocDockerfile, Project, Scenario};
use crate::stats::{FLOOR_CONFIDENCE, noise_floor};
use crate::store::calibration::{self, BuilderKey, Calibration};
use crate::verdict::{Assessment, disturbed_rounds};

/// Fewest rounds that a noise floor is told from.
const FEWEST: usize = 6;

/// Races a Dockerfile against itself.
///
/// # Errors
/// It could not begin, or could not go on.
pub async fn run(args: CalibrateArgs) -> anyhow::Result<Exit> {
    let race_options = RaceOptions::from(&args.race);
    check_writable(&race_options).await?;
    let stop = stop_on_signals();
    // Before the engine is asked: most of what can be wrong is wrong here.
    let file = args.file.clone().unwrap_or_else(|| "Dockerfile".into());
    let typed = Typed::read(&file)?;
    let (project, mut scenario, options) = match &args.scenario {
        Some(name) => {
            let here = std::env::current_dir().context("cannot find the current folder")?;
            let project = Project::find(&here)?;
            let scenario = doubled(&project, name, &args)?;
            (project, scenario, None)
        }
        None => {
            let options = Options::read(&BuildOptions::from(&args.build))?;
            let project = Project::at(Path::new("."))?;
            let scenario = own_doubled(&typed, &options)?;
            (project, scenario, Some(options))
        }
    };
    BuilderSession::with(&race_options.builder, async |session| {
        if let Some(options) = &options {
            options.complete(&mut scenario, &session.native);
        }
        let mut scenarios = vec![scenario];
        let mut choice = Choice::default();
        if !session
            .fetch_sources(&project, &mut scenarios, &mut choice, &stop)
            .await?
        {
            return Ok(Exit::Interrupted);
        }
        let of_bake = bake::of_scenarios(&project, &mut scenarios).await?;
        let input = RaceInput {
            project: &project,
            scenarios,
            secrets: options.map_or(of_bake, |options| options.secrets),
            rounds: Rounds::Fixed(AUTO_ROUNDS),
            stops_when_open: false,
            choice: Choice::default(),
            command: command(&args),
        };
        if args.scenario.is_none() {
            keep_out_of_git(&race_options)?;
        }
        let raced = race(&Cells::one(session), input, &race_options, &stop).await?;
        write_formats(&raced, &race_options)?;
        keep(&raced, &args).await?;
        Ok(raced.exit())
    })
    .await
}

/// Tells the noise floor of each kind, and keeps it beside the results.
async fn keep(raced: &Raced, args: &CalibrateArgs) -> anyhow::Result<()> {
    let run = &raced.stored.run;
    let record = &run.record;
    // Noise of somebody else's builds is not the builder's.
    let disturbed = disturbed_rounds(run);
    let kept_all = record.rules.contamination.is_none();
    let mut found = Vec::new();
    let variants = record.scenarios.first().map(|scenario| &scenario.variants);
    let dockerfile = variants.and_then(|variants| Some(variants.first()?.dockerfile.clone()));
    for compared in Assessment::of(run).comparisons() {
        let logs: Vec<f64> = compared.log_ratios.values().copied().collect();
        if logs.len() < FEWEST {
            errln!(
                "{}: no noise floor from {} rounds; it takes {FEWEST}",
                compared.kind,
                logs.len()
            );
            continue;
        }
        let share = noise_floor(&logs);
        let rounds = u32::try_from(logs.len()).unwrap_or(u32::MAX);
        outln!(
            "{}: noise floor {}, of {rounds} rounds; δ is {}",
            compared.kind,
            number::percentage(share),
            number::percentage(share.max(record.rules.delta)),
        );
        found.push(Calibration {
            at: record.started,
            run: record.run.clone(),
            builder: BuilderKey::of(record),
            scenario: compared.scenario.clone(),
            kind: compared.kind,
            rounds,
            dockerfile: dockerfile.clone(),
            confidence: Some(FLOOR_CONFIDENCE),
            share,
        });
    }
    if kept_all && !disturbed.is_empty() {
        errln!(
            "noise floor not kept: {} of its rounds were disturbed, and --keep-contaminated \
             counted them",
            disturbed.len()
        );
    } else if !found.is_empty() {
        calibration::append(&args.race.results.folder, &found)?;
        errln!(
            "kept in {}",
            args.race
                .results
                .folder
                .join(calibration::CALIBRATION_FILE)
                .display()
        );
        results::send_calibrations(&args.race.results).await;
    }
    Ok(())
}

/// A variant of a scenario, twice.
fn doubled(project: &Project, name: &str, args: &CalibrateArgs) -> anyhow::Result<Scenario> {
    let mut scenario = project.load(&[name.to_owned()])?.remove(0);
    let wanted = match &args.variant {
        Some(variant) => variant.clone(),
        None => scenario
            .variants
            .iter()
            .find(|v| !v.reference)
            .map(|variant| variant.name.clone())
            .context("the scenario has one variant alone: name it by --variant")?,
    };
    scenario.select_variants(&[wanted])?;
    let one = scenario.variants.remove(0);
    scenario.variants = [("1", true), ("2", false)]
        .map(|(number, reference)| {
            let mut variant = one.clone();
            variant.name = format!("{}-{number}", one.name);
            variant.reference = reference;
            variant
        })
        .to_vec();
    if !args.build.platform.is_empty() {
        scenario.platforms = Platform::each_once(&args.build.platform);
    }
    let agents = ssh::agents(&args.build.ssh)?;
    for variant in &mut scenario.variants {
        variant.ssh = agents.clone();
    }
    if !args.build.kinds.is_empty() {
        scenario.kinds = args.build.kinds.clone();
    }
    BuildOptions::from(&args.build).add_concurrent(&mut scenario.kinds);
    scenario.title = format!("{} against itself", one.name);
    Ok(scenario)
}

/// A Dockerfile of one's own, twice.
fn own_doubled(typed: &Typed, options: &Options) -> anyhow::Result<Scenario> {
    let dockerfile = |number: u32| AdhocDockerfile {
        name: format!("itself-{number}"),
        path: typed.path.clone(),
        shown: typed.shown.clone(),
        context: None,
        origin: None,
        revision: None,
        contexts: options.contexts.clone(),
        bake: None,
    };
    adhoc::scenario(
        options,
        format!("{} against itself", typed.shown),
        vec![dockerfile(1), dockerfile(2)],
    )
}

fn command(args: &CalibrateArgs) -> Invocation {
    let mut command = Invocation::new("calibrate", args.scenario.clone());
    match &args.scenario {
        Some(_) => command.list("variant", &args.variant),
        None => {
            let file = args.file.clone().unwrap_or_else(|| "Dockerfile".into());
            command.option("file", adhoc::relative_name(&file));
        }
    }
    adhoc::add_options(&mut command, &BuildOptions::from(&args.build));
    command
}
