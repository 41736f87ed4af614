//! What is known of a Dockerfile's instructions by what the status stream says
//! of a step: its stage, and its position among the stage's instructions.

use std::collections::HashMap;

use crate::trace::Label;

/// The instructions of a Dockerfile that become steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    stages: HashMap<Option<String>, Stage>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Stage {
    /// Word and line of each instruction, in order.
    instructions: Vec<(String, usize)>,
    /// Whether it runs on a platform that it names itself.
    is_pinned: bool,
}

impl Lines {
    /// Adds the next instruction of a stage: the stage as BuildKit names it
    /// (`build`, `stage-1`, none for the only one), whether that runs on a
    /// platform that its FROM names, the instruction's word (`RUN`) and its
    /// line from 1.
    pub fn add(&mut self, stage: Option<String>, is_pinned: bool, word: &str, line: usize) {
        let stage = self.stages.entry(stage).or_default();
        stage.instructions.push((word.to_owned(), line));
        stage.is_pinned = is_pinned;
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// The line of a step; `None` where the Dockerfile does not have as many
    /// instructions there, as with triggers of a base image, or another one.
    pub(super) fn of(&self, label: &Label) -> Option<usize> {
        let (position, count) = label.position?;
        let stage = self.stage(label)?;
        let is_same = usize::try_from(count) == Ok(stage.instructions.len());
        let place = usize::try_from(position.checked_sub(1)?).ok()?;
        let (word, line) = stage.instructions.get(place).filter(|_| is_same)?;
        label.is(word).then_some(*line)
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
