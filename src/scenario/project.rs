//! Projects: the folder that holds `scenarios/`, and loading scenarios from
//! it. What the text of a `scenario.toml` cannot tell is checked here: that
//! its files are there, stay inside the project and make sense.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::dockerfile::{self, BaseImageUse, BuildOf, Needs};
use super::document::{At, Problem};
use super::edit::{Change, Edit};
use super::error::{Place, ScenarioError, choice, position, quoted, shown};
use super::format::{self, WrittenEdit, WrittenSources, WrittenVariant};
use super::name::check_name;
use super::{ContextSource, Scenario, Variant};
use crate::model::{Platform, familiar_name};

/// No `scenario.toml`, Dockerfile or file to edit is larger: what is, is
/// something else.
const LARGEST: u64 = 16 << 20;

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
    /// read of it is told.
    ///
    /// # Errors
    /// The Dockerfile cannot be read, or would bring an engine down.
    pub fn needs(
        &self,
        variant: &Variant,
        node: &Platform,
        platforms: &[Platform],
    ) -> Result<Needs, ScenarioError> {
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

    fn load_one(&self, name: &str) -> Result<Scenario, ScenarioError> {
        let folder = self.root.join("scenarios").join(name);
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
        let edit = match &fetch {
            None => loading.edit(&sources, written.edit).map_err(fail)?,
            Some(_) => edit_of(&written.edit).map_err(fail)?,
        };
        let mut variants = Vec::with_capacity(written.variants.len());
        for variant in written.variants {
            variants.push(loading.variant(variant).map_err(|error| error.or(fail))?);
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
            edit: Some(edit),
            gate: None,
            output: written.output,
        })
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
            Some((_, ContextSource::Folder(_))) => None,
        }
    };
    images.into_iter().filter_map(replace).collect()
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

    pub(super) fn edit(&self, sources: &Path, written: WrittenEdit) -> Result<Edit, Problem> {
        let edit = edit_of(&written)?;
        let name = &written.file.value;
        let path = sources.join(name);
        let real = path.canonicalize().map_err(|error| {
            written.file.problem(format!(
                "cannot open {}: {error}",
                shown(self.project.relative(&path))
            ))
        })?;
        // Written to through a symlink, the copy could write the user's tree.
        if real
            != sources
                .components()
                .chain(path_parts(name))
                .collect::<PathBuf>()
        {
            return Err(written.file.problem(format!(
                "{} is reached through a symlink: expected a file of the sources",
                quoted(name)
            )));
        }
        let content = read_file(&path).map_err(|error| {
            written.file.problem(format!(
                "cannot read {}: {error}",
                shown(self.project.relative(&path))
            ))
        })?;
        edit.apply(&content, "0")
            .map_err(|error| written.find.problem(error.to_string()))?;
        Ok(edit)
    }

    fn variant(&self, written: WrittenVariant) -> Result<Variant, VariantError> {
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
        let target = written
            .target
            .map(|target| check_target(target, stages.as_deref()))
            .transpose()
            .map_err(VariantError::Toml)?;
        let contexts = self
            .contexts(written.contexts)
            .map_err(VariantError::Toml)?;
        Ok(Variant {
            name: written.name.value,
            reference: written.reference,
            optional: written.optional,
            shown: self.project.relative(&dockerfile).display().to_string(),
            dockerfile,
            sources: None,
            origin: None,
            revision: None,
            digest,
            target,
            build_args: written.build_args,
            contexts,
            ssh: BTreeMap::new(),
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
        let path = self.project.root.join(&usual);
        if !path.exists() {
            return Err(written.name.problem(format!(
                "no Dockerfile for variant {:?}: expected {}, or \"dockerfile\" with its path",
                written.name.value,
                shown(&usual)
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
                shown(self.project.relative(&path))
            )));
        }
        self.inside(&path, written.span.clone())
    }

    /// Refuses what is outside the project once symlinks are resolved.
    fn inside(&self, path: &Path, span: std::ops::Range<usize>) -> Result<PathBuf, Problem> {
        let shown_path = shown(self.project.relative(path));
        let real = path.canonicalize().map_err(|error| {
            Problem::new(span.clone(), format!("cannot open {shown_path}: {error}"))
        })?;
        if !real.starts_with(&self.project.root) {
            return Err(Problem::new(
                span,
                format!("{shown_path} is outside the project: expected a path inside it"),
            ));
        }
        Ok(real)
    }
}

/// The edit, as far as it can be told without the sources.
fn edit_of(written: &WrittenEdit) -> Result<Edit, Problem> {
    let name = &written.file.value;
    let inside = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside {
        return Err(written.file.problem(format!(
            "{} leaves the sources: expected a file in them",
            quoted(name)
        )));
    }
    Ok(Edit {
        file: path_parts(name).collect(),
        change: Change::Replace {
            find: written.find.value.clone(),
            replace: written.replace.clone(),
        },
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

/// Reads a regular file of bounded size. Opening something else, a pipe say,
/// could wait forever.
///
/// # Errors
/// It cannot be read, is no regular file, or has more than 16 MiB.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("larger than 16 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
