//! `buildrace choose`: which way to build a scenario in CI, what a month of it takes, and
//! the workflow that does it.

mod prices;
mod raced;
mod source;

use anyhow::{Context, bail};

use crate::cli::{ChooseArgs, WorkflowKind};
use crate::fleet::{Answer, Fleet, PRICES_TEMPLATE, Strategy};
use crate::model::{Invocation, TimedExport};
use crate::ops::Exit;
use crate::ops::console::{print_json, terminal_width};
use crate::ops::report::explain;
use crate::print::is_coloured;
use crate::report::choose::{self as shown, WorkflowInput};
use crate::scenario::Project;
use crate::store::StoredRun;
use crate::verdict::Assessment;
use source::Found;

/// Says how to build.
///
/// # Errors
/// There is no such run or scenario, it cannot be read or raced, or prices are wrong.
pub async fn run(args: ChooseArgs) -> anyhow::Result<Exit> {
    if args.print_prices {
        outln!("{}", PRICES_TEMPLATE.trim_end());
        return Ok(Exit::Good);
    }
    // Before anything is built: what is wrong with prices is wrong now.
    let fleet = fleet(&args)?;
    let (stored, scenario) = match source::find(&args).await? {
        Found::Run(stored, scenario) => {
            if raced::has_build_options(&args.build)
                || !args.build.platform.is_empty()
                || !args.ci_cache.is_empty()
                || args.output_type != TimedExport::default()
                || args.rounds.is_some()
            {
                bail!(
                    "run {} is stored: build options, --ci-cache, --output and --rounds are for a race",
                    stored.run.record.run
                );
            }
            (*stored, scenario)
        }
        Found::ToRace(subject) => match raced::race(subject, &args).await? {
            Ok(stored) => (stored, None),
            Err(exit) => return Ok(exit),
        },
    };
    let wanted = args.scenario.clone().or(scenario);
    let answers = answers(&stored, wanted.as_deref(), fleet.as_ref())?;
    if args.json {
        print_json(&shown::json(&answers))?;
        return Ok(exit(&answers));
    }
    if let Some(WorkflowKind::Github) = args.workflow {
        let [answer] = answers.as_slice() else {
            bail!("the run has several scenarios: name one, like --scenario NAME");
        };
        outln!("{}", workflow(answer, &args)?.trim_end());
        return Ok(Exit::Good);
    }
    let texts = answers
        .iter()
        .map(|answer| shown::choose(answer, terminal_width(), is_coloured()));
    let texts: Vec<String> = texts.collect();
    outln!("{}", texts.join("\n").trim_end());
    Ok(exit(&answers))
}

/// Where nothing can be recommended, nobody was told what to do.
fn exit(answers: &[Answer]) -> Exit {
    match answers.iter().all(|answer| answer.choice.is_some()) {
        true => Exit::Good,
        false => Exit::CouldNot,
    }
}

fn fleet(args: &ChooseArgs) -> anyhow::Result<Option<Fleet>> {
    let (Some(builds_per_day), Some(mix)) = (args.builds_per_day, &args.edit_mix) else {
        return Ok(None);
    };
    let prices = args.prices.as_deref().map(prices::read).transpose()?;
    Ok(Some(Fleet {
        builds_per_day,
        days: args.days,
        mix: mix.clone(),
        prices,
    }))
}

/// The answers of the scenarios that are wanted: all of the run, or one.
fn answers(
    stored: &StoredRun,
    wanted: Option<&str>,
    fleet: Option<&Fleet>,
) -> anyhow::Result<Vec<Answer>> {
    let explained = explain(stored)?;
    let assessment = Assessment::of(&stored.run);
    let scenarios = &stored.run.record.scenarios;
    let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted == name);
    let scenarios = scenarios
        .iter()
        .filter(|scenario| is_wanted(&scenario.name));
    let answers = scenarios.map(|scenario| Answer::of(&assessment, scenario, &explained, fleet));
    let answers: Vec<Answer> = answers.collect();
    if answers.is_empty() {
        bail!(
            "run {} has no scenario {:?}",
            stored.run.record.run,
            wanted.unwrap_or_default()
        );
    }
    Ok(answers)
}

/// The workflow of the strategy that is recommended, or of the one that is named.
fn workflow(answer: &Answer, args: &ChooseArgs) -> anyhow::Result<String> {
    let strategy = match &args.strategy {
        Some(name) => named(answer, name)?,
        None => answer.recommended().context(
            "nothing was measured, so no strategy is recommended: name one by --strategy",
        )?,
    };
    if let Some(outcome) = strategy.failed() {
        bail!(
            "{} does not build (its builds end as {outcome}), so there is no workflow of it",
            strategy.name()
        );
    }
    let mut command = Invocation::new("choose", args.name.clone());
    command.option("workflow", "github");
    if let Some(strategy) = &args.strategy {
        command.option("strategy", strategy);
    }
    Ok(shown::github(&WorkflowInput {
        strategy,
        platforms: &answer.platforms,
        native: &answer.native,
        context: &context(answer),
        run: &answer.run,
        command: &command.to_string(),
    }))
}

fn named<'a>(answer: &'a Answer, name: &str) -> anyhow::Result<&'a Strategy> {
    let mut strategies = answer.strategies.iter();
    let found = strategies.find(|strategy| strategy.name() == name);
    found.with_context(|| {
        let known: Vec<String> = answer.strategies.iter().map(Strategy::name).collect();
        format!(
            "unknown strategy {name:?}: expected one of {}",
            known.join(", ")
        )
    })
}

/// The build context of a scenario, from the project's folder: what was typed, or what
/// its `scenario.toml` says if it is here.
fn context(answer: &Answer) -> String {
    let mut words = answer.command.words().into_iter();
    let typed = words.find(|word| word == "--context").and(words.next());
    let of_scenario = || {
        let here = std::env::current_dir().ok()?;
        let project = Project::find(&here).ok()?;
        let scenario = project.load(std::slice::from_ref(&answer.scenario)).ok()?;
        let sources = &scenario.first()?.sources;
        let within = sources.strip_prefix(project.root()).unwrap_or(sources);
        (!within.as_os_str().is_empty()).then(|| within.display().to_string())
    };
    typed.or_else(of_scenario).unwrap_or_else(|| ".".to_owned())
}
