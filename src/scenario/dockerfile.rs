//! What a Dockerfile says before it is built: its stages, and the images that
//! must be there. BuildKit remains the judge of everything else in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use parse_dockerfile::{Dockerfile, Flag, FromInstruction, Instruction, Stage};

use super::error::{Place, ScenarioError, choice, one_line, quoted};
use super::expand::{Variables, expand};
use crate::model::Platform;

/// An image that a build needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BaseImageUse {
    /// Line of the Dockerfile that names it first, from 1.
    pub line: usize,
    /// Its name as the Dockerfile gives it, variables replaced.
    pub name: String,
    /// The platform that it is needed on.
    pub platform: Platform,
}

/// Which build of a Dockerfile is meant.
#[derive(Debug, Clone, Copy)]
pub(super) struct BuildOf<'a> {
    /// Stage to build; the last where `None`.
    pub(super) target: Option<&'a str>,
    /// Build arguments.
    pub(super) build_args: &'a BTreeMap<String, String>,
    /// The platform that the node executes natively (`BUILDPLATFORM`).
    pub(super) node: &'a Platform,
    /// Platforms to build.
    pub(super) platforms: &'a [Platform],
}

/// A Dockerfile that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DockerfileError {
    line: usize,
    message: String,
}

impl DockerfileError {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }

    pub(super) fn at(self, file: &Path) -> ScenarioError {
        ScenarioError::Invalid {
            at: Place {
                file: file.to_owned(),
                line: self.line,
                column: None,
            },
            message: self.message,
        }
    }
}

/// Names of the stages, in order; stages without a name are left out.
pub(super) fn stage_names(text: &str) -> Result<Vec<String>, DockerfileError> {
    Ok(parse(without_mark(text))?
        .stages()
        .filter_map(|stage| stage_name(stage.from))
        .collect())
}

/// The text without a byte order mark, as the parser counts its offsets.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

pub(super) fn parse(text: &str) -> Result<Dockerfile<'_>, DockerfileError> {
    let dockerfile = parse_dockerfile::parse(text).map_err(|error| {
        // Not the crate's column: it is off by one after the first line.
        DockerfileError::new(
            error.line().max(1),
            format!(
                "Dockerfile does not parse: {}",
                one_line(&format!("{error:#}"))
            ),
        )
    })?;
    for stage in dockerfile.stages() {
        let unknown = stage
            .from
            .options
            .iter()
            .find(|flag| flag.name.value != "platform");
        if let Some(flag) = unknown {
            return Err(DockerfileError::new(
                line(text, flag.span().start),
                format!(
                    "unknown flag {} of FROM: expected --platform",
                    quoted(&format!("--{}", flag.name.value))
                ),
            ));
        }
    }
    Ok(dockerfile)
}

/// Every image that a build of the Dockerfile needs, on each platform that it
/// needs it on: those of `FROM`, `COPY --from` and `RUN --mount=from=` in the
/// stages that the build reaches, and that of `# syntax=`. Each once, in the
/// order of the Dockerfile.
pub(super) fn images(text: &str, build: BuildOf<'_>) -> Result<Vec<BaseImageUse>, DockerfileError> {
    let text = without_mark(text);
    let dockerfile = parse(text)?;
    let mut found = BTreeSet::new();
    if let Some(syntax) = &dockerfile.parser_directives.syntax {
        found.insert(BaseImageUse {
            line: line(text, syntax.value.span.start),
            name: syntax.value.value.to_owned(),
            platform: build.node.clone(),
        });
    }
    for platform in build.platforms {
        let reached = Reached {
            text,
            stages: dockerfile.stages().collect(),
            escape: dockerfile
                .parser_directives
                .escape
                .as_ref()
                .map_or('\\', |directive| directive.value.value),
            variables: BTreeMap::new(),
            platform,
        };
        found.extend(reached.images(&dockerfile, build)?);
    }
    // The first line that needs an image stands for all.
    let mut seen = BTreeSet::new();
    found.retain(|image| seen.insert((image.name.clone(), image.platform.clone())));
    Ok(found.into_iter().collect())
}

