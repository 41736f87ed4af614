//! Loading a scenario: what the text of its `scenario.toml` does not show is
//! checked here, that its files are there, stay inside the project and make
//! sense.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::bake::Bake;
use super::definition::{Cell, Scenario, Variant};
use super::dockerfile;
use super::document::{At, Problem};
use super::edit::{Change, Edit, Edited};
use super::edits::NamedEdit;
use super::error::{ScenarioError, choice, quoted};
use super::fetch::{Fetch, Otherwise};
use super::file::read_file;
use super::format::{self, WrittenEdit, WrittenFetch, WrittenSources, WrittenVariant};
use super::name::check_name;
use super::project::Project;
use crate::escape;
use crate::model::SourcesFrom;

impl Project {
    pub(super) fn load_one(&self, name: &str) -> Result<Scenario, ScenarioError> {
        let folder = self.root().join("scenarios").join(name);
        let toml_path = folder.join("scenario.toml");
        let bytes = read_file(&toml_path)
            .map_err(|error| ScenarioError::io("read", self.relative(&toml_path), error))?;
        let digest = hex::encode(Sha256::digest(&bytes));
        let text = self.utf8(&toml_path, bytes)?;
        let loading = Loading {
            project: self,
            name,
            folder: &folder,
        };
        let fail = |problem: Problem| self.invalid(&toml_path, &text, &problem);
        check_name("scenario", name)
            .map_err(|message| fail(Problem::new(0..0, format!("folder name: {message}"))))?;
        let written = format::read(&text).map_err(fail)?;
        let (sources, fetch) = match &written.sources {
            WrittenSources::Folder(folder) => (loading.sources(folder).map_err(fail)?, None),
            WrittenSources::Fetched(fetch) => {
                let fetch = loading.fetch(fetch).map_err(|error| error.or(fail))?;
                (PathBuf::new(), Some(fetch))
            }
        };
        let there = fetch.is_none().then_some(sources.as_path());
        let edits = loading.edits(there, &written.edits).map_err(fail)?;
        let mut variants = Vec::with_capacity(written.variants.len());
        for variant in written.variants {
            variants.push(loading.variant(variant).map_err(|error| error.or(fail))?);
        }
        for part in &written.edits {
            loading.check_dockerfiles(part, &variants).map_err(fail)?;
        }
        variants.sort_by_key(|variant| !variant.reference);
        Ok(Scenario {
            name: name.to_owned(),
            title: written.title,
            language: written.language,
            control: written.control,
            toml_path,
            digest,
            sources,
            fetch,
            sources_from: None,
            platforms: written.platforms,
            kinds: written.kinds,
            variants,
            edits,
            gate: None,
            output: written.output,
        })
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
        scenario.edits = loading.edits(Some(&folder), &written.edits).map_err(fail)?;
        scenario.sources = folder;
        scenario.sources_from = Some(from);
        Ok(())
    }
}

/// Either the scenario's text or the Dockerfile it names is wrong.
pub(super) enum VariantError {
    Toml(Problem),
    Dockerfile(ScenarioError),
}

impl VariantError {
    pub(super) fn or(self, fail: impl FnOnce(Problem) -> ScenarioError) -> ScenarioError {
        match self {
            Self::Toml(problem) => fail(problem),
            Self::Dockerfile(error) => error,
        }
    }
}

