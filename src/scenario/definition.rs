//! What a scenario says, once its files were found and checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::bake::Bake;
use super::context_source::ContextSource;
use super::edits::NamedEdit;
use super::error::ScenarioError;
use super::fetch::Fetch;
use super::output::Output;
use crate::model::{BuildKind, Platform, SourcesFrom};

/// A scenario whose files are there and make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The name of its folder in `scenarios/`.
    pub name: String,
    /// One line on what it is.
    pub title: String,
    /// What its program is written in, where it says.
    pub language: Option<String>,
    /// Whether it is raced only where it is named: it shows a mistake, not a
    /// way to build.
    pub control: bool,
    /// Its `scenario.toml`.
    pub toml_path: PathBuf,
    /// SHA-256 of its `scenario.toml`, hex.
    pub digest: String,
    /// Folder that is the build context; empty before [`Project::give_sources`](super::Project::give_sources)
    /// where they are fetched.
    pub sources: PathBuf,
    /// Where its sources come from, where they are not in the project.
    pub fetch: Option<Fetch>,
    /// Where they came from, once they are fetched.
    pub sources_from: Option<SourcesFrom>,
    /// Platforms of its multi-arch kinds.
    pub platforms: Vec<Platform>,
    /// Kinds to build.
    pub kinds: Vec<BuildKind>,
    /// Variants, the reference first, the others as written.
    pub variants: Vec<Variant>,
    /// The edits of incremental builds; without one none is built.
    pub edits: Vec<NamedEdit>,
    /// The kind that a gate goes by, where it was chosen.
    pub gate: Option<BuildKind>,
    /// What an image must hold to count, beside its platforms; without it no
    /// image is checked.
    pub output: Option<Output>,
}

/// One Dockerfile of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// The name that the scenario gives it, `naive` or `cross`.
    pub name: String,
    /// Whether the others are compared with it.
    pub reference: bool,
    /// Whether a race goes on without it where its base images are unavailable.
    pub optional: bool,
    /// The Dockerfile; it need not be in the sources.
    pub dockerfile: PathBuf,
    /// What results call it: its path in the project.
    pub shown: String,
    /// Its own build context, where it is not the scenario's sources.
    pub sources: Option<PathBuf>,
    /// The folder of the working tree that its own build context is a copy of.
    pub origin: Option<PathBuf>,
    /// The git commit that Dockerfile and context are of, where they are not
    /// the working tree's.
    pub revision: Option<String>,
    /// SHA-256 of the Dockerfile, hex.
    pub digest: String,
    /// Stage to build; the last where `None`.
    pub target: Option<String>,
    /// Build arguments.
    pub build_args: BTreeMap<String, String>,
    /// Further build contexts by their names.
    pub contexts: BTreeMap<String, ContextSource>,
    /// Sockets of SSH agents by their ids.
    pub ssh: BTreeMap<String, PathBuf>,
    /// What bake builds, where it says what a variant is. Then of this only the
    /// Dockerfile of one target is told here, and neither stage, arguments
    /// nor contexts.
    pub bake: Option<Bake>,
    /// Where it is built, in a race over several builders or emulators.
    pub cell: Cell,
}

/// Where the builds of a variant are made, and what emulates foreign platforms
/// there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// Which of the race's places builds it, from 0.
    pub place: usize,
    /// Version of the QEMU that is registered for its builds; `None` where the
    /// race leaves it as it is.
    pub qemu: Option<String>,
}

impl Scenario {
    /// The edit that comes before builds of a kind.
    pub fn edit_of(&self, kind: BuildKind) -> Option<&NamedEdit> {
        let kind = kind.with_kept_caches()?;
        self.edits.iter().find(|edit| edit.kind() == kind)
    }

    /// The build context of a variant.
    pub fn sources_of<'a>(&'a self, variant: &'a Variant) -> &'a Path {
        variant.sources.as_deref().unwrap_or(&self.sources)
    }

    /// Whether it is built for the node's own platform alone, so that cold
    /// stands in for multi-arch.
    pub fn native_only(&self, native: &Platform) -> bool {
        self.platforms == [native.clone()] && !self.kinds.contains(&BuildKind::MultiArch)
    }

    /// The variant that the others are compared with; `None` after
    /// [`Self::select_variants`] left it out.
    pub fn reference(&self) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.reference)
    }

    /// Keeps the variants of these names, in the scenario's order; all where
    /// `names` is empty.
    ///
    /// # Errors
    /// A name that no variant has.
    pub fn select_variants(&mut self, names: &[String]) -> Result<(), ScenarioError> {
        for name in names {
            if !self.variants.iter().any(|variant| variant.name == *name) {
                return Err(ScenarioError::UnknownName {
                    what: "variant",
                    name: name.clone(),
                    known: self.variants.iter().map(|v| v.name.clone()).collect(),
                });
            }
        }
        if !names.is_empty() {
            self.variants
                .retain(|variant| names.contains(&variant.name));
        }
        Ok(())
    }
}
