//! Whether every cell of a race can be raced here: each builder is asked, and
//! each emulator tried. What one of them cannot build is raced on none.

use anyhow::{Context, bail};

use super::eligibility::{self, Choice};
use super::input::RaceInput;
use crate::engine::binfmt;
use crate::model::{BaseImage, BuildKind, EmulatorInfo, Platform};
use crate::ops::builder::BuilderSession;
use crate::ops::cells::Cells;
use crate::ops::images;
use crate::plan;
use crate::race::Emulation;
use crate::scenario::{Project, Scenario};

/// What was found for what is raced.
pub struct Fit {
    /// The emulators of each value of the matrix, or of the only builder.
    pub emulators: Vec<Vec<EmulatorInfo>>,
    /// The base images of each builder.
    pub base_images: Vec<Vec<BaseImage>>,
}

/// Takes what cannot be raced in every cell out of the input, and gets what the
/// rest needs.
///
/// # Errors
/// Something that must be raced cannot be.
pub async fn of_cells(cells: &Cells<'_>, input: &mut RaceInput<'_>) -> anyhow::Result<Fit> {
    let RaceInput {
        project,
        scenarios,
        choice,
        ..
    } = input;
    check_natives(cells, scenarios)?;
    let mut emulators = match cells.emulators() {
        None => of_builders(cells, project, scenarios, choice).await?,
        Some(_) => of_emulators(cells, project, scenarios, choice).await?,
    };
    let mut base_images = Vec::new();
    for (at, session) in cells.sessions().iter().enumerate() {
        let got = eligibility::by_images(session, project, scenarios, choice).await;
        base_images.push(on(cells, at, got)?);
    }
    for (at, images) in base_images.iter_mut().enumerate() {
        // Another builder may have lacked one.
        let nodes = cells.sessions()[at].nodes();
        let needed = images::needed(project, scenarios, nodes)?;
        images.retain(|image| {
            let mut needed = needed.iter();
            needed.any(|(name, platform)| *name == image.name && *platform == image.platform)
        });
    }
    for (at, emulators) in emulators.iter_mut().enumerate() {
        let session = cells.sessions().get(at).unwrap_or(&cells.sessions()[0]);
        eligibility::retain_used(emulators, project, scenarios, session.nodes())?;
    }
    report_other_images(&base_images);
    Ok(Fit {
        emulators,
        base_images,
    })
}

/// Images of several builders, each once.
pub fn each_once(images: &[Vec<BaseImage>]) -> Vec<BaseImage> {
    let mut once: Vec<BaseImage> = Vec::new();
    for image in images.iter().flatten() {
        if !once.contains(image) {
            once.push(image.clone());
        }
    }
    once
}

/// `cold` builds for the first node's own platform: on builders that differ in
/// it, the native build of one would be an emulated one of the other.
fn check_natives(cells: &Cells<'_>, scenarios: &[Scenario]) -> anyhow::Result<()> {
    let first = cells.first();
    let mut others = cells.sessions().iter().enumerate();
    let Some((at, other)) = others.find(|(_, session)| session.native != first.native) else {
        return Ok(());
    };
    let builds_cold = |scenario: &Scenario, session: &BuilderSession| {
        let native_only = scenario.native_only(&session.native);
        let kinds = plan::with_prerequisites(&scenario.kinds, native_only).all;
        kinds.contains(&BuildKind::Cold)
    };
    let cold = scenarios
        .iter()
        .find(|scenario| builds_cold(scenario, first) || builds_cold(scenario, other));
    if let Some(scenario) = cold {
        let name = |at: usize| cells.name_of(at).unwrap_or_default().to_owned();
        bail!(
            "{}: cold builds for the builder's own platform, which is {} on {} and {} on {}: race \
             other kinds (--kinds multi-arch,incremental) for the same platforms",
            scenario.name,
            first.native,
            name(0),
            other.native,
            name(at)
        );
    }
    Ok(())
}

async fn of_builders(
    cells: &Cells<'_>,
    project: &Project,
    scenarios: &mut Vec<Scenario>,
    choice: &mut Choice,
) -> anyhow::Result<Vec<Vec<EmulatorInfo>>> {
    let mut found = Vec::new();
    for (at, session) in cells.sessions().iter().enumerate() {
        let of_builder = eligibility::by_platform(session, project, scenarios, choice).await;
        found.push(on(cells, at, of_builder)?);
    }
    Ok(found)
}

async fn of_emulators(
    cells: &Cells<'_>,
    project: &Project,
    scenarios: &mut Vec<Scenario>,
    choice: &mut Choice,
) -> anyhow::Result<Vec<Vec<EmulatorInfo>>> {
    let session = cells.first();
    let mut found = Vec::new();
    let Some(emulators) = cells.emulators() else {
        return Ok(found);
    };
    let executed = images::executed(project, scenarios, session.nodes())?;
    let executed = executed.surely.iter().chain(&executed.maybe);
    let foreign = executed.filter(|platform| is_emulated(platform));
    let mut foreign: Vec<String> = foreign.map(|p| p.architecture().to_owned()).collect();
    foreign.sort();
    foreign.dedup();
    if foreign.is_empty() {
        bail!(
            "--matrix qemu=: nothing of it is emulated: no RUN and no smoke test is for a platform \
             other than {}",
            session.native
        );
    }
    emulators.take(&foreign)?;
    for (name, cell) in cells.values() {
        let version = cell.qemu.as_deref().unwrap_or_default();
        emulators
            .choose(version)
            .map_err(|message| anyhow::anyhow!("{name}: {message}"))?;
        let of_value = eligibility::by_platform(session, project, scenarios, choice).await;
        found.push(of_value.with_context(|| format!("under {name}"))?);
    }
    Ok(found)
}

/// Whether this machine needs QEMU for a platform's programs.
fn is_emulated(platform: &Platform) -> bool {
    let architecture = binfmt::architecture(platform.architecture());
    platform.os() == "linux" && architecture.is_some_and(|found| !found.is_native())
}

/// Says which of several builders an error is of.
fn on<T>(cells: &Cells<'_>, at: usize, result: anyhow::Result<T>) -> anyhow::Result<T> {
    match cells.name_of(at) {
        Some(name) => result.with_context(|| format!("on {name}")),
        None => result,
    }
}

/// Says where builders build from images that are not the same.
fn report_other_images(of_each: &[Vec<BaseImage>]) {
    let mut told = Vec::new();
    for image in of_each.iter().flatten() {
        let differs = |other: &&BaseImage| {
            (&other.name, &other.platform) == (&image.name, &image.platform)
                && other.digest.is_some()
                && image.digest.is_some()
                && other.digest != image.digest
        };
        if of_each.iter().flatten().any(|other| differs(&other)) && !told.contains(&&image.name) {
            told.push(&image.name);
            let name = crate::escape::terminal(&image.name, 200);
            errln!("note: {name} is not the same image on each builder: times may differ for that");
        }
    }
}
