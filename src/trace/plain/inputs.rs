//! What a step takes from, as far as names tell: a plain log does not say it.
//!
//! An instruction takes from the one before it in its stage, on the same platform. A COPY,
//! an ADD and a mount take from the stage, the image or the context that their `from` names,
//! and from the build's context without one. A stage that is made from another stage says
//! so only in the Dockerfile: its first instruction takes from nothing that is known.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::model::Platform;
use crate::trace::{Label, Step};

/// Steps that are searched for one that a step takes from; a real build has a few there.
const MAX_SEARCHED: usize = 1000;

/// The steps of a build, by what others take from.
pub(super) struct Inputs<'s> {
    steps: &'s [Step],
    stages: HashMap<Option<&'s str>, Vec<usize>>,
    /// Steps that load a build's context.
    contexts: Vec<usize>,
    /// Steps of no stage: images, named contexts, what ADD downloads.
    others: Vec<usize>,
}

impl<'s> Inputs<'s> {
    pub(super) fn of(steps: &'s [Step]) -> Self {
        let mut found = Self {
            steps,
            stages: HashMap::new(),
            contexts: Vec::new(),
            others: Vec::new(),
        };
        for (at, step) in steps.iter().enumerate() {
            let label = &step.label;
            if label.position.is_some() {
                let stage = found.stages.entry(label.stage.as_deref()).or_default();
                stage.push(at);
            }
            if is_build_context(label) {
                found.contexts.push(at);
            } else if !label.internal && (label.position.is_none() || label.is("FROM")) {
                found.others.push(at);
            }
        }
        for stage in found.stages.values_mut() {
            stage.sort_by_key(|at| steps[*at].label.position);
        }
        found
    }

    /// The places of what each step takes from, in order.
    pub(super) fn all(&self) -> Vec<Vec<usize>> {
        let inputs = self.steps.iter().enumerate().map(|(at, step)| {
            let mut inputs = Vec::new();
            // What a linked COPY puts onto what is known elsewhere, as in the status stream.
            if step.label.is_instruction() && !step.label.instruction.starts_with("LINK ") {
                self.add_inputs(at, &mut inputs);
            }
            inputs.retain(|input| *input != at);
            inputs.sort_unstable();
            inputs.dedup();
            inputs
        });
        inputs.collect()
    }

    fn add_inputs(&self, at: usize, inputs: &mut Vec<usize>) {
        let label = &self.steps[at].label;
        let mut words = label.instruction.split_whitespace();
        let word = words.find(|word| *word != "ONBUILD").unwrap_or_default();
        let flags: Vec<&str> = words
            .clone()
            .take_while(|word| word.starts_with("--"))
            .collect();
        match word.to_ascii_uppercase().as_str() {
            "COPY" | "ADD" => {
                let from = flags.iter().find_map(|flag| flag.strip_prefix("--from="));
                let arguments = words.filter(|word| !word.starts_with("--"));
                match from {
                    Some(from) => self.add_source(label, from, inputs),
                    None if is_remote(word, arguments.clone()) => {
                        match self.download(at) {
                            Some(download) => inputs.push(download),
                            // It is the download.
                            None => return,
                        }
                    }
                    // A heredoc is its own source.
                    None if arguments
                        .clone()
                        .next()
                        .is_some_and(|a| a.starts_with("<<")) => {}
                    None => inputs.extend(self.context(at)),
                }
                // It is put onto what was before by a step of its own.
                if flags.iter().any(|f| *f == "--link" || *f == "--link=true") {
                    return;
                }
            }
            "RUN" => {
                let mounts = flags
                    .iter()
                    .filter_map(|flag| flag.strip_prefix("--mount="));
                for mount in mounts {
                    self.add_mount(at, mount, inputs);
                }
            }
            _ => {}
        }
        inputs.extend(self.before(label));
    }

    fn add_mount(&self, at: usize, mount: &str, inputs: &mut Vec<usize>) {
        let fields = mount.split(',').filter_map(|field| field.split_once('='));
        let value = |key: &str| fields.clone().find(|(k, _)| *k == key).map(|(_, v)| v);
        let kind = value("type").unwrap_or("bind");
        match value("from") {
            Some(from) => self.add_source(&self.steps[at].label, from, inputs),
            None if kind == "bind" => inputs.extend(self.context(at)),
            None => {}
        }
    }

    /// The instruction before one in its stage, on its platform.
    fn before(&self, label: &Label) -> Vec<usize> {
        let Some((position, _)) = label.position else {
            return Vec::new();
        };
        let stage = self.stage(label.stage.as_deref());
        let earlier = stage.partition_point(|at| self.position(*at) < position);
        let earlier = &stage[..earlier];
        let is_own = |at: &&usize| {
            let other = &self.steps[**at].label;
            (&other.platform, &other.node) == (&label.platform, &label.node)
        };
        let mut nearest = earlier.iter().rev().take(MAX_SEARCHED);
        let own = nearest.find(is_own).map(|at| self.position(*at));
        let own = own.and_then(|position| self.best(earlier, position, label, is_own));
        let mut before: Vec<usize> = own.into_iter().collect();
        // What does the same on several platforms may have been executed for one alone.
        let last = position.saturating_sub(1);
        if own.is_none_or(|own| self.position(own) < last) && last > 1 {
            before.extend(self.best(earlier, last, label, |_| true));
        }
        // Stages that are made from one image share the step that has it.
        if own.is_none() && last == 1 {
            let others = self.others.iter().take(MAX_SEARCHED);
            let mut images = others.filter(|at| self.steps[**at].label.is("FROM") && is_own(at));
            before.extend(images.next().filter(|_| images.next().is_none()));
        }
        before
    }