/// The scenario that is being loaded.
pub(super) struct Loading<'a> {
    pub(super) project: &'a Project,
    pub(super) name: &'a str,
    pub(super) folder: &'a Path,
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

    fn sources(&self, written: &At<String>) -> Result<PathBuf, Problem> {
        let sources = self.resolve("sources", written)?;
        if !sources.is_dir() {
            return Err(written.problem(format!(
                "sources {} is not a folder",
                quoted(&written.value)
            )));
        }
        Ok(sources)
    }

    /// The edits; without the sources, as far as they are known without them.
    fn edits(
        &self,
        sources: Option<&Path>,
        written: &[WrittenEdit],
    ) -> Result<Vec<NamedEdit>, Problem> {
        let mut edits = Vec::new();
        for part in written {
            let edit = edit_of(part)?;
            if let (Some(sources), Some(file)) = (sources, &part.file) {
                self.check_edit(sources, file, part, &edit)?;
            }
            NamedEdit::add(&mut edits, part.name, edit);
        }
        Ok(edits)
    }

    /// Checks that an edit can be made in each variant's Dockerfile, where it is one of
    /// these.
    fn check_dockerfiles(
        &self,
        written: &WrittenEdit,
        variants: &[Variant],
    ) -> Result<(), Problem> {
        let edit = edit_of(written)?;
        if edit.file != Edited::Dockerfile {
            return Ok(());
        }
        for variant in variants {
            if variant.bake.is_some() {
                return Err(Problem::new(
                    written.span.clone(),
                    format!(
                        "the edit {:?} is of Dockerfiles, and {} is built by bake",
                        written.name.as_str(),
                        quoted(&variant.name)
                    ),
                ));
            }
            edit.check(Path::new(""), &variant.dockerfile)
                .map_err(|error| {
                    let place = written.change.as_ref();
                    let place =
                        place.map_or(written.span.clone(), |change| change.find.span.clone());
                    Problem::new(place, format!("{error} (in {})", variant.shown))
                })?;
        }
        Ok(())
    }

    /// Checks that an edit can be made in a file of the sources.
    fn check_edit(
        &self,
        sources: &Path,
        file: &At<String>,
        written: &WrittenEdit,
        edit: &Edit,
    ) -> Result<(), Problem> {
        let name = &file.value;
        let path = sources.join(name);
        let real = path.canonicalize().map_err(|error| {
            file.problem(format!(
                "cannot open {}: {error}",
                escape::path(self.project.relative(&path))
            ))
        })?;
        // Written to through a symlink, the copy could write the user's tree.
        if real
            != sources
                .components()
                .chain(path_parts(name))
                .collect::<PathBuf>()
        {
            return Err(file.problem(format!(
                "{} is reached through a symlink: expected a file of the sources",
                quoted(name)
            )));
        }
        let content = read_file(&path).map_err(|error| {
            file.problem(format!(
                "cannot read {}: {error}",
                escape::path(self.project.relative(&path))
            ))
        })?;
        edit.apply(&content, "0").map_err(|error| {
            let place = written.change.as_ref().map(|change| &change.find);
            place.unwrap_or(file).problem(error.to_string())
        })?;
        Ok(())
    }

    fn variant(&self, written: WrittenVariant) -> Result<Variant, VariantError> {
        if let Some(bake) = &written.bake {
            let files = written.bake_files.iter();
            let files = files.map(|file| self.resolve("bake file", file));
            let files: Result<Vec<PathBuf>, Problem> = files.collect();
            return Ok(Variant {
                bake: Some(Bake {
                    names: bake.value.clone(),
                    files: files.map_err(VariantError::Toml)?,
                    ..Bake::default()
                }),
                ..variant_of(&written)
            });
        }
        let dockerfile = self.dockerfile(&written).map_err(VariantError::Toml)?;
        let bytes = read_file(&dockerfile).map_err(|error| {
            VariantError::Dockerfile(ScenarioError::io(
                "read",
                self.project.relative(&dockerfile),
                error,
            ))
        })?;
        let digest = hex::encode(Sha256::digest(&bytes));
        let text = String::from_utf8_lossy(&bytes);
        let stages = dockerfile::stage_names(&text).map_err(|error| {
            VariantError::Dockerfile(error.at(self.project.relative(&dockerfile)))
        })?;
        let variant = variant_of(&written);
        let target = written
            .target
            .map(|target| check_target(target, stages.as_deref()))
            .transpose()
            .map_err(VariantError::Toml)?;
        let contexts = self
            .contexts(written.contexts)
            .map_err(VariantError::Toml)?;
        Ok(Variant {
            shown: self.project.relative(&dockerfile).display().to_string(),
            dockerfile,
            digest,
            target,
            build_args: variant.build_args.clone(),
            contexts,
            ..variant
        })
    }

    /// Where the variant's Dockerfile is: where it says, or at its usual place.
    fn dockerfile(&self, written: &WrittenVariant) -> Result<PathBuf, Problem> {
        if let Some(path) = &written.dockerfile {
            return self.resolve("Dockerfile", path);
        }
        let usual = Path::new("dockerfiles")
            .join(self.name)
            .join(format!("{}.Dockerfile", written.name.value));
        let path = self.project.root().join(&usual);
        if !path.exists() {
            return Err(written.name.problem(format!(
                "no Dockerfile for variant {:?}: expected {}, or \"dockerfile\" with its path",
                written.name.value,
                escape::path(&usual)
            )));
        }
        self.inside(&path, written.name.span.clone())
    }

    /// A path relative to the scenario's folder, without symlinks.
    pub(super) fn resolve(&self, what: &str, written: &At<String>) -> Result<PathBuf, Problem> {
        let path = self.folder.join(&written.value);
        if !path.exists() {
            return Err(written.problem(format!(
                "no such {what}: {} does not exist",
                escape::path(self.project.relative(&path))
            )));
        }
        self.inside(&path, written.span.clone())
    }

    /// Refuses what is outside the project once symlinks are resolved.
    fn inside(&self, path: &Path, span: std::ops::Range<usize>) -> Result<PathBuf, Problem> {
        let shown_path = escape::path(self.project.relative(path));
        let real = path.canonicalize().map_err(|error| {
            Problem::new(span.clone(), format!("cannot open {shown_path}: {error}"))
        })?;
        if !real.starts_with(self.project.root()) {
            return Err(Problem::new(
                span,
                format!("{shown_path} is outside the project: expected a path inside it"),
            ));
        }
        Ok(real)
    }
}

