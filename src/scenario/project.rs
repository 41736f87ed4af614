//! Projects: the folder that holds `scenarios/`, which scenarios are in it, and
//! which base images they need.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::bake::Bake;
use super::context_source::ContextSource;
use super::definition::{Scenario, Variant};
use super::dockerfile::{self, BaseImageUse, BuildOf, Needs};
use super::document::Problem;
use super::error::{Place, ScenarioError, position};
use super::fetch::Otherwise;
use super::file::read_file;
use crate::model::{Platform, familiar_name};

/// The folder that holds `scenarios/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// Walks up from `start` to the folder that holds `scenarios/`.
    ///
    /// # Errors
    /// `start` cannot be resolved, or there is none.
    pub fn find(start: &Path) -> Result<Self, ScenarioError> {
        let start = start
            .canonicalize()
            .map_err(|error| ScenarioError::io("open", start, error))?;
        start
            .ancestors()
            .find(|folder| folder.join("scenarios").is_dir())
            .map(|root| Self {
                root: root.to_owned(),
            })
            .ok_or(ScenarioError::NoProject(start))
    }

    /// A folder that need not hold scenarios, for Dockerfiles of one's own.
    ///
    /// # Errors
    /// It cannot be resolved.
    pub fn at(folder: &Path) -> Result<Self, ScenarioError> {
        let root = folder
            .canonicalize()
            .map_err(|error| ScenarioError::io("open", folder, error))?;
        Ok(Self { root })
    }

    /// The folder itself, absolute, without symlinks.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path as messages and results give it: relative to the project where
    /// it is in it.
    pub fn relative<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// Names of all scenarios, sorted: the folders of `scenarios/`, but not
    /// hidden ones.
    ///
    /// # Errors
    /// The folder cannot be read, or holds no scenario.
    pub fn names(&self) -> Result<Vec<String>, ScenarioError> {
        let folder = self.root.join("scenarios");
        let mut names = Vec::new();
        let entries =
            fs::read_dir(&folder).map_err(|error| ScenarioError::io("read", &folder, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| ScenarioError::io("read", &folder, error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() && !name.starts_with('.') {
                names.push(name);
            }
        }
        if names.is_empty() {
            return Err(ScenarioError::NoScenarios(folder));
        }
        names.sort();
        Ok(names)
    }

    /// Loads the scenarios of these names, in this order and each once, or
    /// all, sorted, where `names` is empty.
    ///
    /// # Errors
    /// The first thing that is wrong with any of them.
    pub fn load(&self, names: &[String]) -> Result<Vec<Scenario>, ScenarioError> {
        let known = self.names()?;
        let mut wanted: Vec<&String> = Vec::new();
        for name in if names.is_empty() { &known } else { names } {
            if !known.contains(name) {
                return Err(ScenarioError::UnknownName {
                    what: "scenario",
                    name: name.clone(),
                    known,
                });
            }
            if !wanted.contains(&name) {
                wanted.push(name);
            }
        }
        wanted.into_iter().map(|name| self.load_one(name)).collect()
    }

    /// What a build of the variant needs on the node's own platform `node` and
    /// for `platforms`: the images of `FROM`, `COPY --from` and
    /// `RUN --mount=from=` in the stages that the build reaches, that of
    /// `# syntax=`, and the platforms that its `RUN`s run on. What cannot be
    /// read of it is listed, too.
    ///
    /// # Errors
    /// The Dockerfile cannot be read, or would bring an engine down.
    pub fn needs(
        &self,
        variant: &Variant,
        node: &Platform,
        platforms: &[Platform],
    ) -> Result<Needs, ScenarioError> {
        if let Some(bake) = &variant.bake {
            return needs_of_bake(bake, node, platforms);
        }
        let path = &variant.dockerfile;
        let bytes = read_file(path)
            .map_err(|error| ScenarioError::io("read", self.relative(path), error))?;
        let build = BuildOf {
            target: variant.target.as_deref(),
            build_args: &variant.build_args,
            node,
            platforms,
        };
        let mut needs = dockerfile::needs(&String::from_utf8_lossy(&bytes), build)
            .map_err(|error| error.at(Path::new(&variant.shown)))?;
        needs.images = replaced_by_contexts(needs.images, &variant.contexts);
        Ok(needs)
    }

    /// The images that building an `otherwise` needs, as [`Self::needs`]
    /// lists them.
    ///
    /// # Errors
    /// As [`Self::needs`].
    pub fn images_of_otherwise(
        &self,
        otherwise: &Otherwise,
        node: &Platform,
    ) -> Result<Vec<BaseImageUse>, ScenarioError> {
        let path = &otherwise.dockerfile;
        let bytes = read_file(path)
            .map_err(|error| ScenarioError::io("read", self.relative(path), error))?;
        let build = BuildOf {
            target: None,
            build_args: &BTreeMap::new(),
            node,
            platforms: std::slice::from_ref(node),
        };
        let needs = dockerfile::needs(&String::from_utf8_lossy(&bytes), build)
            .map_err(|error| error.at(Path::new(&otherwise.shown)))?;
        Ok(needs.images)
    }

    pub(super) fn utf8(&self, path: &Path, bytes: Vec<u8>) -> Result<String, ScenarioError> {
        String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
            self.invalid(path, &text, &Problem::new(valid..valid, "not UTF-8 text"))
        })
    }

    pub(super) fn invalid(&self, path: &Path, text: &str, problem: &Problem) -> ScenarioError {
        let (line, column) = position(text, problem.span.start);
        ScenarioError::Invalid {
            at: Place {
                file: self.relative(path).to_owned(),
                line,
                column: Some(column),
            },
            message: problem.message.clone(),
        }
    }
}

