//! What scenarios need to be built: base images, and platforms whose programs
//! run.

use std::collections::BTreeSet;

use crate::model::{BuildKind, BuildNodes, NodePart, Platform, familiar_name};
use crate::plan;
use crate::scenario::{Project, Scenario, ScenarioError, Variant};

/// The base images that these scenarios' builds need, each with a platform
/// that it is needed on; sorted, each pair once.
///
/// # Errors
/// A Dockerfile whose images cannot be told.
pub fn needed(
    project: &Project,
    scenarios: &[Scenario],
    nodes: BuildNodes<'_>,
) -> Result<Vec<(String, Platform)>, ScenarioError> {
    let mut needed = BTreeSet::new();
    for scenario in scenarios {
        for variant in &scenario.variants {
            needed.extend(needed_by(project, scenario, variant, nodes)?);
        }
    }
    Ok(needed.into_iter().collect())
}

/// The base images that nothing but optional variants needs.
///
/// # Errors
/// A Dockerfile whose images cannot be told.
pub fn optional(
    project: &Project,
    scenarios: &[Scenario],
    nodes: BuildNodes<'_>,
) -> Result<BTreeSet<String>, ScenarioError> {
    let mut required = scenarios.to_vec();
    for scenario in &mut required {
        scenario.variants.retain(|variant| !variant.optional);
    }
    let required = needed(project, &required, nodes)?;
    let all = needed(project, scenarios, nodes)?.into_iter();
    let names = all.map(|(name, _)| name);
    Ok(names
        .filter(|name| !required.iter().any(|(other, _)| other == name))
        .collect())
}

/// The base images that the builds of one variant need, by their familiar
/// names with a tag: the same for each way of writing a name.
///
/// # Errors
/// A Dockerfile that no engine must be given.
pub fn needed_by(
    project: &Project,
    scenario: &Scenario,
    variant: &Variant,
    nodes: BuildNodes<'_>,
) -> Result<Vec<(String, Platform)>, ScenarioError> {
    let mut needed = Vec::new();
    for part in nodes.parts(&built(scenario, nodes.native)) {
        needed.extend(needed_for(project, variant, &part)?);
    }
    Ok(needed)
}

/// The base images that one node of a builder needs for these scenarios' builds,
/// each with a platform that it is needed on.
///
/// # Errors
/// A Dockerfile that no engine must be given.
pub fn needed_on(
    project: &Project,
    scenarios: &[Scenario],
    nodes: BuildNodes<'_>,
    node: &str,
) -> Result<BTreeSet<(String, Platform)>, ScenarioError> {
    let mut needed = BTreeSet::new();
    for scenario in scenarios {
        let parts = nodes.parts(&built(scenario, nodes.native));
        for part in parts.iter().filter(|part| part.node == Some(node)) {
            for variant in &scenario.variants {
                needed.extend(needed_for(project, variant, part)?);
            }
        }
    }
    Ok(needed)
}

/// What a variant needs of what one node builds.
fn needed_for(
    project: &Project,
    variant: &Variant,
    part: &NodePart<'_>,
) -> Result<Vec<(String, Platform)>, ScenarioError> {
    let needs = project.needs(variant, part.native, &part.platforms)?;
    let images = needs.images.into_iter();
    Ok(images
        .map(|image| (familiar_name(&image.name), image.platform))
        .collect())
}

/// What could not be read of these scenarios' Dockerfiles beforehand, in one
/// line each.
///
/// # Errors
/// A Dockerfile that no engine must be given.
pub fn unclear(
    project: &Project,
    scenarios: &[Scenario],
    nodes: BuildNodes<'_>,
) -> Result<Vec<String>, ScenarioError> {
    let mut unclear = Vec::new();
    for scenario in scenarios {
        for variant in &scenario.variants {
            let platforms = built(scenario, nodes.native);
            let needs = project.needs(variant, nodes.native, &platforms)?;
            let more = match needs.unclear.len() {
                0 | 1 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            if let Some((line, why)) = needs.unclear.first() {
                unclear.push(format!("{}:{line}: {why}{more}", variant.shown));
            }
        }
    }
    Ok(unclear)
}

/// The platforms whose programs the builds of a scenario run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Executed {
    /// Those that they do.
    pub surely: Vec<Platform>,
    /// Those that they may, where a Dockerfile could not be read completely.
    pub maybe: Vec<Platform>,
}

