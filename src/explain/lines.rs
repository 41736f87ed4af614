//! Lines of a Dockerfile by what the status stream says of a step: its stage,
//! and its position among the stage's instructions.

use std::collections::HashMap;

use crate::trace::Label;

/// The lines of a Dockerfile's instructions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    by_place: HashMap<(Option<String>, u32), Instruction>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Instruction {
    line: usize,
    word: String,
}

impl Lines {
    /// Adds an instruction: its stage as BuildKit names it (`build`,
    /// `stage-1`, none for the only one), its position there from 1, its word
    /// (`RUN`) and its line from 1.
    pub fn add(&mut self, stage: Option<String>, position: u32, word: &str, line: usize) {
        let word = word.to_owned();
        self.by_place
            .insert((stage, position), Instruction { line, word });
    }

    /// The line of a step; `None` where the Dockerfile has another instruction
    /// there, as with triggers of a base image.
    pub(super) fn of(&self, label: &Label) -> Option<usize> {
        let (position, _) = label.position?;
        let stage = label.stage.as_deref();
        // Without the target that buildx's bake puts before the stage.
        let alone = stage.and_then(|stage| stage.split(' ').next_back());
        let found = [stage, alone].into_iter().find_map(|stage| {
            let stage = stage.map(str::to_owned);
            self.by_place.get(&(stage, position))
        })?;
        label.is(&found.word).then_some(found.line)
    }
}