    /// Of the steps at a position of a stage the one that a step takes from most likely.
    fn best(
        &self,
        stage: &[usize],
        position: u32,
        label: &Label,
        may_be: impl Fn(&&usize) -> bool,
    ) -> Option<usize> {
        let first = stage.partition_point(|at| self.position(*at) < position);
        let end = stage.partition_point(|at| self.position(*at) <= position);
        let there = stage[first..end].iter().take(MAX_SEARCHED).filter(may_be);
        let likely = |at: &&usize| {
            let other = &self.steps[**at].label;
            (
                other.node == label.node,
                likeness(other, label),
                // Of a linked COPY what puts it onto what was before.
                other.instruction.starts_with("LINK "),
                Reverse(**at),
            )
        };
        there.max_by_key(likely).copied()
    }

    /// What a `from` names: a stage, a named context, or an image.
    fn add_source(&self, label: &Label, from: &str, inputs: &mut Vec<usize>) {
        let target = label.stage.as_deref().and_then(|s| s.rsplit_once(' '));
        let target = target.map(|(target, _)| target);
        let name = from.to_ascii_lowercase();
        let numbered = format!("stage-{name}");
        for name in [&name, &numbered] {
            let name = match target {
                Some(target) => format!("{target} {name}"),
                None => name.clone(),
            };
            let stage = self.stage(Some(&name));
            if let Some(last) = stage.last().map(|at| self.position(*at)) {
                inputs.extend(self.best(stage, last, label, |_| true));
                return;
            }
        }
        let is_named = |at: &&usize| {
            let other = &self.steps[**at].label;
            let stage = other.stage.as_deref().unwrap_or_default();
            let is_loaded = !other.instruction.starts_with("load metadata")
                && !other.instruction.starts_with("load .dockerignore");
            let mut words = stage
                .split(' ')
                .skip_while(|word| *word != "context")
                .skip(1);
            is_loaded && other.is_context() && words.next() == Some(from)
        };
        let is_image = |at: &&usize| {
            let said = &self.steps[**at].label.instruction;
            let image = said
                .strip_prefix("FROM ")
                .or(said.strip_prefix("docker-image://"));
            image.is_some_and(|image| image.contains(from))
        };
        let others = self.others.iter().take(MAX_SEARCHED);
        let found = others.clone().rev().find(is_named).or_else(|| {
            let images = others.filter(is_image);
            images.max_by_key(|at| (likeness(&self.steps[**at].label, label), Reverse(**at)))
        });
        inputs.extend(found);
    }

    /// What ADD downloaded for a step: the first of the two that have its name.
    fn download(&self, at: usize) -> Option<usize> {
        let step = &self.steps[at];
        let stage = self.stage(step.label.stage.as_deref());
        let first = stage.partition_point(|other| self.position(*other) < self.position(at));
        let is_same = |other: &&usize| **other < at && self.steps[**other].name == step.name;
        let mut there = stage[first..].iter().take(MAX_SEARCHED);
        there.find(is_same).copied()
    }

    /// The build's context: of several targets of a bake, that of its own.
    fn context(&self, at: usize) -> Option<usize> {
        let first_word = |at: usize| {
            let name = self.steps[at].name.strip_prefix('[')?;
            name.split([' ', ']']).next()
        };
        let own = |other: &&usize| first_word(**other) == first_word(at);
        let mut contexts = self.contexts.iter().take(MAX_SEARCHED);
        contexts.find(own).or(self.contexts.first()).copied()
    }

    fn stage<'a>(&'a self, name: Option<&'a str>) -> &'a [usize] {
        self.stages.get(&name).map_or(&[], Vec::as_slice)
    }

    fn position(&self, at: usize) -> u32 {
        self.steps[at]
            .label
            .position
            .map_or(0, |(position, _)| position)
    }
}

/// How likely a step takes from another on account of their platforms.
fn likeness(other: &Label, label: &Label) -> u8 {
    let is_for = |target: Option<&Platform>| other.made_for() == target;
    match () {
        () if is_for(label.made_for()) => 3,
        () if other.platform == label.platform && other.target.is_none() => 2,
        () if other.platform == label.platform => 1,
        () => 0,
    }
}

fn is_build_context(label: &Label) -> bool {
    let begins = [
        "load build context",
        "load git source",
        "load remote build context",
    ];
    label.internal
        && begins
            .iter()
            .any(|words| label.instruction.starts_with(words))
}

/// Whether an ADD gets its source from a server.
fn is_remote<'w>(word: &str, mut arguments: impl Iterator<Item = &'w str>) -> bool {
    let begins = ["http://", "https://", "git://", "git@", "ssh://"];
    word.eq_ignore_ascii_case("ADD")
        && arguments
            .next()
            .is_some_and(|source| begins.iter().any(|words| source.starts_with(words)))
}
