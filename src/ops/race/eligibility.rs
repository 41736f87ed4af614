//! What of a race can be raced here. What was named must be; of a suite, or of
//! all scenarios, those that cannot are left out, visibly.

use anyhow::bail;

use crate::engine::images::Missing;
use crate::engine::{binfmt, preflight};
use crate::escape;
use crate::model::{BaseImage, BuildNodes, EmulatorInfo, Invocation, LeftOut, Platform};
use crate::ops::builder::BuilderSession;
use crate::ops::images;
use crate::scenario::{Project, Scenario};

/// How the scenarios of a race were chosen.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The suite.
    pub suite: Option<String>,
    /// Whether those that cannot be raced here are left out. Where each was
    /// named they are an error.
    pub may_leave_out: bool,
    /// What was left out already.
    pub left_out: Vec<LeftOut>,
}

impl Choice {
    /// The invocation that races what is left: a scenario that was left out is not
    /// named, nor is a variant.
    pub fn repeated(&self, command: &Invocation, scenarios: &[Scenario]) -> Invocation {
        let mut repeated = command.clone();
        repeated.operands.retain(|name| {
            let mut left_out = self.left_out.iter();
            !left_out.any(|out| out.variant.is_none() && out.scenario == *name)
        });
        if self.left_out.iter().any(|out| out.variant.is_some()) {
            let mut variants: Vec<&str> = Vec::new();
            for variant in scenarios.iter().flat_map(|scenario| &scenario.variants) {
                if !variants.contains(&variant.name.as_str()) {
                    variants.push(&variant.name);
                }
            }
            repeated.set_first("variant", variants.join(","));
        }
        repeated
    }
}

/// The copies of what is raced, without what was left out.
pub fn copies(all: &[Scenario], raced: &[Scenario]) -> Vec<Scenario> {
    let copy = |raced: &Scenario| {
        let mut copy = all.iter().find(|copy| copy.name == raced.name)?.clone();
        copy.variants
            .retain(|copy| raced.variants.iter().any(|v| v.name == copy.name));
        Some(copy)
    };
    raced.iter().filter_map(copy).collect()
}

/// Tries the platforms whose programs the scenarios' builds run, takes the
/// scenarios that cannot be built out of `scenarios`, and tells the emulators
/// of the rest. Where a Dockerfile could not be read completely, a platform
/// that does not run is a warning: BuildKit has the last word.
///
/// # Errors
/// The engine cannot be asked; a scenario that was named, or every one, cannot
/// be built.
pub async fn by_platform(
    session: &BuilderSession,
    project: &Project,
    scenarios: &mut Vec<Scenario>,
    choice: &mut Choice,
) -> anyhow::Result<Vec<EmulatorInfo>> {
    let nodes = session.nodes();
    let images::Executed { surely, maybe } = images::executed(project, scenarios, nodes)?;
    let each: Vec<Platform> = surely.iter().chain(&maybe).cloned().collect();
    let mut tried = session.try_each(&each).await?;
    for failed in &tried.failed {
        let reason = escape::terminal(&failed.reason, 1000);
        if maybe.contains(&failed.platform) {
            errln!("warning: if a step runs on it: {reason}");
        } else if !failed.is_certain {
            errln!("warning: {reason}");
        } else if !choice.may_leave_out {
            bail!("{}", failed.reason);
        }
    }
    let failed = |platform: &Platform| {
        let mut failed = tried.failed.iter();
        failed.any(|failed| failed.is_certain && failed.platform == *platform)
    };
    let mut lacks = Vec::new();
    for scenario in scenarios.iter() {
        let own = std::slice::from_ref(scenario);
        let mut lacking = images::executed(project, own, nodes)?.surely;
        lacking.retain(failed);
        if !lacking.is_empty() {
            lacks.push((scenario.name.clone(), no_emulator(&lacking)));
        }
    }
    leave_out(scenarios, choice, |scenario| {
        let mut lacks = lacks.iter();
        let (_, reason) = lacks.find(|(name, _)| *name == scenario.name)?;
        Some(reason.clone())
    })?;
    retain_used(&mut tried.emulators, project, scenarios, nodes)?;
    Ok(tried.emulators)
}

/// Keeps the emulators that the scenarios' builds may run under.
///
/// # Errors
/// A Dockerfile that no engine must be given.
pub fn retain_used(
    emulators: &mut Vec<EmulatorInfo>,
    project: &Project,
    scenarios: &[Scenario],
    nodes: BuildNodes<'_>,
) -> anyhow::Result<()> {
    let used = images::executed(project, scenarios, nodes)?;
    emulators
        .retain(|info| used.surely.contains(&info.platform) || used.maybe.contains(&info.platform));
    Ok(())
}

