//! Sources that are fetched, not committed. What is said of them is here; how
//! they are fetched is in `sources`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Scenario;
use super::dockerfile::{self, BaseImageUse, BuildOf};
use super::document::Problem;
use super::error::ScenarioError;
use super::format::{self, WrittenFetch};
use super::project::{Loading, Project, VariantError, read_file};
use crate::model::{Platform, SourcesFrom};

/// Where the sources of a scenario come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// URL of the git repository.
    pub git: String,
    /// Tag or branch.
    pub reference: String,
    /// Id of the commit that it must be.
    pub commit: String,
    /// What is built instead where git has no answer.
    pub otherwise: Option<Otherwise>,
}

/// A Dockerfile whose last stage holds sources and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otherwise {
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// What results call it: its path in the project.
    pub shown: String,
}

impl Otherwise {
    /// Its build context: the folder that it is in.
    pub fn context(&self) -> &Path {
        self.dockerfile.parent().unwrap_or(Path::new("/"))
    }
}

impl Project {
    /// The images that building an `otherwise` needs, as [`Self::needs`]
    /// tells them.
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

    /// Gives a scenario the sources that were fetched for it, and checks now
    /// what [`Self::load`] checks of sources that are there.
    ///
    /// # Errors
    /// The edit cannot be made in them, or `scenario.toml` changed meanwhile.
    pub fn give_sources(
        &self,
        scenario: &mut Scenario,
        folder: &Path,
        from: SourcesFrom,
    ) -> Result<(), ScenarioError> {
        let path = &scenario.toml_path;
        let read = |error| ScenarioError::io("read", self.relative(path), error);
        let bytes = read_file(path).map_err(read)?;
        if hex::encode(Sha256::digest(&bytes)) != scenario.digest {
            let changed = "it changed while its sources were fetched; run it again";
            return Err(read(io::Error::other(changed)));
        }
        let text = self.utf8(path, bytes)?;
        let fail = |problem: Problem| self.invalid(path, &text, &problem);
        let written = format::read(&text).map_err(fail)?;
        let folder = folder
            .canonicalize()
            .map_err(|error| ScenarioError::io("open", folder, error))?;
        let loading = Loading {
            project: self,
            name: &scenario.name,
            folder: path.parent().unwrap_or(self.root()),
        };
        scenario.edit = Some(loading.edit(&folder, written.edit).map_err(fail)?);
        scenario.sources = folder;
        scenario.sources_from = Some(from);
        Ok(())
    }
}

impl Loading<'_> {
    /// Checks what can be checked before anything is fetched.
    pub(super) fn fetch(&self, written: &WrittenFetch) -> Result<Fetch, VariantError> {
        let otherwise = match &written.otherwise {
            None => None,
            Some(path) => {
                let dockerfile = self
                    .resolve("Dockerfile", path)
                    .map_err(VariantError::Toml)?;
                let shown = self.project.relative(&dockerfile).to_owned();
                let bytes = read_file(&dockerfile)
                    .map_err(|error| ScenarioError::io("read", &shown, error))
                    .map_err(VariantError::Dockerfile)?;
                dockerfile::stage_names(&String::from_utf8_lossy(&bytes))
                    .map_err(|error| VariantError::Dockerfile(error.at(&shown)))?;
                Some(Otherwise {
                    shown: shown.display().to_string(),
                    dockerfile,
                })
            }
        };
        Ok(Fetch {
            git: written.git.clone(),
            reference: written.reference.clone(),
            commit: written.commit.clone(),
            otherwise,
        })
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
