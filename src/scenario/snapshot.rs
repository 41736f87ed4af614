//! What a race builds is what stood there when it began: sources and
//! Dockerfiles are copied once, so that saving a file or switching a branch
//! during a race changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::bake::BakeTarget;
use super::context_source::ContextSource;
use super::copy::SourceCopy;
use super::definition::{Scenario, Variant};
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
            // None where the ignore files of some say nothing of the sources.
            let dockerfiles: Option<Vec<Vec<PathBuf>>> =
                scenario.variants.iter().map(dockerfiles_of).collect();
            let dockerfiles = dockerfiles.unwrap_or_default().concat();
            let mut keep = |original: &mut PathBuf, dockerfiles: &[PathBuf]| {
                let copy = SourceCopy::create_without(original, &|path| {
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
                let own = dockerfiles_of(variant).unwrap_or_default();
                if let Some(sources) = &mut variant.sources {
                    keep(sources, &own)?;
                }
                let of_bake = variant.bake.iter_mut().flat_map(|bake| &mut bake.targets);
                let mut folders: Vec<&mut PathBuf> = Vec::new();
                for target in of_bake {
                    folders.push(&mut target.context);
                    folders.extend(target.contexts.values_mut().filter_map(folder_of));
                }
                // Those in the sources are copied with these.
                folders.retain(|folder| folder.is_absolute());
                folders.extend(variant.contexts.values_mut().filter_map(folder_of));
                for folder in folders {
                    keep(folder, &[])?;
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

/// The Dockerfiles that are built with the sources of a variant; `None` where folders
/// in them are contexts, too, with ignore files of their own.
fn dockerfiles_of(variant: &Variant) -> Option<Vec<PathBuf>> {
    match &variant.bake {
        None => Some(vec![variant.dockerfile.clone()]),
        Some(bake) if bake.is_flat() => {
            let targets = bake.targets.iter();
            Some(targets.map(|target| target.dockerfile.clone()).collect())
        }
        Some(_) => None,
    }
}

fn folder_of(context: &mut ContextSource) -> Option<&mut PathBuf> {
    match context {
        ContextSource::Folder(folder) => Some(folder),
        ContextSource::Remote(_) | ContextSource::Target(_) => None,
    }
}

/// Copies the Dockerfiles of bake's targets; those that share one share its copy, as
/// BuildKit reads it once then.
fn copy_baked(variant: &mut Variant, place: &Path) -> Result<(), ScenarioError> {
    let Some(bake) = &mut variant.bake else {
        return Ok(());
    };
    let mut copies: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let is_inline = |target: &BakeTarget| target.inline.is_some();
    let inline: Vec<bool> = bake.targets.iter().map(is_inline).collect();
    bake.write_inline(place)?;
    for (target, is_inline) in bake.targets.iter_mut().zip(inline) {
        if is_inline {
            continue;
        }
        if let Some(known) = copies.get(&target.dockerfile) {
            target.dockerfile.clone_from(known);
            continue;
        }
        let folder = place.join(&target.name);
        let copied = folder.join(target.dockerfile.file_name().unwrap_or_default());
        fs::create_dir_all(&folder).map_err(|error| ScenarioError::io("make", &folder, error))?;
        copy(&target.dockerfile, &copied)?;
        let ignore = ignore_file(&target.dockerfile);
        if ignore.is_file() {
            copy(&ignore, &ignore_file(&copied))?;
        }
        copies.insert(target.dockerfile.clone(), copied.clone());
        target.dockerfile = copied;
    }
    let bake = std::mem::take(bake);
    variant.give_bake(bake)
}

/// Copies a variant's Dockerfile into a folder of its own, and makes the
/// variant's path and digest those of the copy. The digest covers the ignore
/// file where there is one.
fn copy_dockerfile(variant: &mut Variant, place: &Path) -> Result<(), ScenarioError> {
    if variant.bake.is_some() {
        return copy_baked(variant, place);
    }
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

/// A private copy of a Dockerfile, with the ignore file that belongs to it. It is
/// removed when dropped.
#[derive(Debug)]
pub struct DockerfileCopy {
    path: PathBuf,
    _folder: Folder,
}

impl DockerfileCopy {
    /// Copies a Dockerfile into a new temporary folder.
    ///
    /// # Errors
    /// It cannot be read, or the copy cannot be written.
    pub fn create(original: &Path) -> Result<Self, ScenarioError> {
        let folder = Folder::new("dockerfile")
            .map_err(|error| ScenarioError::io("make a folder in", &std::env::temp_dir(), error))?;
        let path = folder.path().join(original.file_name().unwrap_or_default());
        copy(original, &path)?;
        let ignore = ignore_file(original);
        if ignore.is_file() {
            copy(&ignore, &ignore_file(&path))?;
        }
        Ok(Self {
            path,
            _folder: folder,
        })
    }

    /// The Dockerfile.
    pub fn path(&self) -> &Path {
        &self.path
    }
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
