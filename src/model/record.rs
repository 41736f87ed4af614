//! The record of a run: what was raced, on which builder, in which order.
//! This is `run.json`, field by field; `docs/formats.md` describes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::slot::{self, Slot};
use super::{BuildKind, CiCacheInfo, Invocation, Label, Platform, Rules, SOURCE};

/// Version of the result files. A reader refuses a newer one.
pub const SCHEMA_VERSION: u32 = 3;

/// What an edit of a variant's Dockerfile begins with, in place of a file's name.
pub const THE_DOCKERFILE: &str = "the Dockerfile";

/// Everything about a run that is known before its first sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of these files, [`SCHEMA_VERSION`] when written.
    pub schema: u32,
    /// Id of the run: UTC time and a random tail, `20261123T204500Z-3f9a1c`.
    pub run: String,
    /// Version of buildrace that wrote it.
    pub buildrace: String,
    /// When it began.
    pub started: Timestamp,
    /// What was typed, without what belongs to one machine.
    pub command: Invocation,
    /// Id of the commit that the project was at, with `-dirty` behind it where
    /// files differed from it; `None` where it is in no git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Name of the suite whose scenarios are raced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// Seed that the order was drawn from.
    pub seed: u64,
    /// Rounds planned, spare ones not counted; the most where a run stops when
    /// it is clear.
    pub rounds: u32,
    /// How it is judged.
    #[serde(default)]
    pub rules: Rules,
    /// Time limit of a sample, seconds.
    pub timeout_seconds: f64,
    /// What is raced.
    pub scenarios: Vec<ScenarioInfo>,
    /// What became of the results of timed builds, where they did not stay in the cache alone,
    /// in the words of buildx's `--output`: `type=oci,compression=zstd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<String>,
    /// Remote caches that kinds of builds name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ci_caches: Vec<CiCacheInfo>,
    /// What was asked for and is not raced, since it cannot be here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// The order that was drawn, spare rounds included.
    #[serde(with = "slot::plan")]
    pub plan: Vec<Slot>,
    /// Where it is built; of several builders the first.
    pub builder: BuilderInfo,
    /// The machine that the builder (or, for a remote one, buildrace) runs on.
    pub host: HostInfo,
    /// Emulators that foreign platforms run under; of a matrix, at its first value.
    pub emulators: Vec<EmulatorInfo>,
    /// Base images of all Dockerfiles, on each platform.
    pub base_images: Vec<BaseImage>,
}

impl RunRecord {
    /// The builder of a variant's builds.
    pub fn builder_of<'a>(&'a self, variant: &'a VariantInfo) -> &'a BuilderInfo {
        variant.builder.as_ref().unwrap_or(&self.builder)
    }

    /// The emulators of a variant's builds.
    pub fn emulators_of<'a>(&'a self, variant: &'a VariantInfo) -> &'a [EmulatorInfo] {
        variant.emulators.as_deref().unwrap_or(&self.emulators)
    }
}

/// A scenario or a variant of one that cannot be raced here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The scenario's name.
    pub scenario: String,
    /// The variant's name; all of the scenario where `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Why, and what to do about it; one line.
    pub reason: String,
}

impl LeftOut {
    /// `platforms: no emulator for …`
    pub fn describe(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{variant} of {}: {}", self.scenario, self.reason),
            None => format!("{}: {}", self.scenario, self.reason),
        }
    }
}

