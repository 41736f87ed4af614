//! What a Dockerfile says before it is built: the images that must be there,
//! and the platforms whose programs its steps run.
//!
//! BuildKit is the judge of what a Dockerfile is. Where this reading falls
//! short, fewer images are known beforehand, and that is said; refused is only
//! what would bring an engine down.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::error::{Place, ScenarioError, one_line, quoted};
use super::expand::{Unclear, Variables, expand};
use super::stages::Stages;
use super::syntax::{self, Instruction, Syntax};
use crate::model::{Platform, Reference};

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

/// What a build needs beside its sources, as far as its Dockerfile's text
/// says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Images, each once on each platform, in the order of the Dockerfile.
    pub images: Vec<BaseImageUse>,
    /// The platforms whose programs its steps run.
    pub runs_on: BTreeSet<Platform>,
    /// What could not be read of it, in one line each, with the line.
    pub unclear: Vec<(usize, String)>,
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

/// A Dockerfile that no engine must be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DockerfileError {
    line: usize,
    message: String,
}

impl DockerfileError {
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

/// Names of the stages, in order; stages without a name are left out. `None`
/// where they are not known for certain.
pub(super) fn stage_names(text: &str) -> Result<Option<Vec<String>>, DockerfileError> {
    let syntax = read(text)?;
    let certain = syntax.unclear.is_none() && other_language(&syntax, None).is_none();
    let stages = Stages::of(&syntax).all;
    let names = || stages.into_iter().filter_map(|stage| stage.name);
    Ok(certain.then(|| names().collect()))
}

/// Reads the text, unless it has no stage: BuildKit 0.13 takes the last of
/// none, and the Docker Engine that it is a part of (26.1) ends. Lines that end
/// in carriage returns alone come to the same: all of them are one.
fn read(text: &str) -> Result<Syntax, DockerfileError> {
    if syntax::ends_in_returns(text) {
        return Err(DockerfileError {
            line: 1,
            message: "lines end in carriage returns alone, which Docker Engine 26.1 crashes on: \
                      save it with Unix line ends"
                .to_owned(),
        });
    }
    let syntax = syntax::read(text);
    let has_stage = syntax.instructions.iter().any(|it| it.word == "FROM");
    if !has_stage && other_language(&syntax, None).is_none() {
        return Err(DockerfileError {
            line: 1,
            message: "no FROM: a Dockerfile without a stage crashes Docker Engine 26.1".to_owned(),
        });
    }
    Ok(syntax)
}

/// The frontend that reads the text where it is not one for Dockerfiles.
fn other_language<'a>(syntax: &'a Syntax, chosen: Option<&'a str>) -> Option<&'a str> {
    let named = syntax.frontend.as_ref().map(|(_, name)| name.as_str());
    let frontend = chosen.or(named)?;
    let last = frontend.rsplit('/').next().unwrap_or_default();
    (!last.starts_with("dockerfile")).then_some(frontend)
}

/// What a build of the Dockerfile needs: the images of `FROM`, `COPY --from`
/// and `RUN --mount=from=` in the stages that it reaches, that of `# syntax=`,
/// and the platforms that its `RUN`s run on.
pub(super) fn needs(text: &str, build: BuildOf<'_>) -> Result<Needs, DockerfileError> {
    let syntax = read(text)?;
    let chosen = build.build_args.get("BUILDKIT_SYNTAX").map(String::as_str);
    let mut needs = Needs::default();
    let mut found = BTreeSet::new();
    let frontend = match chosen {
        Some(chosen) => Some((1, chosen.to_owned())),
        None => syntax.frontend.clone(),
    };
    found.extend(frontend.map(|(line, name)| BaseImageUse {
        line,
        name,
        platform: build.node.clone(),
    }));
    if let Some(other) = other_language(&syntax, chosen) {
        needs.images.extend(found);
        let why = format!("{} reads it", quoted(other));
        needs.unclear.push((1, why));
        return Ok(needs);
    }
    needs.unclear.extend(syntax.unclear.clone());
    let stages = Stages::of(&syntax);
    for platform in build.platforms {
        let reading = Reading {
            stages: &stages,
            escape: syntax.escape,
            variables: variables(&syntax, build, platform),
            platform,
        };
        reading.add_needs(build.target, &mut found, &mut needs)?;
    }
    // The first line that needs an image stands for all.
    let mut seen = BTreeSet::new();
    found.retain(|image| seen.insert((image.name.clone(), image.platform.clone())));
    needs.images.extend(found);
    needs.unclear.sort();
    needs.unclear.dedup();
    Ok(needs)
}

/// Platform arguments and global `ARG`s, as `FROM` sees them.
fn variables(syntax: &Syntax, build: BuildOf<'_>, platform: &Platform) -> Variables {
    let mut variables = Variables::default();
    for (prefix, platform) in [("BUILD", build.node), ("TARGET", platform)] {
        for (suffix, value) in [
            ("PLATFORM", platform.to_string()),
            ("OS", platform.os().to_owned()),
            ("ARCH", platform.architecture().to_owned()),
            ("VARIANT", platform.variant().unwrap_or_default().to_owned()),
        ] {
            let name = format!("{prefix}{suffix}");
            let value = build.build_args.get(&name).cloned().unwrap_or(value);
            variables.set(&name, Ok(value));
        }
    }
    let args = Stages::before(syntax).iter().filter(|it| it.word == "ARG");
    for word in args.flat_map(|arg| words(&arg.rest, syntax.escape)) {
        let (name, default) = match word.split_once('=') {
            Some((name, default)) => (name, Some(default)),
            None => (word.as_str(), None),
        };
        let value = match (build.build_args.get(name), default) {
            (Some(given), _) => Ok(given.clone()),
            (None, Some(default)) => expand(default, syntax.escape, &variables),
            (None, None) => continue,
        };
        variables.set(name, value);
    }
    variables
}

/// What a stage takes something from.
#[derive(Debug, Clone)]
enum Source {
    Stage(usize),
    Image { name: String, platform: Platform },
    Nothing,
}

/// A Dockerfile as a build for one platform sees it.
struct Reading<'d> {
    stages: &'d Stages<'d>,
    escape: char,
    variables: Variables,
    platform: &'d Platform,
}

