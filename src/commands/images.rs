//! `buildrace images`: the base images that a race needs.

use anyhow::Context;

use crate::cli::ImagesArgs;
use crate::engine::images::StandIns;
use crate::engine::{Engine, images, locate};
use crate::escape;
use crate::model::{BaseImage, BuildNodes, Platform};
use crate::ops::Exit;
use crate::ops::bake;
use crate::ops::console::{print_json, progress_lines};
use crate::ops::images::{needed, optional};
use crate::scenario::Project;

/// Sees to it that the engine holds the base images of scenarios, and lists
/// them; with `--dry-run` it only lists what is there. Exit code 2 where
/// something is missing.
///
/// # Errors
/// No engine, or an image that can neither be pulled nor made.
pub async fn run(args: ImagesArgs) -> anyhow::Result<Exit> {
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let project = Project::find(&here)?;
    let mut scenarios = project.load(&args.scenarios)?;
    for scenario in &mut scenarios {
        if !args.platform.is_empty() {
            scenario.platforms = Platform::each_once(&args.platform);
        }
    }
    // Of what is fetched the bake file is not here either.
    let here = scenarios
        .iter_mut()
        .filter(|scenario| scenario.fetch.is_none());
    for scenario in here {
        bake::of_scenarios(&project, std::slice::from_mut(scenario)).await?;
    }
    let engine = Engine::connect(&locate(args.engine.host.as_deref()).await?).await?;
    let native = engine.facts().native.clone();
    let mut needed = needed(&project, &scenarios, BuildNodes::one(&native))?;
    let held = if args.dry_run {
        present(&engine, &needed).await?
    } else {
        let stand_ins = if args.stand_ins {
            StandIns::Allowed
        } else {
            StandIns::for_engine(&engine)
        };
        let optional = optional(&project, &scenarios, BuildNodes::one(&native))?;
        let got = images::obtain(&engine, &needed, &optional, stand_ins, &progress_lines()).await?;
        for missing in &got.missing {
            let reason = escape::terminal(&missing.reason, 1000);
            errln!("only optional variants need it: {reason}");
            needed.retain(|(name, _)| *name != missing.name);
        }
        got.images
    };
    if args.json {
        print_json(&held)?;
    } else {
        for image in &held {
            outln!("{}", line(image));
        }
    }
    let missing = needed.len().saturating_sub(held.len());
    if missing > 0 {
        errln!("{missing} missing: `buildrace images` gets them");
        return Ok(Exit::CouldNot);
    }
    Ok(Exit::Good)
}

async fn present(engine: &Engine, needed: &[(String, Platform)]) -> anyhow::Result<Vec<BaseImage>> {
    let images = images::present(engine, needed).await?;
    Ok(images
        .into_iter()
        .flat_map(|image| {
            let platforms = image.platforms.clone();
            platforms.into_iter().map(move |platform| BaseImage {
                name: image.name.clone(),
                platform,
                digest: image.digest.clone(),
                stand_in: image.stand_in,
                node: None,
            })
        })
        .collect())
}

fn line(image: &BaseImage) -> String {
    format!(
        "{}  {}  {}{}",
        image.name,
        image.platform,
        image.digest.as_deref().unwrap_or("no digest"),
        if image.stand_in { "  STAND-IN" } else { "" }
    )
}