/// What a stage takes something from.
enum Source {
    Stage(usize),
    Image { name: String, platform: Platform },
    Nothing,
}

/// The stages that a build for one platform reaches.
struct Reached<'t, 'd, 'p> {
    text: &'t str,
    stages: Vec<Stage<'t, 'd>>,
    escape: char,
    variables: Variables,
    platform: &'p Platform,
}

impl<'t> Reached<'t, '_, '_> {
    fn images(
        mut self,
        dockerfile: &Dockerfile<'t>,
        build: BuildOf<'_>,
    ) -> Result<Vec<BaseImageUse>, DockerfileError> {
        self.read_variables(dockerfile, build)?;
        let mut images = Vec::new();
        let mut seen = BTreeSet::new();
        let mut todo = vec![self.target(build.target)?];
        while let Some(index) = todo.pop() {
            if !seen.insert(index) {
                continue;
            }
            for (line, source) in self.sources(index)? {
                match source {
                    Source::Nothing => {}
                    Source::Stage(stage) => todo.push(stage),
                    Source::Image { name, platform } => images.push(BaseImageUse {
                        line,
                        name,
                        platform,
                    }),
                }
            }
        }
        Ok(images)
    }

    /// Platform arguments and global `ARG`s, as `FROM` sees them.
    fn read_variables(
        &mut self,
        dockerfile: &Dockerfile<'t>,
        build: BuildOf<'_>,
    ) -> Result<(), DockerfileError> {
        for (prefix, platform) in [("BUILD", build.node), ("TARGET", self.platform)] {
            for (suffix, value) in [
                ("PLATFORM", platform.to_string()),
                ("OS", platform.os().to_owned()),
                ("ARCH", platform.architecture().to_owned()),
                ("VARIANT", platform.variant().unwrap_or_default().to_owned()),
            ] {
                let name = format!("{prefix}{suffix}");
                let value = build.build_args.get(&name).cloned().unwrap_or(value);
                self.variables.insert(name, value);
            }
        }
        for arg in dockerfile.global_args() {
            let line = line(self.text, arg.arg.span.start);
            for word in words(&arg.arguments.value, self.escape) {
                let (name, default) = match word.split_once('=') {
                    Some((name, default)) => (name, Some(default)),
                    None => (word.as_str(), None),
                };
                let value = match (build.build_args.get(name), default) {
                    (Some(given), _) => given.clone(),
                    (None, Some(default)) => self.expand(default, line)?,
                    (None, None) => continue,
                };
                self.variables.insert(name.to_owned(), value);
            }
        }
        Ok(())
    }

    fn expand(&self, word: &str, line: usize) -> Result<String, DockerfileError> {
        expand(word, self.escape, &self.variables)
            .map_err(|error| DockerfileError::new(line, format!("{}: {error}", quoted(word))))
    }

    fn target(&self, name: Option<&str>) -> Result<usize, DockerfileError> {
        match name {
            None => Ok(self.stages.len() - 1),
            Some(name) => self.stage(name, self.stages.len()).ok_or_else(|| {
                let known: Vec<String> = self
                    .stages
                    .iter()
                    .filter_map(|stage| stage_name(stage.from))
                    .collect();
                DockerfileError::new(
                    1,
                    format!("no stage {}: {}", quoted(name), choice(name, &known)),
                )
            }),
        }
    }

    /// The last stage of this name among the first `end`.
    fn stage(&self, name: &str, end: usize) -> Option<usize> {
        (0..end).rev().find(|index| {
            stage_name(self.stages[*index].from).is_some_and(|n| n.eq_ignore_ascii_case(name))
        })
    }

