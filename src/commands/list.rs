//! `buildrace list`: the scenarios and suites of this project, whether they
//! can be raced here, and how long a round took.

mod measured;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;

use crate::cli::ListArgs;
use crate::engine::binfmt;
use crate::engine::images::{Offer, unobtainable};
use crate::model::Platform;
use crate::ops::builder::BuilderSession;
use crate::ops::console::terminal_width;
use crate::ops::race::{no_emulator, no_image};
use crate::ops::suites::{ROUNDS, rounds_of};
use crate::ops::{Exit, images};
use crate::options::BuilderOptions;
use crate::report::list::{ListView, ScenarioRow, SuiteRow, list as render};
use crate::scenario::{Project, Scenario, Variant};
use measured::Measured;

/// How long the engine may take to answer at all.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// How long a registry may take to say that it has an image.
const REGISTRY_LIMIT: Duration = Duration::from_millis(1500);

/// Prints the list, or JSON.
///
/// # Errors
/// A scenario, a suite or a Dockerfile cannot be read.
pub async fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let project = Project::find(&here)?;
    let scenarios = project.load(&[])?;
    let suites = project.suites()?;
    let measured = Measured::of(&args.results.folder);
    let found = tokio::time::timeout(
        ANSWER_LIMIT,
        BuilderSession::glance(&BuilderOptions::from(&args.builder)),
    )
    .await;
    let found = match found {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err(format!(
            "it does not answer within {} s",
            ANSWER_LIMIT.as_secs()
        )),
    };
    let lacking = match &found {
        Ok(session) => Some(missing_images(session, &project, &scenarios).await?),
        Err(_) => None,
    };
    let mut view = ListView {
        scenarios: Vec::with_capacity(scenarios.len()),
        suites: Vec::with_capacity(suites.len()),
        no_engine: found.as_ref().err().cloned(),
    };
    for scenario in &scenarios {
        let mut row = row(scenario, &measured);
        if let (Ok(session), Some(missing)) = (&found, &lacking) {
            let lacks = lacks(session, &project, scenario, missing)?;
            row.can_run = can_run(&lacks);
            row.lacks = lacks.into_iter().map(|lack| lack.text).collect();
        }
        view.scenarios.push(row);
    }
    for suite in suites {
        let rounds = rounds_of(&project, &suite)?.unwrap_or(ROUNDS);
        let mut minutes = None;
        let mut unmeasured = Vec::new();
        for name in &suite.scenarios {
            let Some(scenario) = scenarios.iter().find(|s| s.name == *name) else {
                continue;
            };
            let mut scenario = scenario.clone();
            if !suite.kinds.is_empty() {
                scenario.kinds.clone_from(&suite.kinds);
            }
            match measured.minutes(&scenario) {
                Some((one, _)) => minutes = Some(minutes.unwrap_or(0.0) + one),
                None => unmeasured.push(name.clone()),
            }
        }
        view.suites.push(SuiteRow {
            name: suite.name,
            title: suite.title,
            scenarios: suite.scenarios,
            rounds: rounds.to_string(),
            minutes,
            unmeasured,
        });
    }
    if args.json {
        crate::ops::console::print_json(&view)?;
    } else {
        outln!("{}", render(&view, terminal_width()).trim_end());
    }
    Ok(Exit::Good)
}

fn row(scenario: &Scenario, measured: &Measured) -> ScenarioRow {
    let (minutes, run) = measured.minutes(scenario).unzip();
    ScenarioRow {
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        language: scenario.language.clone(),
        control: scenario.control,
        kinds: scenario.kinds.clone(),
        platforms: scenario.platforms.clone(),
        variants: scenario.variants.iter().map(|v| v.name.clone()).collect(),
        minutes,
        measured_in: run,
        can_run: None,
        lacks: Vec::new(),
    }
}

