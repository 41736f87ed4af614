//! Which stages does a Dockerfile have, and what is each made from?

use std::collections::HashMap;

use super::syntax::{Instruction, Syntax, is_space};

/// The stages of a Dockerfile, and which name means which.
pub(super) struct Stages<'d> {
    pub(super) all: Vec<Stage<'d>>,
    /// Of each name, in lower case, the stages that have it.
    by_name: HashMap<String, Vec<usize>>,
}

/// A stage of a Dockerfile: a `FROM` and what follows it.
pub(super) struct Stage<'d> {
    /// Its `FROM`.
    pub(super) from: &'d Instruction,
    /// Its name in lower case, if it has one.
    pub(super) name: Option<String>,
    /// What its `FROM` names, as written.
    pub(super) base: &'d str,
    /// The instructions after its `FROM`.
    pub(super) instructions: &'d [Instruction],
}

impl<'d> Stages<'d> {
    pub(super) fn of(syntax: &'d Syntax) -> Self {
        let instructions = &syntax.instructions;
        let begins: Vec<usize> = (0..instructions.len())
            .filter(|at| instructions[*at].word == "FROM")
            .collect();
        let ends = begins.iter().skip(1).copied().chain([instructions.len()]);
        let all: Vec<Stage<'_>> = begins
            .iter()
            .zip(ends)
            .map(|(begin, end)| {
                let from = &instructions[*begin];
                let mut words = from.rest.split(is_space).filter(|word| !word.is_empty());
                let base = words.next().unwrap_or_default();
                let name = words
                    .next()
                    .filter(|word| word.eq_ignore_ascii_case("as"))
                    .and_then(|_| words.next());
                Stage {
                    from,
                    name: name.map(str::to_lowercase),
                    base,
                    instructions: &instructions[begin + 1..end],
                }
            })
            .collect();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, stage) in all.iter().enumerate() {
            if let Some(name) = &stage.name {
                by_name.entry(name.clone()).or_default().push(at);
            }
        }
        Self { all, by_name }
    }

    /// The instructions before the first stage.
    pub(super) fn before(syntax: &Syntax) -> &[Instruction] {
        let instructions = &syntax.instructions;
        let end = instructions.iter().position(|it| it.word == "FROM");
        &instructions[..end.unwrap_or(instructions.len())]
    }

    /// The last stage of this name, whatever its case.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_lowercase())?.last().copied()
    }

    /// The last stage of this name before another: `FROM` looks back alone.
    pub(super) fn named_before(&self, name: &str, end: usize) -> Option<usize> {
        let of_name = self.by_name.get(&name.to_lowercase())?;
        let count = of_name.partition_point(|at| *at < end);
        count.checked_sub(1).map(|last| of_name[last])
    }
}