/// Where it runs, as far as that is known, and whether stages made from it run
/// a step that it keeps for them.
#[derive(Clone, Default)]
struct Ground {
    platform: Option<Platform>,
    triggers: bool,
}

impl Reading<'_> {
    fn add_needs(
        &self,
        target: Option<&str>,
        images: &mut BTreeSet<BaseImageUse>,
        needs: &mut Needs,
    ) -> Result<(), DockerfileError> {
        let count = self.stages.all.len();
        let target = match target {
            Some(name) => self.stages.named(name),
            None => count.checked_sub(1),
        };
        let bases: Vec<_> = (0..count).map(|at| self.base(at)).collect();
        let grounds = self.grounds(&bases);
        let mut seen = vec![false; count];
        let mut todo: Vec<usize> = target.into_iter().collect();
        while let Some(at) = todo.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            let stage = &self.stages.all[at];
            let triggered = match &bases[at] {
                Ok(Source::Stage(base)) => grounds[*base].triggers,
                _ => false,
            };
            if triggered || stage.instructions.iter().any(|it| it.word == "RUN") {
                needs.runs_on.extend(grounds[at].platform.clone());
            }
            let base = (stage.from.line, bases[at].clone());
            for (line, source) in [base].into_iter().chain(self.others(at)) {
                match source {
                    Ok(Source::Nothing) => {}
                    Ok(Source::Stage(stage)) => todo.push(stage),
                    Ok(Source::Image { name, platform }) => {
                        images.insert(BaseImageUse {
                            line,
                            name,
                            platform,
                        });
                    }
                    // An engine would hold all of it in its memory.
                    Err(why @ Unclear::TooLong) => {
                        let written = quoted(stage.base);
                        return Err(DockerfileError {
                            line,
                            message: format!("FROM {written}: {why}; no image has such a name"),
                        });
                    }
                    Err(why) => needs.unclear.push((line, one_line(&why.to_string()))),
                }
            }
        }
        Ok(())
    }

    /// Where each stage runs. A stage made from another runs where that one
    /// does, and names the stages before it alone.
    fn grounds(&self, bases: &[Result<Source, Unclear>]) -> Vec<Ground> {
        let mut grounds: Vec<Ground> = Vec::with_capacity(bases.len());
        for (stage, base) in self.stages.all.iter().zip(bases) {
            let platform = match base {
                Ok(Source::Stage(base)) => grounds[*base].platform.clone(),
                Ok(Source::Image { platform, .. }) => Some(platform.clone()),
                Ok(Source::Nothing) => Some(self.platform.clone()),
                Err(_) => None,
            };
            let triggers = stage.instructions.iter().filter_map(Instruction::trigger);
            grounds.push(Ground {
                platform,
                triggers: triggers.into_iter().any(|it| it.word == "RUN"),
            });
        }
        grounds
    }

    fn expand(&self, word: &str) -> Result<String, Unclear> {
        expand(word, self.escape, &self.variables).map_err(|why| match why {
            Unclear::TooLong => why,
            Unclear::Other(why) => Unclear::Other(format!("{}: {why}", quoted(word))),
        })
    }

    /// What a stage's `FROM` names.
    fn base(&self, at: usize) -> Result<Source, Unclear> {
        let stage = &self.stages.all[at];
        let name = self.expand(stage.base)?;
        if let Some(stage) = self.stages.named_before(&name, at) {
            return Ok(Source::Stage(stage));
        }
        let platform = match stage.from.flag("platform").next_back() {
            None => self.platform.clone(),
            Some(written) => self.expand(written)?.parse().map_err(|error| {
                Unclear::Other(format!("--platform={}: {error}", one_line(written)))
            })?,
        };
        image(name, stage.base, platform)
    }

    /// What a stage's instructions take from elsewhere, with their lines.
    fn others(&self, at: usize) -> Vec<(usize, Result<Source, Unclear>)> {
        let mut sources = Vec::new();
        for written in self.stages.all[at].instructions {
            let trigger = written.trigger();
            let instruction = trigger.as_ref().unwrap_or(written);
            let line = instruction.line;
            match instruction.word.as_str() {
                "COPY" => {
                    for from in instruction.flag("from") {
                        let count = self.stages.all.len();
                        let number = from.parse().ok().filter(|number| *number < count);
                        sources.push((line, self.other(number, from)));
                    }
                }
                "RUN" => {
                    let mounts = instruction.flag("mount");
                    let froms = mounts
                        .flat_map(|mount| mount.split(','))
                        .filter_map(|field| field.split_once('='))
                        .filter(|(key, _)| key.trim().eq_ignore_ascii_case("from"));
                    sources.extend(froms.map(|(_, from)| (line, self.other(None, from.trim()))));
                }
                _ => {}
            }
        }
        sources
    }

    /// What `--from` names: a stage, wherever it stands, or an image, which is
    /// needed on the platform that is built, whatever the stage's own.
    fn other(&self, number: Option<usize>, name: &str) -> Result<Source, Unclear> {
        if let Some(stage) = number.or_else(|| self.stages.named(name)) {
            return Ok(Source::Stage(stage));
        }
        if name.contains('$') {
            return Err(Unclear::Other(format!(
                "from={}: not every BuildKit replaces variables here",
                quoted(name)
            )));
        }
        image(name.to_owned(), name, self.platform.clone())
    }
}

fn image(name: String, written: &str, platform: Platform) -> Result<Source, Unclear> {
    match name.as_str() {
        "scratch" => Ok(Source::Nothing),
        "" => Err(Unclear::Other(format!(
            "{} names no image: a variable in it has no value",
            quoted(written)
        ))),
        _ => match Reference::parse(&name) {
            Ok(_) => Ok(Source::Image { name, platform }),
            Err(why) => Err(Unclear::Other(format!(
                "{} is not the name of an image: {why}",
                quoted(&name)
            ))),
        },
    }
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