/// What the builds of bake's targets need, together.
fn needs_of_bake(
    bake: &Bake,
    node: &Platform,
    platforms: &[Platform],
) -> Result<Needs, ScenarioError> {
    let mut all = Needs::default();
    for target in &bake.targets {
        // Those of a cold build, whether there is one or not.
        let built = platforms.iter();
        let built: Vec<Platform> = built
            .filter(|it| *it == node || target.platforms_of(platforms).contains(it))
            .cloned()
            .collect();
        let build = BuildOf {
            target: target.target.as_deref(),
            build_args: &target.build_args,
            node,
            platforms: &built,
        };
        let text = target.text()?;
        let needs = dockerfile::needs(&String::from_utf8_lossy(&text), build)
            .map_err(|error| error.at(Path::new(&target.shown)))?;
        let images = replaced_by_contexts(needs.images, &target.contexts);
        let known = std::mem::take(&mut all.images);
        let is_new = |image: &BaseImageUse| {
            let mut known = known.iter();
            !known.any(|it| (&it.name, &it.platform) == (&image.name, &image.platform))
        };
        let new: Vec<BaseImageUse> = images.into_iter().filter(is_new).collect();
        all.images = known;
        all.images.extend(new);
        all.runs_on.extend(needs.runs_on);
        all.unclear.extend(needs.unclear);
    }
    Ok(all)
}

/// Images that a named context stands for are not needed; the image that it
/// comes from is, instead.
fn replaced_by_contexts(
    images: Vec<BaseImageUse>,
    contexts: &BTreeMap<String, ContextSource>,
) -> Vec<BaseImageUse> {
    let replace = |image: BaseImageUse| {
        let mut contexts = contexts.iter();
        let wanted = familiar_name(&image.name);
        let context = contexts.find(|(name, _)| familiar_name(name) == wanted);
        match context {
            None => Some(image),
            Some((_, ContextSource::Remote(source))) => {
                let name = source.strip_prefix("docker-image://")?.to_owned();
                Some(BaseImageUse { name, ..image })
            }
            Some((_, ContextSource::Folder(_) | ContextSource::Target(_))) => None,
        }
    };
    images.into_iter().filter_map(replace).collect()
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
