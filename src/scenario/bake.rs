//! A variant that `docker buildx bake` describes: which targets of a bake file are
//! built together, and what each of them is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::context_source::ContextSource;
use super::error::ScenarioError;
use super::file::read_file;
use crate::model::Platform;

/// Targets of bake that are one build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bake {
    /// What was asked for: targets, or groups of them.
    pub names: Vec<String>,
    /// The bake files; those that bake finds itself where there are none.
    pub files: Vec<PathBuf>,
    /// The targets, by name; none before buildx was asked.
    pub targets: Vec<BakeTarget>,
    /// SHA-256 of what bake said of them, hex.
    pub digest: String,
}

/// A target of bake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BakeTarget {
    /// Its name.
    pub name: String,
    /// The build context: a path in the variant's sources, or an absolute one.
    pub context: PathBuf,
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// The Dockerfile's text, where the bake file has it.
    pub inline: Option<String>,
    /// What results call the Dockerfile.
    pub shown: String,
    /// Stage to build; the last where `None`.
    pub target: Option<String>,
    /// Its platforms; those of the scenario where there are none.
    pub platforms: Vec<Platform>,
    /// Build arguments.
    pub build_args: BTreeMap<String, String>,
    /// Further build contexts. Folders are paths as of [`Self::context`].
    pub contexts: BTreeMap<String, ContextSource>,
    /// Further options of the Dockerfile frontend.
    pub attributes: BTreeMap<String, String>,
    /// What its steps may do that is not allowed else.
    pub entitlements: Vec<String>,
}

impl BakeTarget {
    /// The Dockerfile's text, from wherever it is.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn text(&self) -> Result<Vec<u8>, ScenarioError> {
        match &self.inline {
            Some(text) => Ok(text.clone().into_bytes()),
            None => read_file(&self.dockerfile)
                .map_err(|error| ScenarioError::io("read", Path::new(&self.shown), error)),
        }
    }

    /// Which of the platforms that are built it is built for: its own of them.
    /// A cold build is for the node's platform, whatever its own are.
    pub fn platforms_of(&self, built: &[Platform]) -> Vec<Platform> {
        let own = built.iter().filter(|it| self.platforms.contains(it));
        match own.cloned().collect::<Vec<_>>() {
            own if own.is_empty() => built.to_vec(),
            own => own,
        }
    }
}

impl Bake {
    /// The target whose Dockerfile stands for all: the first that was asked for, else
    /// the first by name.
    pub fn first(&self) -> Option<&BakeTarget> {
        let asked = |target: &&BakeTarget| self.names.contains(&target.name);
        self.targets.iter().find(asked).or(self.targets.first())
    }

    /// Writes the Dockerfiles whose text the bake file has into this folder, each in one of its
    /// own.
    ///
    /// # Errors
    /// One cannot be written.
    pub fn write_inline(&mut self, folder: &Path) -> Result<(), ScenarioError> {
        for target in &mut self.targets {
            let Some(text) = target.inline.take() else {
                continue;
            };
            let own = folder.join(&target.name);
            target.dockerfile = own.join("Dockerfile");
            std::fs::create_dir_all(&own)
                .map_err(|error| ScenarioError::io("make", &own, error))?;
            std::fs::write(&target.dockerfile, text)
                .map_err(|error| ScenarioError::io("write", &target.dockerfile, error))?;
        }
        Ok(())
    }

    /// SHA-256 of the Dockerfiles, hex: of the only one what a file's own is, so that
    /// its lines can be found.
    ///
    /// # Errors
    /// One cannot be read.
    pub(super) fn dockerfiles_digest(&self) -> Result<String, ScenarioError> {
        let texts: Result<Vec<Vec<u8>>, _> = self.targets.iter().map(BakeTarget::text).collect();
        let mut texts = texts?;
        texts.sort();
        texts.dedup();
        let mut digest = Sha256::new();
        if let [only] = texts.as_slice() {
            digest.update(only);
        } else {
            for text in &texts {
                digest.update((text.len() as u64).to_le_bytes());
                digest.update(text);
            }
        }
        Ok(hex::encode(digest.finalize()))
    }

    /// Whether every file that is built is in the context of each target: no folder in
    /// the sources is a context of its own. Only then says the ignore file of
    /// the sources what no build sees.
    pub(super) fn is_flat(&self) -> bool {
        self.targets.iter().all(|target| {
            let mut contexts = target.contexts.values();
            target.context.as_os_str().is_empty()
                && !contexts
                    .any(|it| matches!(it, ContextSource::Folder(folder) if folder.is_relative()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, text: &str) -> BakeTarget {
        BakeTarget {
            name: name.into(),
            context: PathBuf::new(),
            dockerfile: PathBuf::new(),
            inline: Some(text.into()),
            shown: "Dockerfile".into(),
            target: None,
            platforms: Vec::new(),
            build_args: BTreeMap::new(),
            contexts: BTreeMap::new(),
            attributes: BTreeMap::new(),
            entitlements: Vec::new(),
        }
    }

    fn bake(targets: Vec<BakeTarget>) -> Bake {
        Bake {
            targets,
            ..Bake::default()
        }
    }

    #[test]
    fn a_target_is_built_for_its_own_of_the_platforms() {
        let platforms = |names: &[&str]| -> Vec<Platform> {
            names.iter().map(|name| name.parse().unwrap()).collect()
        };
        let mut app = target("app", "FROM scratch\n");
        assert_eq!(
            app.platforms_of(&platforms(&["amd64"])),
            platforms(&["amd64"])
        );
        app.platforms = platforms(&["arm64"]);
        let all = platforms(&["amd64", "arm64"]);
        assert_eq!(app.platforms_of(&all), platforms(&["arm64"]));
        assert_eq!(
            app.platforms_of(&platforms(&["amd64"])),
            platforms(&["amd64"])
        );
    }

    #[test]
    fn one_dockerfile_of_two_targets_has_its_own_digest() {
        let one = target("a", "FROM scratch\n");
        let digest = |targets| bake(targets).dockerfiles_digest().unwrap();
        let alone = hex::encode(Sha256::digest("FROM scratch\n"));
        assert_eq!(
            digest(vec![one.clone(), target("b", "FROM scratch\n")]),
            alone
        );
        assert_ne!(digest(vec![one, target("b", "FROM x\n")]), alone);
    }

    #[test]
    fn a_folder_that_is_a_context_itself_has_its_own_ignore_file() {
        let flat = target("a", "");
        assert!(bake(vec![flat.clone()]).is_flat());
        let mut nested = flat.clone();
        nested.context = "sub".into();
        assert!(!bake(vec![flat.clone(), nested]).is_flat());
        let mut named = flat;
        let folder = ContextSource::Folder("sub".into());
        named.contexts.insert("sub".into(), folder);
        assert!(!bake(vec![named]).is_flat());
    }
}
