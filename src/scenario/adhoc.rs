//! A scenario of a person's own Dockerfiles, made from a command line, without
//! a `scenario.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::bake::Bake;
use super::context_source::ContextSource;
use super::definition::{Cell, Scenario, Variant};
use super::dockerfile;
use super::document::{At, Problem};
use super::edits::NamedEdit;
use super::error::{Place, ScenarioError, position};
use super::file::read_file;
use super::loading::check_target;
use super::name::{check_build_arg, check_name};
use crate::escape;
use crate::model::{BuildKind, Platform};

/// Most characters of a name made up here.
const LONGEST: usize = 32;

/// Dockerfiles that are raced without a `scenario.toml`, as a command line names them.
#[derive(Debug, Clone)]
pub struct AdhocScenario {
    /// Its name, of [`folder_name`].
    pub name: String,
    /// One line on what it is.
    pub title: String,
    /// The build context of those that have none of their own.
    pub context: PathBuf,
    /// The Dockerfiles to race, the reference first.
    pub dockerfiles: Vec<AdhocDockerfile>,
    /// Stage to build; the last where `None`.
    pub target: Option<String>,
    /// Build arguments.
    pub build_args: BTreeMap<String, String>,
    /// Sockets of SSH agents by their ids.
    pub ssh: BTreeMap<String, PathBuf>,
    /// Platforms of the multi-arch kinds.
    pub platforms: Vec<Platform>,
    /// Kinds to build.
    pub kinds: Vec<BuildKind>,
    /// The edits of incremental builds.
    pub edits: Vec<NamedEdit>,
    /// The kind that a gate goes by, where it was chosen.
    pub gate: Option<BuildKind>,
}

/// One of its Dockerfiles.
#[derive(Debug, Clone)]
pub struct AdhocDockerfile {
    /// The variant's name, of [`variant_names`].
    pub name: String,
    /// Path of the Dockerfile.
    pub path: PathBuf,
    /// What results and messages call it.
    pub shown: String,
    /// Its build context, where it has one of its own.
    pub context: Option<PathBuf>,
    /// The folder of the working tree that its context is a copy of.
    pub origin: Option<PathBuf>,
    /// The git commit that both are of, where they are not the working tree's.
    pub revision: Option<String>,
    /// Further build contexts.
    pub contexts: BTreeMap<String, ContextSource>,
    /// What bake builds, in place of this Dockerfile.
    pub bake: Option<Bake>,
}

impl AdhocScenario {
    /// Reads and checks its Dockerfiles, contexts and edit.
    ///
    /// # Errors
    /// The first thing that is wrong with any of them.
    pub fn load(self) -> Result<Scenario, ScenarioError> {
        for name in self.build_args.keys() {
            check_build_arg(name).map_err(|message| ScenarioError::Argument {
                argument: "--build-arg",
                message,
            })?;
        }
        let mut variants = Vec::with_capacity(self.dockerfiles.len());
        for (at, own) in self.dockerfiles.iter().enumerate() {
            let context = own.context.as_ref().unwrap_or(&self.context);
            if !context.is_dir() {
                return Err(ScenarioError::Argument {
                    argument: "--context",
                    message: format!("{} is not a folder", escape::path(context)),
                });
            }
            for edit in &self.edits {
                if own.bake.is_some() && edit.is_of_dockerfile() {
                    return Err(ScenarioError::Edit(
                        "--edit dockerfile: what bake builds has no Dockerfile of its own to edit"
                            .to_owned(),
                    ));
                }
                edit.check(context, &own.path).map_err(|error| {
                    let message = match &own.revision {
                        Some(_) => format!("{error} (in {})", own.name),
                        None => error.to_string(),
                    };
                    ScenarioError::Edit(message)
                })?;
            }
            variants.push(self.variant(own, at == 0)?);
        }
        Ok(Scenario {
            name: self.name,
            title: self.title,
            language: None,
            control: false,
            toml_path: PathBuf::new(),
            digest: String::new(),
            sources: self.context,
            fetch: None,
            sources_from: None,
            platforms: self.platforms,
            kinds: self.kinds,
            variants,
            edits: self.edits,
            gate: self.gate,
            output: None,
        })
    }

    fn variant(&self, own: &AdhocDockerfile, reference: bool) -> Result<Variant, ScenarioError> {
        if let Some(bake) = &own.bake {
            let mut variant = self.variant_of(own, reference);
            variant.give_bake(bake.clone())?;
            return Ok(variant);
        }
        // As git writes it where it is not the one that lies there.
        let shown = match &own.revision {
            Some(_) => PathBuf::from(format!("{}:{}", own.name, own.shown)),
            None => PathBuf::from(&own.shown),
        };
        let shown = shown.as_path();
        let bytes =
            read_file(&own.path).map_err(|error| ScenarioError::io("read", shown, error))?;
        let digest = hex::encode(Sha256::digest(&bytes));
        let text = String::from_utf8_lossy(&bytes);
        let stages = dockerfile::stage_names(&text).map_err(|error| error.at(shown))?;
        let target = self.target.clone().map(|value| At { span: 0..0, value });
        let target = target.map(|target| check_target(target, stages.as_deref()));
        let target = target
            .transpose()
            .map_err(|problem| invalid(shown, &text, &problem))?;
        Ok(Variant {
            digest,
            target,
            build_args: self.build_args.clone(),
            contexts: own.contexts.clone(),
            ..self.variant_of(own, reference)
        })
    }

