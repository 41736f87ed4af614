//! What is known of a Dockerfile's instructions by what the status stream says
//! of a step: its stage, its position among the stage's instructions, and its
//! text.
//!
//! Positions alone mislead: triggers of a base image come before a stage's own
//! instructions, and a FROM whose image a named context gives is not counted. So
//! a step has a line only if the instruction there says the same; and where
//! several do, only if each step of the stage has the position that the
//! Dockerfile gives it. An image that the client gives is told by its name: the
//! step that loads it has the line of its FROM, if only one names it.

use std::collections::{HashMap, HashSet};

use crate::model::familiar_name;
use crate::trace::{Label, Step, Trace};

/// Bytes of a name from which on it may have been cut.
const LONG: usize = 4000;

/// The instructions of a Dockerfile that become steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    stages: HashMap<Option<String>, Stage>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Stage {
    /// Its instructions that become steps, in the order of the Dockerfile.
    instructions: Vec<Instruction>,
    /// Whether it runs on a platform that it names itself.
    is_pinned: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Instruction {
    /// `RUN`.
    word: String,
    /// Its line in the Dockerfile, from 1.
    line: usize,
    /// What it says between its variables, which are replaced in a step's
    /// name; see [`squeezed`].
    parts: Vec<String>,
    /// Whether a heredoc's first line may follow in a step's name.
    has_heredoc: bool,
    /// The image of a FROM that has no variable in it, in the familiar form.
    image: Option<String>,
}

impl Instruction {
    fn new(text: &str, line: usize) -> Self {
        let words = text.split_whitespace();
        let word = words
            .clone()
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let mut names = words.clone().skip(1).filter(|name| !name.starts_with("--"));
        let image = names
            .next()
            .filter(|name| word == "FROM" && !name.contains('$'));
        Self {
            word,
            image: image.map(familiar_name),
            line,
            parts: parts(&squeezed(words.skip(1))),
            has_heredoc: text.contains("<<"),
        }
    }

    /// Whether a step's name can be of this instruction.
    fn may_be(&self, said: &StepText) -> bool {
        // An image is named by its digest.
        self.word == said.word
            && (self.word == "FROM"
                || matches(&said.text, &self.parts, said.is_cut || self.has_heredoc))
    }
}

/// What a step's name says.
struct StepText {
    /// `RUN`, in upper case.
    word: String,
    /// What follows it; see [`squeezed`].
    text: String,
    /// Whether more may have followed.
    is_cut: bool,
}

impl StepText {
    fn new(label: &Label) -> Self {
        let mut words = label.instruction.split_whitespace();
        let word = words.find(|word| !["ONBUILD", "LINK"].contains(word));
        Self {
            word: word.unwrap_or_default().to_ascii_uppercase(),
            text: squeezed(words),
            is_cut: label.instruction.len() >= LONG,
        }
    }
}