/// A scenario as it was raced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioInfo {
    /// Name of the scenario.
    pub name: String,
    /// One line on what it is.
    pub title: String,
    /// SHA-256 of its `scenario.toml`, hex; empty where it has none, and comes
    /// from a command line.
    pub digest: String,
    /// SHA-256 over names, modes and contents of its sources, hex.
    pub sources_digest: String,
    /// Where its sources came from, where they were fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources_from: Option<SourcesFrom>,
    /// Name of the reference variant.
    pub reference: String,
    /// Platforms of its multi-arch kinds.
    pub platforms: Vec<Platform>,
    /// Platform of its cold kind: the node's own.
    pub native: Platform,
    /// Variants raced, the reference first.
    pub variants: Vec<VariantInfo>,
    /// Kinds raced.
    pub kinds: Vec<BuildKind>,
    /// Those of them that are built for the sake of others alone, which start
    /// from their state: until one is good, and not in later rounds. Where a gate
    /// goes by `incremental`, its edits follow one another on one state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub built_once: Vec<BuildKind>,
    /// What an incremental build changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<String>,
    /// What incremental builds of other edits change, by the names of those; a text
    /// for each part. An edit of the sources in several parts is here, too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub edits: BTreeMap<String, Vec<String>>,
    /// The kind that a gate goes by, where it was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<BuildKind>,
}

impl ScenarioInfo {
    /// The files of the sources that builds of a kind change; `None` where that is
    /// not told, or they change nothing.
    pub fn edited_files(&self, kind: BuildKind) -> Option<Vec<&str>> {
        if !kind.is_edited() {
            return None;
        }
        let edit = kind.edit();
        let name = edit.as_ref().map_or(SOURCE, Label::as_str);
        let usual = self.edit.as_slice();
        let parts = self.edits.get(name).map_or(usual, Vec::as_slice);
        let files = parts.iter().map(|part| Some(part.split_once(": ")?.0));
        let files: Vec<&str> = files.collect::<Option<_>>()?;
        let files: Vec<&str> = files.into_iter().filter(|f| *f != THE_DOCKERFILE).collect();
        Some(files).filter(|_| !parts.is_empty())
    }

    /// Whether it is built for the node's own platform alone, and cold stands
    /// in for multi-arch.
    pub fn native_only(&self) -> bool {
        self.platforms == [self.native.clone()] && !self.kinds.contains(&BuildKind::MultiArch)
    }

    /// The kind that a gate goes by, and a run that stops when it is clear:
    /// the chosen one, or the first raced of incremental, multi-arch and cold.
    pub fn gate(&self) -> Option<BuildKind> {
        let usual = [
            BuildKind::Incremental,
            BuildKind::MultiArch,
            BuildKind::Cold,
        ];
        let usual = usual.into_iter().find(|kind| self.kinds.contains(kind));
        self.gate.or(usual).or(self.kinds.first().copied())
    }
}

/// Where fetched sources came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SourcesFrom {
    /// From a git repository.
    Git {
        /// URL of the repository.
        git: String,
        /// Tag or branch.
        #[serde(rename = "ref")]
        reference: String,
        /// Id of the commit.
        commit: String,
    },
    /// They were built, since git had no answer.
    Built {
        /// The Dockerfile that made them, relative to the project.
        dockerfile: String,
        /// What it says that they are, one line from outside.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made_of: Option<String>,
    },
}

impl SourcesFrom {
    /// In words: `v1.0 of https://…, commit 0123…`.
    pub fn describe(&self) -> String {
        match self {
            Self::Git {
                git,
                reference,
                commit,
            } => format!("{reference} of {git}, commit {commit}"),
            Self::Built {
                dockerfile,
                made_of: Some(made_of),
            } => format!("{made_of}, by {dockerfile}"),
            Self::Built { dockerfile, .. } => format!("what {dockerfile} makes"),
        }
    }
}

/// A variant as it was raced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantInfo {
    /// Name of the variant.
    pub name: String,
    /// Dockerfile, relative to the project.
    pub dockerfile: String,
    /// SHA-256 of the Dockerfile, hex.
    pub digest: String,
    /// The git commit that Dockerfile and sources are of, where they are not
    /// those of the working tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// SHA-256 over names, modes and contents of its sources, hex, where they
    /// are not the scenario's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources_digest: Option<String>,
    /// The builder of its builds, where the race has several (`--matrix`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builder: Option<BuilderInfo>,
    /// The emulators of its builds, where those of variants may differ
    /// (`--matrix`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emulators: Option<Vec<EmulatorInfo>>,
    /// What bake builds, where the variant is one of bake's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<BakeInfo>,
}

