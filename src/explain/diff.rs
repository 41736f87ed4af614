//! Two builds of one scenario side by side: which steps are the same in both
//! Dockerfiles, which moved, which are new or gone.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::Explanation;
use super::StepKind;
use super::facts::StepFacts;
use crate::model::familiar_name;

/// Least likeness of two instructions of one stage that are taken for the same
/// one, changed; 0 to 1. A command that got mounts and variables has about
/// this.
const ALIKE: f64 = 0.3;
/// The same for instructions of different stages.
const ALIKE_ELSEWHERE: f64 = 0.6;
/// Characters of an instruction that are compared.
const MAX_COMPARED: usize = 200;
/// Steps of one platform, stage and instruction that are compared with each
/// other; a Dockerfile has a few.
const MAX_CANDIDATES: usize = 100;

/// What is different between two builds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// Change of the whole on BuildKit's clock, seconds: above 0 is slower.
    pub seconds: f64,
    /// Steps of either build, the greatest change first.
    pub steps: Vec<StepChange>,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepChange {
    /// Whether it stayed, changed, came or went.
    pub change: Fate,
    /// Its place in the first build.
    pub first: Option<usize>,
    /// Its place in the second build.
    pub second: Option<usize>,
    /// Change of the time that was spent on it, seconds: above 0 is slower.
    pub seconds: f64,
    /// Change of its time on the critical path, seconds.
    pub critical_seconds: f64,
}

/// What became of a step from the first build to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Both builds have the same instruction.
    Same,
    /// Both builds have it, with other words.
    Changed,
    /// It is done once for several platforms now: `second` serves them all.
    Joined,
    /// It is done for each platform now: `first` served them all.
    Split,
    /// Only the second build has it.
    New,
    /// Only the first build has it.
    Gone,
}

/// Pairs the steps of two builds and says what changed.
///
/// Steps are paired by the platform that they make something for, their stage
/// and their instruction; those that are left, by how alike their instructions
/// are. Base images are paired by their names: which stage one is named after,
/// if any, depends on how the builder gets it.
pub fn diff(first: &Explanation, second: &Explanation) -> Diff {
    let mut pairs = Pairs::new(&first.steps, &second.steps);
    pairs.by_key(|step| Some((made_for(step), step.stage.clone(), words(step))));
    pairs.by_key(|step| Some((made_for(step), None, image(step)?)));
    pairs.by_likeness(ALIKE, |step| {
        (made_for(step), step.stage.clone(), first_word(step))
    });
    pairs.by_likeness(ALIKE_ELSEWHERE, |step| {
        (made_for(step), None, first_word(step))
    });
    let mut steps = pairs.changes();
    steps.sort_by(|a, b| {
        let size = |change: &StepChange| change.seconds.abs();
        let place = |change: &StepChange| (change.second, change.first);
        size(b).total_cmp(&size(a)).then(place(a).cmp(&place(b)))
    });
    Diff {
        seconds: second.span.as_secs_f64() - first.span.as_secs_f64(),
        steps,
    }
}

type Key = (Option<String>, Option<String>, String);

struct Pairs<'s> {
    first: &'s [StepFacts],
    second: &'s [StepFacts],
    /// The partner of each step of the first build.
    of_first: Vec<Option<usize>>,
    paired_seconds: HashSet<usize>,
}

impl<'s> Pairs<'s> {
    fn new(first: &'s [StepFacts], second: &'s [StepFacts]) -> Self {
        Self {
            first,
            second,
            of_first: vec![None; first.len()],
            paired_seconds: HashSet::new(),
        }
    }

    fn pair(&mut self, first: usize, second: usize) {
        self.of_first[first] = Some(second);
        self.paired_seconds.insert(second);
    }

    /// Steps without a partner by what `key` says of them, in order; those of
    /// which it says nothing are left out.
    fn left(
        &self,
        key: impl Fn(&StepFacts) -> Option<Key>,
    ) -> HashMap<Key, (Vec<usize>, Vec<usize>)> {
        let mut left: HashMap<Key, (Vec<usize>, Vec<usize>)> = HashMap::new();
        for (at, step) in self.first.iter().enumerate() {
            if self.of_first[at].is_none()
                && let Some(key) = key(step)
            {
                left.entry(key).or_default().0.push(at);
            }
        }
        for (at, step) in self.second.iter().enumerate() {
            if !self.paired_seconds.contains(&at)
                && let Some(key) = key(step)
            {
                left.entry(key).or_default().1.push(at);
            }
        }
        left
    }

    /// Pairs what has the same key, the first of the Dockerfile with the first.
    fn by_key(&mut self, key: impl Fn(&StepFacts) -> Option<Key>) {
        for (mut first, mut second) in self.left(key).into_values() {
            first.sort_by_key(|at| self.first[*at].position);
            second.sort_by_key(|at| self.second[*at].position);
            for (first, second) in first.into_iter().zip(second) {
                self.pair(first, second);
            }
        }
    }

