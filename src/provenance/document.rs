//! The JSON of a provenance, as far as it is read. Go writes what is empty as
//! `null`, or leaves it out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::contents::{Provenance, digest_without_cache};
use super::definition::{Definition, Op};

/// What begins the name of a build argument among what a frontend is told.
const BUILD_ARGUMENT: &str = "build-arg:";

/// A provenance of SLSA 0.2 or 1, alone or in an in-toto statement.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    predicate: Option<Box<Document>>,
    // SLSA 0.2
    invocation: Option<Invocation>,
    materials: Option<Vec<Material>>,
    #[serde(rename = "buildConfig")]
    config: Option<Config>,
    metadata: Option<Metadata>,
    // SLSA 1
    #[serde(rename = "buildDefinition")]
    build: Option<Build>,
    #[serde(rename = "runDetails")]
    run: Option<RunDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Invocation {
    parameters: Option<Request>,
    environment: Option<Environment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Environment {
    platform: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Request {
    args: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Build {
    #[serde(rename = "externalParameters")]
    external: Option<External>,
    #[serde(rename = "internalParameters")]
    internal: Option<Internal>,
    #[serde(rename = "resolvedDependencies")]
    materials: Option<Vec<Material>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct External {
    request: Option<Request>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Internal {
    #[serde(rename = "builderPlatform")]
    platform: Option<String>,
    #[serde(rename = "buildConfig")]
    config: Option<Config>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RunDetails {
    metadata: Option<Metadata>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Material {
    uri: String,
    digest: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    #[serde(
        rename = "https://mobyproject.org/buildkit@v1#metadata",
        alias = "buildkit_metadata"
    )]
    buildkit: Option<BuildKitMetadata>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BuildKitMetadata {
    source: Option<Sources>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sources {
    infos: Option<Vec<Info>>,
    locations: Option<BTreeMap<String, Option<Locations>>>,
}

/// A file that the definition was made from. The first is the Dockerfile.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Info {
    /// Base64.
    data: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Locations {
    locations: Option<Vec<Location>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Location {
    #[serde(rename = "sourceIndex")]
    source: usize,
    ranges: Option<Vec<Range>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Range {
    start: Option<Position>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Position {
    line: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(rename = "llbDefinition")]
    steps: Option<Vec<Step>>,
    /// The step of each digest.
    #[serde(rename = "digestMapping")]
    digests: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
struct Step {
    id: String,
    #[serde(default)]
    op: Option<Op>,
    /// `step3:0`.
    #[serde(default)]
    inputs: Option<Vec<String>>,
}

/// Reads a provenance, alone or in an in-toto statement.
///
/// # Errors
/// It is no JSON of this form.
pub fn read(json: &[u8]) -> serde_json::Result<Provenance> {
    Ok(serde_json::from_slice::<Document>(json)?.provenance())
}

impl Document {
    pub(super) fn provenance(self) -> Provenance {
        if let Some(predicate) = self.predicate {
            return predicate.provenance();
        }
        let build = self.build.unwrap_or_default();
        let internal = build.internal.unwrap_or_default();
        let invocation = self.invocation.unwrap_or_default();
        let environment = invocation.environment.unwrap_or_default();
        let platform = environment.platform.or(internal.platform);
        let request = build.external.unwrap_or_default().request;
        let request = invocation.parameters.or(request).unwrap_or_default();
        let attributes = request.args.unwrap_or_default().into_iter();
        let arguments = attributes.filter_map(|(name, value)| {
            let name = name.strip_prefix(BUILD_ARGUMENT)?;
            Some((name.to_owned(), value))
        });
        let run = self.run.unwrap_or_default();
        let metadata = self.metadata.or(run.metadata).unwrap_or_default();
        let source = metadata.buildkit.unwrap_or_default().source;
        let source = source.unwrap_or_default();
        let materials = self.materials.or(build.materials).unwrap_or_default();
        let materials = materials.into_iter().filter_map(|material| {
            let (_, digest) = material.digest?.pop_first()?;
            Some((material.uri, digest))
        });
        let config = self.config.or(internal.config).unwrap_or_default();
        Provenance {
            builder_platform: platform.and_then(|name| name.parse().ok()),
            arguments: arguments.collect(),
            materials: materials.collect(),
            definitions: definitions(config, &source.locations.unwrap_or_default()),
            dockerfile: source.infos.and_then(|infos| {
                let data = STANDARD.decode(infos.first()?.data.as_ref()?).ok()?;
                Some(String::from_utf8_lossy(&data).into_owned())
            }),
        }
    }
}

/// The definitions of a build by the digests of its steps.
fn definitions(
    config: Config,
    locations: &BTreeMap<String, Option<Locations>>,
) -> BTreeMap<String, Definition> {
    let digests = config.digests.unwrap_or_default();
    let by_step: BTreeMap<&str, &str> = digests
        .iter()
        .map(|(digest, step)| (step.as_str(), digest.as_str()))
        .collect();
    let mut definitions = BTreeMap::new();
    for step in config.steps.unwrap_or_default() {
        let Some(digest) = by_step.get(step.id.as_str()) else {
            continue;
        };
        let inputs = step.inputs.unwrap_or_default();
        let inputs = inputs.iter().map(|input| {
            let step = input.split(':').next().unwrap_or_default();
            by_step.get(step).copied().unwrap_or_default().to_owned()
        });
        let line = line(locations.get(&step.id).and_then(Option::as_ref));
        let definition = step.op.and_then(|op| op.definition(inputs.collect(), line));
        let Some(definition) = definition else {
            continue;
        };
        definitions.insert(digest_without_cache(digest), definition.clone());
        definitions.insert((*digest).to_owned(), definition);
    }
    definitions
}

/// The line of the Dockerfile at which an instruction begins.
fn line(locations: Option<&Locations>) -> Option<usize> {
    let locations = locations?.locations.as_ref()?.iter();
    let ranges = locations
        .filter(|location| location.source == 0)
        .flat_map(|location| location.ranges.iter().flatten());
    let lines = ranges.filter_map(|range| Some(range.start.as_ref()?.line));
    lines.filter(|line| *line > 0).min()
}
