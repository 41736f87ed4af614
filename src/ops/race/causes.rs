//! Why did a build fail, where the files that it was built from tell? BuildKit
//! says of a source that it is not found; git, `.dockerignore` and submodules
//! say why.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use crate::git::Repository;
use crate::model::{Failure, Sample, split_cell};
use crate::ops::ignored::Ignored;
use crate::scenario::{Scenario, Variant};

/// What BuildKit says of a source that is not in the context: that it is not
/// there, or that a folder on the way to it is not.
static NOT_FOUND: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?:"/?([^"]+)": not found|/buildkit-mount[0-9]+/([^:]+): no such file or directory)"#,
    )
    .expect("a pattern without input in it")
});

/// What is built, as it stands on the disk.
pub struct Causes(Vec<(String, Source)>);

struct Source {
    scenario: String,
    dockerfile: PathBuf,
    context: PathBuf,
    /// The folder of the working tree that the context is a copy of.
    origin: Option<PathBuf>,
    revision: Option<String>,
}

impl Causes {
    pub fn of(scenarios: &[Scenario]) -> Self {
        let source = |scenario: &Scenario, variant: &Variant| Source {
            scenario: scenario.name.clone(),
            dockerfile: variant.dockerfile.clone(),
            context: scenario.sources_of(variant).to_owned(),
            origin: variant.origin.clone(),
            revision: variant.revision.clone(),
        };
        let sources = scenarios.iter().flat_map(|scenario| {
            // Of targets with contexts of their own, which of these is meant is not told.
            let is_told = |variant: &&Variant| {
                let mut targets = variant.bake.iter().flat_map(|bake| &bake.targets);
                targets.all(|target| target.context.as_os_str().is_empty())
            };
            let variants = scenario.variants.iter().filter(is_told);
            variants.map(move |variant| (variant.name.clone(), source(scenario, variant)))
        });
        Self(sources.collect())
    }

    /// Adds the cause to what a failed sample says, where one is known.
    pub fn add_to(&self, sample: &mut Sample) {
        let Some(failure) = &mut sample.failure else {
            return;
        };
        let name = (&*sample.slot.scenario, &*sample.slot.variant);
        // First, since what BuildKit says may be long.
        if let Some(cause) = self.cause(name, failure) {
            failure.message = format!("{cause} ({})", failure.message);
        }
    }

    /// The cause of a failure, where one is known: of the variant of a scenario.
    pub fn cause(&self, (scenario, variant): (&str, &str), failure: &Failure) -> Option<String> {
        let source = self
            .0
            .iter()
            .find(|(known, source)| *known == split_cell(variant).0 && source.scenario == scenario);
        let missing = missing_source(failure).and_then(|path| {
            let cause = source?.1.cause(Path::new(&path))?;
            Some(format!("{path:?} is missing: {cause}"))
        });
        missing.or_else(|| foreign_program(failure))
    }
}

/// The path that an instruction takes from the build context and that is not
/// there.
fn missing_source(failure: &Failure) -> Option<String> {
    let step = failure.step.as_deref().unwrap_or_default();
    let takes = (step.contains("COPY ") || step.contains("ADD ")) && !step.contains("--from=");
    let found = NOT_FOUND.captures(&failure.message).filter(|_| takes)?;
    let path = found.get(1).or_else(|| found.get(2))?;
    Some(path.as_str().to_owned())
}

fn foreign_program(failure: &Failure) -> Option<String> {
    let mut said = failure.log_tail.iter().chain([&failure.message]);
    said.any(|line| line.contains("exec format error"))
        .then(|| {
            "it runs a program of another architecture, and no emulator for that works; \
         `buildrace doctor` tries them"
                .to_owned()
        })
}

impl Source {
    fn cause(&self, path: &Path) -> Option<String> {
        let stays = path.components().all(|part| {
            matches!(
                part,
                std::path::Component::Normal(_) | std::path::Component::CurDir
            )
        });
        if !stays {
            return None;
        }
        let is_there = |folder: &Path| folder.join(path).symlink_metadata().is_ok();
        if is_there(&self.context) {
            let ignored = Ignored::with_exceptions(&self.dockerfile, &self.context);
            return ignored
                .leaves_out(path)
                .then(|| ".dockerignore leaves it out of the build context".to_owned());
        }
        let place = self.origin.as_deref().unwrap_or(&self.context);
        let place = place.canonicalize().ok()?;
        if let Ok(repository) = Repository::find(&place) {
            let full = place.join(path);
            if let Some(submodule) = repository.submodule_without_files(&full) {
                let name = submodule.display();
                return Some(format!(
                    "it is in the submodule {name}, which is not checked out: run \
                     `git submodule update --init {name}`"
                ));
            }
            if self.origin.is_some() && is_there(&place) {
                return Some(match (&self.revision, repository.ignores(&full)) {
                    (_, true) => "git ignores it, and what would be committed is built".to_owned(),
                    (Some(_), false) => {
                        "it is in the working tree, and not in this revision".to_owned()
                    }
                    (None, false) => return None,
                });
            }
        }
        Some("there is no such file in the build context".to_owned())
    }
}

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
