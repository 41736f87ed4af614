//! What a step takes from: base images, contexts, URLs.

use std::collections::BTreeMap;

use super::known::Known;
use crate::explain::{StepFacts, StepKind, links};
use crate::model::familiar_name;
use crate::provenance::{Copied, Definition, Operation};

/// The images that a step takes from directly, without their digests, and these
/// where they are known.
pub(super) fn images(known: &Known<'_>, at: Option<usize>) -> BTreeMap<String, Option<String>> {
    let steps = &known.explanation.steps;
    let Some(at) = at else {
        return BTreeMap::new();
    };
    let mut inputs = steps[at].inputs.clone();
    for input in inputs.clone() {
        if steps[input].instruction.starts_with(links::LINK) {
            inputs.extend(&steps[input].inputs);
        }
    }
    let bases = inputs.iter().map(|input| &steps[*input]);
    let bases = bases.filter(|step| step.kind == StepKind::BaseImage);
    bases.map(|step| image(known, step)).collect()
}

/// The name of a base image, and its digest.
fn image(known: &Known<'_>, step: &StepFacts) -> (String, Option<String>) {
    let definition = known.provenance.and_then(|p| p.definition(&step.digest));
    if let Some(Definition {
        operation: Operation::Source(source),
        ..
    }) = definition
        && let Some((name, digest)) = source.image()
    {
        return (familiar_name(name), digest.map(str::to_owned));
    }
    let name = step.instruction.strip_prefix("FROM ");
    let name = name.unwrap_or(&step.instruction).trim();
    match name.split_once('@') {
        Some((name, digest)) => (familiar_name(name), Some(digest.to_owned())),
        None => (familiar_name(name), None),
    }
}

/// The context that a step loads: `[internal] load build context`, `[context src]
/// load from client`.
pub(super) fn context_of(step: &StepFacts) -> Option<&str> {
    if step.instruction.starts_with("load build context") {
        return Some(CONTEXT);
    }
    let context = step.stage.as_deref()?.strip_prefix("context ")?;
    step.instruction
        .starts_with("load from client")
        .then_some(context)
}

/// Whether a step is what is behind a URL: BuildKit names it by that.
pub(super) fn is_remote(step: &StepFacts) -> bool {
    let first = step.instruction.split_whitespace().next();
    let is_url = first.is_some_and(|word| word.contains("://"));
    let is_loaded = step
        .stage
        .as_deref()
        .is_some_and(|s| s.starts_with("context "))
        && step.instruction.starts_with("load ");
    step.position.is_none() && (is_url || (is_loaded && context_of(step).is_none()))
}

/// The build's own context.
pub(super) const CONTEXT: &str = "context";

/// The same with the ref of a repository, without a folder in it.
pub(super) fn ref_of(name: &str) -> &str {
    let name = name.split_whitespace().next().unwrap_or_default();
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    let folder = name
        .find('#')
        .and_then(|at| Some(at + name[at..].find(':')?));
    folder.map_or(name, |end| &name[..end])
}

/// A URL as both a step's name and a provenance have it.
pub(super) fn url_of(name: &str) -> &str {
    let name = name.split_whitespace().next().unwrap_or_default();
    let name = name.split('#').next().unwrap_or_default();
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    name.trim_end_matches('/').trim_end_matches(".git")
}

/// Whether all of a context is copied.
pub(super) fn is_everything(copied: &Copied) -> bool {
    let is_all = ["", "/", "/.", "."].contains(&copied.source.as_str());
    is_all && copied.include.is_empty()
}

/// What a COPY or ADD copies, by its words.
pub(super) fn words_copied(instruction: &str) -> Vec<Copied> {
    let words = instruction.split_whitespace().skip(1);
    let mut paths: Vec<&str> = words.filter(|word| !word.starts_with("--")).collect();
    if !instruction.to_ascii_uppercase().starts_with("RUN") {
        paths.pop();
    } else {
        // Which files a mount binds, only its definition says.
        paths = vec!["."];
    }
    let copied = paths.into_iter().map(|path| Copied {
        source: path
            .trim_start_matches("./")
            .trim_matches(|c| "[]\",".contains(c))
            .trim_end_matches('/')
            .to_owned(),
        ..Copied::default()
    });
    copied.collect()
}
