//! `buildrace run`: races the scenarios of a project.

use anyhow::Context;

use super::Exit;
use super::race::{Entrants, Ready, check_writable, race};
use super::report::write_formats;
use super::signals::stop_on_signals;
use crate::cli::{Rounds, RunArgs};
use crate::scenario::{Project, Scenario};

/// Rounds where nothing is said.
const ROUNDS: Rounds = Rounds::Fixed(3);

/// Races scenarios.
///
/// # Errors
/// It could not begin, or could not go on.
pub async fn run(args: RunArgs) -> anyhow::Result<Exit> {
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    let project = Project::find(&here)?;
    let mut scenarios = chosen_scenarios(&project, &args)?;
    check_writable(&args.race)?;
    let stop = stop_on_signals();
    let ready = Ready::find(&args.race).await?;
    if !ready.fetch_sources(&project, &mut scenarios, &stop).await? {
        return Ok(Exit::Interrupted);
    }
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
