//! What a race builds is what stood there when it began: sources and
//! Dockerfiles are copied once, so that saving a file or switching a branch
//! during a race changes nothing.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::copy::SourceCopy;
use super::definition::{ContextSource, Scenario, Variant};
use super::error::ScenarioError;
use super::file::read_file;
use crate::temporary::Folder;

/// Says of a folder that is a build context, a path relative to it, and the
/// Dockerfiles that are built with it, whether the path is left out. Of other
/// folders there are no Dockerfiles.
pub type SkipIn<'a> = &'a dyn Fn(&Path, &Path, &[PathBuf]) -> bool;

/// Copies of scenarios, removed when dropped.
#[derive(Debug)]
pub struct Snapshot {
    scenarios: Vec<Scenario>,
    folder: Folder,
    _sources: Vec<SourceCopy>,
}

impl Snapshot {
    /// Copies the sources of these scenarios, their Dockerfiles, and the
    /// ignore files that belong to a Dockerfile. What `skip` says of a path in
    /// a build context is left out.
    ///
    /// # Errors
    /// Something cannot be read, or the copies cannot be written.
    pub fn take(scenarios: &[Scenario], skip: SkipIn<'_>) -> Result<Self, ScenarioError> {
        let temporary = std::env::temp_dir();
        let folder = Folder::new("dockerfiles")
            .map_err(|error| ScenarioError::io("make a folder in", &temporary, error))?;
        let mut sources = Vec::new();
        let mut copies = Vec::new();
        for scenario in scenarios {
            let mut scenario = scenario.clone();
            if scenario.fetch.is_some() && scenario.sources_from.is_none() {
                return Err(ScenarioError::NotFetched(scenario.name));
            }
            let dockerfiles: Vec<PathBuf> = scenario
                .variants
                .iter()
                .map(|variant| variant.dockerfile.clone())
                .collect();
            let mut keep = |original: &mut PathBuf, dockerfiles: &[PathBuf]| {
                let copy = SourceCopy::create_without(original, None, &|path| {
                    skip(original, path, dockerfiles)
                })?;
                *original = copy.path().to_owned();
                sources.push(copy);
                Ok::<_, ScenarioError>(())
            };
            if scenario.variants.iter().any(|v| v.sources.is_none()) {
                keep(&mut scenario.sources, &dockerfiles)?;
            }
            let place = folder.path().join(&scenario.name);
            for variant in &mut scenario.variants {
                if let Some(sources) = &mut variant.sources {
                    let own = std::slice::from_ref(&variant.dockerfile);
                    keep(sources, own)?;
                }
                for context in variant.contexts.values_mut() {
                    if let ContextSource::Folder(folder) = context {
                        keep(folder, &[])?;
                    }
                }
                copy_dockerfile(variant, &place.join(&variant.name))?;
            }
            copies.push(scenario);
        }
        Ok(Self {
            scenarios: copies,
            folder,
            _sources: sources,
        })
    }

    /// The scenarios, their paths those of the copies.
    pub fn scenarios(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// The folder of the copied Dockerfiles.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Copies a variant's Dockerfile into a folder of its own, and makes the
/// variant's path and digest those of the copy. The digest covers the ignore
/// file where there is one.
fn copy_dockerfile(variant: &mut Variant, place: &Path) -> Result<(), ScenarioError> {
    fs::create_dir_all(place).map_err(|error| ScenarioError::io("make", place, error))?;
    let original = std::mem::take(&mut variant.dockerfile);
    let name = original.file_name().unwrap_or_default();
    variant.dockerfile = place.join(name);
    let mut digest = Sha256::new();
    digest.update(copy(&original, &variant.dockerfile)?);
    let ignore = ignore_file(&original);
    if ignore.is_file() {
        digest.update(copy(&ignore, &ignore_file(&variant.dockerfile))?);
    }
    variant.digest = hex::encode(digest.finalize());
    Ok(())
}

/// The ignore file that belongs to a Dockerfile: `<Dockerfile>.dockerignore`.
pub fn ignore_file(dockerfile: &Path) -> PathBuf {
    let mut name = dockerfile.as_os_str().to_owned();
    name.push(".dockerignore");
    PathBuf::from(name)
}

fn copy(from: &Path, to: &Path) -> Result<Vec<u8>, ScenarioError> {
    let bytes = read_file(from).map_err(|error| ScenarioError::io("read", from, error))?;
    fs::write(to, &bytes).map_err(|error| ScenarioError::io("write", to, error))?;
    Ok(bytes)
}