/// Targets of bake that are one build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BakeInfo {
    /// Names of the targets, those among them that others take from.
    pub targets: Vec<String>,
    /// SHA-256 of what `docker buildx bake --print` said of them, hex.
    pub digest: String,
}

/// The builder, without anything that names a machine or a person.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BuilderInfo {
    /// buildx's word: `docker`, `docker-container`, `remote`, `kubernetes`, or `replay`.
    pub driver: String,
    /// How it was found: `private engine`, `DOCKER_HOST`, `context`, `default socket`, `--host`.
    pub found_by: String,
    /// Version of the Docker Engine.
    pub engine_version: Option<String>,
    /// Version of BuildKit, where it tells.
    pub buildkit_version: Option<String>,
    /// Image store or snapshotter, `overlayfs` of containerd or a graph driver.
    pub storage: Option<String>,
    /// Platforms that it lists, its own first.
    pub platforms: Vec<Platform>,
    /// Its name, where it is an instance of buildx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it was a container of buildrace's own, made for the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
    /// The image of such a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Its nodes, where it has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeInfo>,
}

/// A node of a builder that has several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Its name; names of steps begin with it.
    pub name: String,
    /// Its own platform.
    pub native: Platform,
    /// Platforms that it was given by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<Platform>,
    /// Platforms that it lists, its own first.
    pub platforms: Vec<Platform>,
    /// Version of its BuildKit, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buildkit_version: Option<String>,
}

impl NodeInfo {
    /// The place of the node that a platform goes to: the first that was given
    /// it, else the first that runs it itself, else the first that lists it,
    /// else the first of all. buildx has the same order (`build/resolver/driver.go`
    /// there), but does not ask which of those that list a platform runs it
    /// itself.
    pub fn place_of(nodes: &[Self], platform: &Platform) -> usize {
        let first = |fits: &dyn Fn(&Self) -> bool| nodes.iter().position(fits);
        first(&|node| node.given.contains(platform))
            .or_else(|| first(&|node| node.native == *platform))
            .or_else(|| first(&|node| node.platforms.contains(platform)))
            .unwrap_or(0)
    }
}

/// Facts about the machine that times depend on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostInfo {
    /// CPU model as the kernel names it.
    pub cpu_model: Option<String>,
    /// Logical CPUs that may be used.
    pub cores: Option<u32>,
    /// Memory, bytes.
    pub memory_bytes: Option<u64>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Operating system, `Debian GNU/Linux 12 (bookworm)`.
    pub os: Option<String>,
    /// CPU frequency governor.
    pub governor: Option<String>,
}

/// The emulator of one foreign architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmulatorInfo {
    /// Platform that it runs.
    pub platform: Platform,
    /// Name of the binfmt handler.
    pub handler: String,
    /// SHA-256 of the interpreter, hex, where it can be read.
    pub interpreter_digest: Option<String>,
    /// What it says of its version, `10.0.2`.
    pub version: Option<String>,
    /// binfmt flags, `OCF`.
    pub flags: String,
}

/// A base image on one platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaseImage {
    /// Name as the Dockerfiles write it.
    pub name: String,
    /// Platform.
    pub platform: Platform,
    /// Digest of the image index, or of the image where it has none.
    pub digest: Option<String>,
    /// Whether it is a stand-in made from Debian packages, not the official image.
    pub stand_in: bool,
    /// The node that needs it, of a builder that has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_sources_came_from_is_read_as_it_is_written() {
        let git = r#"{"git":"https://example.com/p.git","ref":"v1","commit":"0123"}"#;
        let built = r#"{"dockerfile":"scenarios/p/Dockerfile","made_of":"package p 1"}"#;
        let silent = r#"{"dockerfile":"scenarios/p/Dockerfile"}"#;
        for (text, described) in [
            (git, "v1 of https://example.com/p.git, commit 0123"),
            (built, "package p 1, by scenarios/p/Dockerfile"),
            (silent, "what scenarios/p/Dockerfile makes"),
        ] {
            let from: SourcesFrom = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&from).unwrap(), text);
            assert_eq!(from.describe(), described);
        }
    }
}