impl Lines {
    /// Adds the next instruction of a stage: the stage as BuildKit names it
    /// (`build`, `stage-1`, none for the only one), whether that runs on a
    /// platform that its FROM names, the instruction's text on one line
    /// (`RUN make`) and its line from 1. What another stage keeps for it with
    /// ONBUILD comes first.
    pub fn add(&mut self, stage: Option<String>, is_pinned: bool, text: &str, line: usize) {
        let stage = self.stages.entry(stage).or_default();
        stage.instructions.push(Instruction::new(text, line));
        stage.is_pinned = is_pinned;
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// The lines of a build's steps by their digests; one of which it is not
    /// certain is left out.
    pub fn by_digest<'t>(&self, trace: &'t Trace) -> HashMap<&'t str, usize> {
        let mut lines = HashMap::new();
        if self.is_empty() {
            return lines;
        }
        let steps = trace.steps().iter();
        let given = steps.filter_map(|step| step.label.image_of_client());
        let given: HashSet<String> = given.map(familiar_name).collect();
        let moved: HashSet<Option<&str>> = trace
            .steps()
            .iter()
            .filter(|step| self.is_moved(&step.label, &given) == Some(true))
            .map(|step| step.label.stage.as_deref())
            .collect();
        // One instruction is at one position of a stage.
        let mut positions: HashMap<(Option<&str>, usize), HashSet<u32>> = HashMap::new();
        for step in trace.steps() {
            let Step { label, digest, .. } = step;
            let stage = label.stage.as_deref();
            if let Some(image) = label.image_of_client() {
                lines.extend(self.from(image).map(|line| (digest.as_str(), line)));
            } else if let Some((position, _)) = label.position
                && let Some(line) = self.line(label, moved.contains(&stage), &given)
            {
                lines.insert(digest.as_str(), line);
                positions.entry((stage, line)).or_default().insert(position);
            }
        }
        for step in trace.steps() {
            let line = lines.get(step.digest.as_str());
            let place = line.map(|line| (step.label.stage.as_deref(), *line));
            let found = place.and_then(|place| positions.get(&place));
            if found.is_some_and(|positions| positions.len() > 1) {
                lines.remove(step.digest.as_str());
            }
        }
        lines
    }

    /// Whether a step is not where the Dockerfile has it; `None` where that
    /// says nothing. `given` are the images that the client gives.
    fn is_moved(&self, label: &Label, given: &HashSet<String>) -> Option<bool> {
        label.position?;
        let at = self.at_position(label, given);
        Some(!at.is_some_and(|instruction| instruction.may_be(&StepText::new(label))))
    }

    /// What the Dockerfile has at a step's position.
    fn at_position(&self, label: &Label, given: &HashSet<String>) -> Option<&Instruction> {
        let (position, count) = label.position?;
        let stage = self.stage(label)?;
        let is_same = usize::try_from(count) == Ok(stage.instructions.len());
        let image = stage.instructions.first().and_then(|i| i.image.as_ref());
        // The FROM is in the number of instructions all the same.
        let skipped = usize::from(image.is_some_and(|image| given.contains(image)));
        let place = usize::try_from(position.checked_sub(1)?).ok()? + skipped;
        stage.instructions.get(place).filter(|_| is_same)
    }

    /// The line of the FROM that names an image, if only one does.
    fn from(&self, image: &str) -> Option<usize> {
        let image = familiar_name(image);
        let all = self.stages.values().flat_map(|stage| &stage.instructions);
        let mut named = all.filter(|found| found.image.as_ref() == Some(&image));
        let line = named.next()?.line;
        named.next().is_none().then_some(line)
    }

    fn line(&self, label: &Label, is_moved: bool, given: &HashSet<String>) -> Option<usize> {
        let stage = self.stage(label)?;
        let said = StepText::new(label);
        let mut found = stage.instructions.iter().filter(|i| i.may_be(&said));
        let first = found.next()?;
        match found.next() {
            None => Some(first.line),
            // MultipleComparisons say the same.
            Some(_) if is_moved => None,
            Some(_) => self.at_position(label, given).map(|at| at.line),
        }
    }

    /// Whether a step's stage runs on a platform that it names itself,
    /// whatever is built; `None` where the stage is not known.
    pub(super) fn is_pinned(&self, label: &Label) -> Option<bool> {
        Some(self.stage(label)?.is_pinned)
    }

    fn stage(&self, label: &Label) -> Option<&Stage> {
        let stage = label.stage.as_deref();
        // Without the target that buildx's bake puts before the stage.
        let alone = stage.and_then(|stage| stage.split(' ').next_back());
        [stage, alone]
            .into_iter()
            .find_map(|stage| self.stages.get(&stage.map(str::to_owned)))
    }
}

/// Words without what the frontend may take away or leave in a step's name:
/// white space, quotes, escapes.
fn squeezed<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words
        .flat_map(str::chars)
        .filter(|c| !matches!(c, '"' | '\'' | '\\'))
        .collect()
}

/// A text between its variables: `make${A:-b}-$C.` is `make`, `-` and `.`.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        parts.last_mut().expect("never empty").push_str(before);
        parts.push(String::new());
        rest = after_variable(&after[1..]);
    }
    parts.last_mut().expect("never empty").push_str(rest);
    parts
}

/// What follows a variable, of which the `$` is left out.
fn after_variable(text: &str) -> &str {
    if !text.starts_with('{') {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        return text.trim_start_matches(is_name);
    }
    let mut open = 0usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return &text[at + 1..];
        }
    }
    ""
}

/// Whether a text has these parts in order, from its begin, and to its end
/// unless that is open.
fn matches(text: &str, parts: &[String], is_open: bool) -> bool {
    let Some((first, others)) = parts.split_first() else {
        return false;
    };
    let Some((last, between)) = others.split_last() else {
        let is_begin = text.starts_with(first.as_str()) || cut(text, first, is_open);
        return is_begin && (is_open || text.len() == first.len());
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else {
        return cut(text, first, is_open);
    };
    for part in between {
        match rest.find(part.as_str()) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return is_open && text.len() >= LONG / 2,
        }
    }
    rest.ends_with(last.as_str())
        || (is_open && (rest.contains(last.as_str()) || text.len() >= LONG / 2))
}

/// Whether a text is a long begin of what it should be.
fn cut(text: &str, whole: &str, is_open: bool) -> bool {
    is_open && text.len() >= LONG / 2 && whole.starts_with(text)
}