/// The platforms whose programs these scenarios' builds run: those of their
/// `RUN`s and smoke tests, and the node's own.
///
/// # Errors
/// A Dockerfile that no engine must be given.
pub fn executed(
    project: &Project,
    scenarios: &[Scenario],
    nodes: BuildNodes<'_>,
) -> Result<Executed, ScenarioError> {
    let mut executed = Executed::default();
    for scenario in scenarios {
        let built = built(scenario, nodes.native);
        let has_smoke_test = scenario.output.as_ref().is_some_and(|o| o.smoke.is_some());
        let own = built.iter().filter(|built| *built == nodes.native);
        executed.surely.extend(own.cloned());
        if has_smoke_test {
            executed.surely.extend(built.iter().cloned());
        }
        for variant in &scenario.variants {
            for part in nodes.parts(&built) {
                let needs = project.needs(variant, part.native, &part.platforms)?;
                executed.surely.extend(needs.runs_on);
                if !needs.unclear.is_empty() {
                    executed.maybe.extend(part.platforms);
                }
            }
        }
    }
    let surely = Platform::each_once(&executed.surely);
    let mut maybe = Platform::each_once(&executed.maybe);
    maybe.retain(|platform| !surely.contains(platform));
    Ok(Executed { surely, maybe })
}

/// The platforms that the kinds of a scenario build.
fn built(scenario: &Scenario, native: &Platform) -> Vec<Platform> {
    let kinds = plan::with_prerequisites(&scenario.kinds, scenario.native_only(native)).all;
    let mut platforms = Vec::new();
    if kinds.contains(&BuildKind::Cold) {
        platforms.push(native.clone());
    }
    if kinds.iter().any(|kind| *kind != BuildKind::Cold) {
        platforms.extend(scenario.platforms.iter().cloned());
    }
    platforms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cold_alone_needs_the_nodes_own_platform_alone() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("scenarios/x/src/a", "a");
        write("dockerfiles/x/naive.Dockerfile", "FROM tools:1\n");
        write(
            "dockerfiles/x/cross.Dockerfile",
            "FROM --platform=$BUILDPLATFORM tools:1 AS build\nFROM base:1\nCOPY --from=build /a /a\n",
        );
        write("scenarios/x/scenario.toml", SCENARIO);
        let project = Project::find(folder.path()).unwrap();
        let mut scenarios = project.load(&[]).unwrap();
        let native = Platform::linux("amd64");
        let shown = |scenarios: &[Scenario]| -> Vec<String> {
            needed(&project, scenarios, BuildNodes::one(&native))
                .unwrap()
                .iter()
                .map(|(name, platform)| format!("{name} {platform}"))
                .collect()
        };

        scenarios[0].kinds = vec![BuildKind::Cold];
        assert_eq!(built(&scenarios[0], &native), std::slice::from_ref(&native));
        assert_eq!(
            shown(&scenarios),
            ["base:1 linux/amd64", "tools:1 linux/amd64"]
        );

        scenarios[0].kinds = vec![BuildKind::Noop];
        scenarios[0].platforms = vec![Platform::linux("arm64")];
        assert_eq!(built(&scenarios[0], &native), scenarios[0].platforms);
        assert_eq!(
            shown(&scenarios),
            [
                "base:1 linux/arm64",
                "tools:1 linux/amd64",
                "tools:1 linux/arm64"
            ]
        );
    }

    #[test]
    fn emulators_are_for_what_runs_under_one() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("scenarios/x/src/a", "a");
        write("scenarios/x/scenario.toml", SCENARIO);
        let native = Platform::linux("amd64");
        let executed = |naive: &str| {
            write("dockerfiles/x/naive.Dockerfile", naive);
            write("dockerfiles/x/cross.Dockerfile", "FROM scratch\nCOPY a /\n");
            let project = Project::find(folder.path()).unwrap();
            let scenarios = project.load(&[]).unwrap();
            let executed = executed(&project, &scenarios, BuildNodes::one(&native)).unwrap();
            let shown = |platforms: &[Platform]| {
                let names = platforms.iter().map(|p| p.architecture().to_owned());
                names.collect::<Vec<_>>().join(" ")
            };
            (shown(&executed.surely), shown(&executed.maybe))
        };
        let is = |surely: &str, maybe: &str| (surely.to_owned(), maybe.to_owned());
        assert_eq!(executed("FROM debian\nCOPY a /\n"), is("amd64", ""));
        assert_eq!(executed("FROM debian\nRUN x\n"), is("amd64 arm64", ""));
        let cross = "FROM --platform=$BUILDPLATFORM debian AS build\nRUN x\n\
                     FROM build AS more\nRUN y\nFROM debian\nCOPY --from=more /a /\n";
        assert_eq!(executed(cross), is("amd64", ""));
        let unreached = "FROM debian AS test\nRUN x\nFROM debian\nCOPY a /\n";
        assert_eq!(executed(unreached), is("amd64", ""));
        let kept = "FROM debian AS base\nONBUILD RUN x\nFROM base\n";
        assert_eq!(executed(kept), is("amd64 arm64", ""));
        assert_eq!(executed("FROM $NONE\nRUN x\n"), is("amd64", "arm64"));
    }

    const SCENARIO: &str = r#"title = "x"
sources = "src"
platforms = ["linux/amd64", "linux/arm64"]

[edit]
file = "a"
find = "a"
replace = "{nonce}"

[[variant]]
name = "naive"
reference = true

[[variant]]
name = "cross"
"#;
}