/// Names of images that a race could not get.
async fn missing_images(
    session: &BuilderSession,
    project: &Project,
    scenarios: &[Scenario],
) -> anyhow::Result<BTreeMap<String, Offer>> {
    let needed = images::needed(project, scenarios, session.nodes())?;
    let names: BTreeSet<String> = needed.into_iter().map(|(name, _)| name).collect();
    // Nobody but an engine can be asked without building.
    let Some(engine) = &session.engine else {
        return Ok(BTreeMap::new());
    };
    let asked = unobtainable(engine, &names, REGISTRY_LIMIT);
    // An engine that does not say what it holds says nothing against it.
    let limit = ANSWER_LIMIT + REGISTRY_LIMIT;
    Ok(tokio::time::timeout(limit, asked).await.unwrap_or_default())
}

/// What a scenario lacks here.
#[derive(Debug, PartialEq)]
struct Lack {
    /// What it is, in a line.
    text: String,
    /// Whether the scenario can be raced without it; `None` where it may be
    /// there after all.
    bars: Option<bool>,
}

/// Whether a scenario that lacks this can be raced, as far as one can tell.
fn can_run(lacks: &[Lack]) -> Option<bool> {
    if lacks.iter().any(|lack| lack.bars == Some(true)) {
        return Some(false);
    }
    lacks
        .iter()
        .all(|lack| lack.bars == Some(false))
        .then_some(true)
}

/// What a scenario lacks here. Of platforms the builder's own list is
/// believed, which it makes by running a program of each, and the kernel's
/// emulators, since BuildKit lists few of the variants of arm; a race tries
/// them itself.
fn lacks(
    session: &BuilderSession,
    project: &Project,
    scenario: &Scenario,
    missing: &BTreeMap<String, Offer>,
) -> anyhow::Result<Vec<Lack>> {
    let own = std::slice::from_ref(scenario);
    let mut platforms = images::executed(project, own, session.nodes())?.surely;
    let handlers = match session.is_local {
        true => binfmt::handlers(),
        false => Vec::new(),
    };
    platforms.retain(|platform: &Platform| {
        let architecture = binfmt::architecture(platform.architecture());
        let has_emulator = architecture.is_some_and(|architecture| {
            let mut handlers = handlers.iter();
            handlers.any(|handler| handler.serves(architecture) && handler.works_in_containers())
        });
        !has_emulator && !session.platforms().contains(platform)
    });
    let mut lacks = Vec::new();
    if !platforms.is_empty() {
        lacks.push(Lack {
            text: no_emulator(&platforms),
            bars: Some(true),
        });
    }
    for variant in &scenario.variants {
        for (name, _) in images::needed_by(project, scenario, variant, session.nodes())? {
            if let Some(lack) = missing
                .get(&name)
                .map(|offer| no_offer(variant, &name, *offer))
                && !lacks.contains(&lack)
            {
                lacks.push(lack);
            }
        }
    }
    Ok(lacks)
}

/// What a variant lacks whose image may not be had.
fn no_offer(variant: &Variant, image: &str, offer: Offer) -> Lack {
    let text = match offer {
        Offer::Refused => no_image(image),
        Offer::Silent => format!(
            "image {image} not local, and no registry answered within {} s",
            REGISTRY_LIMIT.as_secs_f64()
        ),
    };
    let bars = (offer == Offer::Refused).then_some(true);
    match variant.optional {
        true => Lack {
            text: format!("without {}: {text}", variant.name),
            bars: Some(false),
        },
        false => Lack { text, bars },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_registry_that_says_nothing_bars_no_race() {
        let project = Project::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let mut variant = project.load(&["c".to_owned()]).unwrap()[0].variants[0].clone();
        let refused = no_offer(&variant, "debian", Offer::Refused);
        let silent = no_offer(&variant, "golang", Offer::Silent);
        variant.optional = true;
        let without = no_offer(&variant, "xx", Offer::Silent);
        assert_eq!(
            silent.text,
            "image golang not local, and no registry answered within 1.5 s"
        );
        assert!(without.text.starts_with("without naive: image xx not"));
        assert_eq!(can_run(&[]), Some(true));
        let mut lacks = vec![without];
        assert_eq!(can_run(&lacks), Some(true));
        lacks.push(silent);
        assert_eq!(can_run(&lacks), None);
        lacks.push(refused);
        assert_eq!(can_run(&lacks), Some(false));
    }
}