    /// What a stage takes from elsewhere, with the lines that say so.
    fn sources(&self, index: usize) -> Result<Vec<(usize, Source)>, DockerfileError> {
        let stage = &self.stages[index];
        let from_line = line(self.text, stage.from.from.span.start);
        let mut sources = vec![(from_line, self.base(index, from_line)?)];
        for instruction in stage.instructions {
            match instruction {
                Instruction::Copy(copy) => {
                    let line = line(self.text, copy.copy.span.start);
                    for from in values(&copy.options, "from") {
                        let stage = from.parse().ok().filter(|i| *i < self.stages.len());
                        sources.push((line, self.other(stage, from, line)?));
                    }
                }
                Instruction::Run(run) => {
                    let line = line(self.text, run.run.span.start);
                    let mounts = values(&run.options, "mount");
                    let froms = mounts
                        .flat_map(|mount| mount.split(','))
                        .filter_map(|field| field.split_once('='))
                        .filter(|(key, _)| key.trim().eq_ignore_ascii_case("from"));
                    for (_, from) in froms {
                        sources.push((line, self.other(None, from.trim(), line)?));
                    }
                }
                _ => {}
            }
        }
        Ok(sources)
    }

    /// What the stage's `FROM` names.
    fn base(&self, index: usize, line: usize) -> Result<Source, DockerfileError> {
        let from = self.stages[index].from;
        let name = self.expand(&from.image.value, line)?;
        if let Some(stage) = self.stage(&name, index) {
            return Ok(Source::Stage(stage));
        }
        let platform = values(&from.options, "platform").last();
        let platform = match platform {
            None => self.platform.clone(),
            Some(written) => self.expand(written, line)?.parse().map_err(|error| {
                DockerfileError::new(line, format!("--platform={written}: {error}"))
            })?,
        };
        image(name, &from.image.value, platform, line)
    }

    /// What `--from` names: a stage, wherever it stands, or an image, which is
    /// needed on the platform that is built, whatever the stage's own.
    fn other(
        &self,
        stage: Option<usize>,
        name: &str,
        line: usize,
    ) -> Result<Source, DockerfileError> {
        if let Some(stage) = stage.or_else(|| self.stage(name, self.stages.len())) {
            return Ok(Source::Stage(stage));
        }
        if name.contains('$') {
            return Err(DockerfileError::new(
                line,
                format!(
                    "from={}: BuildKit replaces no variables here; \
                     name a stage that is FROM the image",
                    quoted(name)
                ),
            ));
        }
        image(name.to_owned(), name, self.platform.clone(), line)
    }
}

fn image(
    name: String,
    written: &str,
    platform: Platform,
    line: usize,
) -> Result<Source, DockerfileError> {
    match name.as_str() {
        "scratch" => Ok(Source::Nothing),
        "" => Err(DockerfileError::new(
            line,
            format!(
                "{} names no image: a variable in it has no value",
                quoted(written)
            ),
        )),
        _ => Ok(Source::Image { name, platform }),
    }
}

fn stage_name(from: &FromInstruction<'_>) -> Option<String> {
    from.as_.as_ref().map(|(_, name)| name.value.to_string())
}

/// The values of all flags of this name.
fn values<'f>(flags: &'f [Flag<'_>], name: &'f str) -> impl Iterator<Item = &'f str> {
    flags
        .iter()
        .filter(move |flag| flag.name.value == name)
        .filter_map(|flag| flag.value.as_ref())
        .map(|value| value.value.as_ref())
}

/// Line of a byte offset, from 1.
pub(super) fn line(text: &str, offset: usize) -> usize {
    let bytes = text.as_bytes();
    bytes[..offset.min(bytes.len())]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
        + 1
}

/// Splits at white space outside quotes; quotes and escapes stay.
fn words(text: &str, escape: char) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut escaped = false;
    for c in text.chars() {
        if c.is_whitespace() && quote.is_none() && !escaped {
            words.push(String::new());
            continue;
        }
        if escaped {
            escaped = false;
        } else if c == escape && quote != Some('\'') {
            escaped = true;
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '"' | '\'') {
            quote = Some(c);
        }
        words.last_mut().expect("never empty").push(c);
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
#[path = "dockerfile_tests.rs"]
mod tests;