    fn variant_of(&self, own: &AdhocDockerfile, reference: bool) -> Variant {
        Variant {
            name: own.name.clone(),
            reference,
            optional: false,
            dockerfile: own.path.clone(),
            shown: own.shown.clone(),
            sources: own.context.clone(),
            origin: own.origin.clone(),
            revision: own.revision.clone(),
            digest: String::new(),
            target: None,
            build_args: BTreeMap::new(),
            contexts: BTreeMap::new(),
            ssh: self.ssh.clone(),
            bake: None,
            cell: Cell::default(),
        }
    }
}

fn invalid(file: &Path, text: &str, problem: &Problem) -> ScenarioError {
    let (line, _) = position(text, problem.span.start);
    ScenarioError::Invalid {
        at: Place {
            file: file.to_owned(),
            line,
            column: None,
        },
        message: problem.message.clone(),
    }
}

/// Text as the name of a scenario or variant: what is not a letter or digit
/// becomes `-`. Empty where nothing is left.
fn as_name(text: &str) -> String {
    let mut name = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character.to_ascii_lowercase());
        } else if matches!(character, '.' | '_') && !name.is_empty() {
            name.push(character);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.len() == LONGEST {
            break;
        }
    }
    name.trim_end_matches(['-', '.', '_']).to_owned()
}

/// A scenario's name from the folder that it is built from.
pub fn folder_name(folder: &Path) -> String {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    Some(as_name(&name))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "dockerfiles".to_owned())
}

/// The name of a Dockerfile that is raced alone.
pub fn variant_name(dockerfile: &Path) -> String {
    Some(kind(dockerfile))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "dockerfile".to_owned())
}

/// What a Dockerfile's file name says beyond that it is one.
fn kind(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let lower = name.to_lowercase();
    let rest = lower
        .strip_suffix(".dockerfile")
        .or_else(|| lower.strip_prefix("dockerfile."))
        .unwrap_or(&lower);
    as_name(rest)
}

/// Names that distinguish two Dockerfiles: what their file names differ in, or
/// their folders; else they are numbered.
pub fn variant_names(reference: &Path, candidate: &Path) -> (String, String) {
    let folder = |path: &Path| {
        let parent = path.parent().and_then(Path::file_name).unwrap_or_default();
        as_name(&parent.to_string_lossy())
    };
    let named = |name: fn(String, String) -> String| {
        let of = |path: &Path| name(folder(path), kind(path));
        (of(reference), of(candidate))
    };
    let tries = [
        named(|_, kind| kind),
        named(|folder, _| folder),
        named(|folder, kind| format!("{folder}-{kind}")),
    ];
    tries
        .into_iter()
        .find(|(one, other)| one != other && !one.is_empty() && !other.is_empty())
        .unwrap_or_else(|| {
            let name = variant_name(reference);
            (format!("{name}-1"), format!("{name}-2"))
        })
}

/// Checks a name that a person gives a variant on the command line.
///
/// # Errors
/// What is wrong with it, in a line.
pub fn check_variant_name(name: &str) -> Result<(), String> {
    check_name("variant", name)
}

/// The name of a variant that bake builds, from the targets that were asked for.
pub fn bake_name(targets: &[String]) -> String {
    Some(as_name(&targets.join("-")))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "bake".to_owned())
}

/// A git revision as the name of a variant.
pub fn revision_name(revision: &str) -> String {
    Some(as_name(revision))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "revision".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_dockerfiles_apart() {
        let names = |one: &str, other: &str| variant_names(Path::new(one), Path::new(other));
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        assert_eq!(
            names("naive.Dockerfile", "cross.Dockerfile"),
            pair("naive", "cross")
        );
        assert_eq!(
            names("Dockerfile", "x/Dockerfile.New One"),
            pair("dockerfile", "new-one")
        );
        assert_eq!(
            names("before/Dockerfile", "after/Dockerfile"),
            pair("before", "after")
        );
        assert_eq!(
            names("Dockerfile", "Dockerfile"),
            pair("dockerfile-1", "dockerfile-2")
        );
        assert_eq!(names("漢", "字"), pair("dockerfile-1", "dockerfile-2"));
        let (long, _) = names(&"a".repeat(200), "b");
        assert!(super::super::name::check_name("variant", &long).is_ok());
        assert_eq!(revision_name("origin/Main~3"), "origin-main-3");
        assert_eq!(revision_name("^"), "revision");
    }
}