/// A variant, as far as it is known without its files.
fn variant_of(written: &WrittenVariant) -> Variant {
    Variant {
        name: written.name.value.clone(),
        reference: written.reference,
        optional: written.optional,
        shown: String::new(),
        dockerfile: PathBuf::new(),
        sources: None,
        origin: None,
        revision: None,
        digest: String::new(),
        target: None,
        build_args: written.build_args.clone(),
        contexts: BTreeMap::new(),
        ssh: BTreeMap::new(),
        bake: None,
        cell: Cell::default(),
    }
}

/// The edit, as far as it is known without the sources.
fn edit_of(written: &WrittenEdit) -> Result<Edit, Problem> {
    let change = match &written.change {
        None => Change::Label,
        Some(change) => Change::Replace {
            find: change.find.value.clone(),
            replace: change.replace.clone(),
        },
    };
    let Some(file) = &written.file else {
        return Ok(Edit {
            file: Edited::Dockerfile,
            change,
        });
    };
    let name = &file.value;
    let inside = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside {
        return Err(file.problem(format!(
            "{} leaves the sources: expected a file in them",
            quoted(name)
        )));
    }
    Ok(Edit {
        file: Edited::Source(path_parts(name).collect()),
        change,
    })
}

/// The named parts of a path written with `/`.
fn path_parts(path: &str) -> impl Iterator<Item = Component<'_>> {
    Path::new(path)
        .components()
        .filter(|part| *part != Component::CurDir)
}

/// `stages` are those that have names, where they are known.
pub(super) fn check_target(
    target: At<String>,
    stages: Option<&[String]>,
) -> Result<String, Problem> {
    let Some(stages) = stages else {
        return Ok(target.value);
    };
    let wanted = target.value.to_lowercase();
    if stages.contains(&wanted) {
        return Ok(target.value);
    }
    Err(target.problem(if stages.is_empty() {
        format!(
            "no stage {}: the Dockerfile names no stage",
            quoted(&target.value)
        )
    } else {
        format!(
            "no stage {} in the Dockerfile: {}",
            quoted(&target.value),
            choice(&target.value, stages)
        )
    }))
}