/// Gets the base images of the scenarios, takes what cannot be built for want
/// of one out of `scenarios` (an optional variant, or a scenario that was not
/// named), and tells the images of the rest.
///
/// # Errors
/// An image of what must be raced cannot be had, or none is left.
pub async fn by_images(
    session: &BuilderSession,
    project: &Project,
    scenarios: &mut Vec<Scenario>,
    choice: &mut Choice,
) -> anyhow::Result<Vec<BaseImage>> {
    let nodes = session.nodes();
    for line in images::unclear(project, scenarios, nodes)? {
        let line = escape::terminal(&line, 400);
        errln!("note: {line}; base images and lines may be missing, and BuildKit decides");
    }
    let needed = images::needed(project, scenarios, nodes)?;
    let may_lack = if choice.may_leave_out {
        needed.iter().map(|(name, _)| name.clone()).collect()
    } else {
        images::optional(project, scenarios, nodes)?
    };
    let mut got = session.obtain(&needed, &may_lack).await?;
    if got.missing.is_empty() {
        return on_nodes(got.images, session, project, scenarios);
    }
    for missing in &got.missing {
        errln!("note: {}", escape::terminal(&missing.reason, 1000));
    }
    without(project, nodes, scenarios, choice, &got.missing)?;
    let needed = images::needed(project, scenarios, nodes)?;
    got.images.retain(|image| {
        let mut needed = needed.iter();
        needed.any(|(name, platform)| *name == image.name && *platform == image.platform)
    });
    on_nodes(got.images, session, project, scenarios)
}

/// Base images with the nodes that need them, where the builder has several.
fn on_nodes(
    images: Vec<BaseImage>,
    session: &BuilderSession,
    project: &Project,
    scenarios: &[Scenario],
) -> anyhow::Result<Vec<BaseImage>> {
    let nodes = session.nodes();
    if nodes.several.is_empty() {
        return Ok(images);
    }
    let mut placed = Vec::new();
    for node in nodes.several {
        let needed = images::needed_on(project, scenarios, nodes, &node.name)?;
        let here = images
            .iter()
            .filter(|image| needed.contains(&(image.name.clone(), image.platform.clone())));
        placed.extend(here.map(|image| BaseImage {
            node: Some(node.name.clone()),
            ..image.clone()
        }));
    }
    Ok(placed)
}

/// Takes out of `scenarios` what needs an image that is missing: optional
/// variants alone, else the scenario.
fn without(
    project: &Project,
    nodes: BuildNodes<'_>,
    scenarios: &mut Vec<Scenario>,
    choice: &mut Choice,
    missing: &[Missing],
) -> anyhow::Result<()> {
    let mut lacking: Vec<(String, String)> = Vec::new();
    for scenario in scenarios.iter_mut() {
        let mut left_out = Vec::new();
        for variant in &scenario.variants {
            let needed = images::needed_by(project, scenario, variant, nodes)?;
            let lack = missing.iter().find(|image| {
                let mut needed = needed.iter();
                needed.any(|(name, on)| *name == image.name && image.platforms.contains(on))
            });
            match lack {
                None => {}
                Some(image) if variant.optional => left_out.push(LeftOut {
                    scenario: scenario.name.clone(),
                    variant: Some(variant.name.clone()),
                    reason: no_image(&image.name),
                }),
                Some(image) => lacking.push((scenario.name.clone(), no_image(&image.name))),
            }
        }
        let is_left_out = |name: &String| {
            left_out
                .iter()
                .any(|out| out.variant.as_ref() == Some(name))
        };
        scenario
            .variants
            .retain(|variant| !is_left_out(&variant.name));
        choice.left_out.extend(left_out);
    }
    leave_out(scenarios, choice, |scenario| {
        let mut lacking = lacking.iter();
        let (_, reason) = lacking.find(|(name, _)| *name == scenario.name)?;
        Some(reason.clone())
    })
}

/// Why what needs this image cannot be raced. What the engine said of it names
/// machines, and is no part of results.
pub fn no_image(name: &str) -> String {
    format!("image {name} unavailable: not local, pull failed, no stand-in")
}

/// Takes the scenarios that there is a reason against out of `scenarios`, and
/// says so.
///
/// # Errors
/// None is left.
pub fn leave_out(
    scenarios: &mut Vec<Scenario>,
    choice: &mut Choice,
    reason: impl Fn(&Scenario) -> Option<String>,
) -> anyhow::Result<()> {
    scenarios.retain(|scenario| {
        let reason = reason(scenario);
        let stays = reason.is_none();
        choice.left_out.extend(reason.map(|reason| LeftOut {
            scenario: scenario.name.clone(),
            variant: None,
            reason,
        }));
        stays
    });
    if scenarios.is_empty() {
        let reasons = choice.left_out.iter().map(LeftOut::describe);
        let reasons = reasons.collect::<Vec<_>>().join("; ");
        bail!("nothing of it can be raced here: {reasons}");
    }
    Ok(())
}

/// Says what is left out.
pub fn report_left_out(left_out: &[LeftOut]) {
    for left_out in left_out {
        let line = escape::terminal(&left_out.describe(), 400);
        errln!("left out: {line}");
    }
}

/// Why a scenario with these platforms cannot be raced, and what to do.
pub fn no_emulator(platforms: &[Platform]) -> String {
    let names: Vec<String> = platforms.iter().map(Platform::to_string).collect();
    let mut architectures: Vec<&str> = platforms.iter().map(Platform::architecture).collect();
    architectures.dedup();
    let other = platforms.iter().find(|platform| !known_to_qemu(platform));
    let advice = match other {
        Some(platform) => preflight::emulator_advice(platform),
        None => format!("buildrace engine up --emulate {}", architectures.join(",")),
    };
    format!("no emulator that works for {}; {advice}", names.join(", "))
}

fn known_to_qemu(platform: &Platform) -> bool {
    platform.os() == "linux" && binfmt::architecture(platform.architecture()).is_some()
}

#[cfg(test)]
#[path = "eligibility_tests.rs"]
mod tests;