    /// Pairs instructions of the same key that are alike, the most alike
    /// first.
    fn by_likeness(&mut self, least: f64, key: impl Fn(&StepFacts) -> Key) {
        for (first, second) in self.left(|step| Some(key(step))).into_values() {
            let mut scores = Vec::new();
            for &a in first.iter().take(MAX_CANDIDATES) {
                for &b in second.iter().take(MAX_CANDIDATES) {
                    let (one, other) = (&self.first[a], &self.second[b]);
                    if one.position.is_none() || other.position.is_none() {
                        continue;
                    }
                    let score = likeness(one, other);
                    if score >= least {
                        scores.push((score, a, b));
                    }
                }
            }
            scores.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
            for (_, a, b) in scores {
                if self.of_first[a].is_none() && !self.paired_seconds.contains(&b) {
                    self.pair(a, b);
                }
            }
        }
    }

    fn changes(self) -> Vec<StepChange> {
        let mut changes = Vec::new();
        let (before, after) = (Shared::of(self.first), Shared::of(self.second));
        for (at, partner) in self.of_first.iter().enumerate() {
            let step = &self.first[at];
            changes.push(match partner {
                Some(partner) => {
                    let other = &self.second[*partner];
                    let is_same = words(step) == words(other) && step.stage == other.stage;
                    // Only one of them is named after a stage.
                    let is_same_image = step.position.is_none() != other.position.is_none()
                        && image(step).is_some_and(|name| image(other) == Some(name));
                    let fate = if is_same || is_same_image {
                        Fate::Same
                    } else {
                        Fate::Changed
                    };
                    change(fate, Some((at, step)), Some((*partner, other)))
                }
                None => match after.doing(self.second, step) {
                    Some(joined) => StepChange {
                        second: Some(joined),
                        ..change(Fate::Joined, Some((at, step)), None)
                    },
                    None => change(Fate::Gone, Some((at, step)), None),
                },
            });
        }
        for (at, step) in self.second.iter().enumerate() {
            if self.paired_seconds.contains(&at) {
                continue;
            }
            changes.push(match before.doing(self.first, step) {
                Some(split) => StepChange {
                    first: Some(split),
                    ..change(Fate::Split, None, Some((at, step)))
                },
                None => change(Fate::New, None, Some((at, step))),
            });
        }
        changes
    }
}

fn change(
    fate: Fate,
    first: Option<(usize, &StepFacts)>,
    second: Option<(usize, &StepFacts)>,
) -> StepChange {
    let difference = |of: fn(&StepFacts) -> f64| {
        let seconds = |step: Option<(usize, &StepFacts)>| step.map_or(0.0, |(_, step)| of(step));
        seconds(second) - seconds(first)
    };
    StepChange {
        change: fate,
        first: first.map(|(at, _)| at),
        second: second.map(|(at, _)| at),
        seconds: difference(|step| step.busy.as_secs_f64()),
        critical_seconds: difference(|step| step.critical.as_secs_f64()),
    }
}

/// The steps that do the same for several platforms, by stage and instruction.
struct Shared<'s> {
    by_words: HashMap<(Option<&'s str>, String), Vec<usize>>,
}

impl<'s> Shared<'s> {
    fn of(steps: &'s [StepFacts]) -> Self {
        let mut by_words: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, step) in steps.iter().enumerate() {
            if step.serves.len() > 1 && step.position.is_some() {
                let key = (step.stage.as_deref(), words(step));
                by_words.entry(key).or_default().push(at);
            }
        }
        Self { by_words }
    }

    /// The one of `steps` that does a step's work, this one's platform's among
    /// others.
    fn doing(&self, steps: &[StepFacts], step: &StepFacts) -> Option<usize> {
        let target = step.target.as_ref()?;
        let found = self.by_words.get(&(step.stage.as_deref(), words(step)))?;
        let mut found = found.iter().copied();
        found.find(|at| steps[*at].serves.contains(target))
    }
}

fn made_for(step: &StepFacts) -> Option<String> {
    step.target.as_ref().map(ToString::to_string)
}

/// The instruction with single blanks; the digest of a base image left out,
/// which changes with every pull, and so is the Dockerfile's name.
fn words(step: &StepFacts) -> String {
    let words = step.instruction.split_whitespace();
    let words = words.map(|word| match word.split_once("@sha256:") {
        Some((image, _)) => image,
        None => word,
    });
    let text = words.collect::<Vec<_>>().join(" ");
    match text.strip_prefix("load build definition from ") {
        Some(_) => "load build definition".to_owned(),
        None => text,
    }
}

/// The image of a FROM, in the familiar form and without its digest.
fn image(step: &StepFacts) -> Option<String> {
    let words = words(step);
    let name = words.strip_prefix("FROM ")?;
    (step.kind == StepKind::BaseImage).then(|| familiar_name(name))
}

fn first_word(step: &StepFacts) -> String {
    let mut words = step.instruction.split_whitespace();
    words.next().unwrap_or_default().to_ascii_uppercase()
}

/// How alike two instructions are, 0 to 1.
fn likeness(one: &StepFacts, other: &StepFacts) -> f64 {
    let end = |step: &StepFacts| -> String {
        // The end of a command says more than its mounts at the start.
        let text: Vec<char> = words(step).chars().collect();
        text[text.len().saturating_sub(MAX_COMPARED)..]
            .iter()
            .collect()
    };
    strsim::sorensen_dice(&end(one), &end(other))
}
