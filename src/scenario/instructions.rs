//! Where in a Dockerfile the instructions are that BuildKit counts.

use super::stages::Stages;
use super::syntax::{self, Instruction};

/// An instruction as BuildKit's status stream names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstructionPlace {
    /// Its stage: the name in lower case, or `stage-1` by its number.
    pub stage: String,
    /// Whether it is the Dockerfile's only stage and has no name, which older
    /// frontends report without one.
    pub only_stage: bool,
    /// Whether the stage, or one that it is made from, is
    /// `FROM --platform=…`: it runs there whatever platform is built.
    pub is_pinned: bool,
    /// `RUN`.
    pub word: &'static str,
    /// Its text on one line, `RUN make`; of a heredoc what comes before it.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
}

/// The instructions of a Dockerfile that become steps, with the positions that
/// BuildKit's Dockerfile frontend gives them
/// (`frontend/dockerfile/dockerfile2llb/convert.go`): a stage's FROM counts
/// unless it is `scratch` or another stage, and so do ADD, COPY, RUN and
/// WORKDIR. What the stage that it is made from keeps for it with ONBUILD
/// comes first. Each stage's are in order. Triggers of a base image come
/// before them, too, which the text does not show.
pub fn instructions(text: &str) -> Vec<InstructionPlace> {
    let syntax = syntax::read(text);
    let stages = Stages::of(&syntax);
    let mut pinned: Vec<bool> = Vec::with_capacity(stages.all.len());
    let mut places = Vec::new();
    for (number, stage) in stages.all.iter().enumerate() {
        let made_from = stages.named_before(stage.base, number);
        let only_stage = stages.all.len() == 1 && stage.name.is_none();
        let name = stage.name.clone();
        let name = name.unwrap_or_else(|| format!("stage-{number}"));
        let names_platform = stage
            .from
            .flag("platform")
            .any(|value| !matches!(value, "$TARGETPLATFORM" | "${TARGETPLATFORM}"));
        let is_pinned = names_platform || made_from.is_some_and(|base| pinned[base]);
        let mut place = |word, instruction: &Instruction| {
            places.push(InstructionPlace {
                stage: name.clone(),
                only_stage,
                is_pinned,
                word,
                text: instruction.text(),
                line: instruction.line,
            });
        };
        match made_from {
            None if stage.base == "scratch" => {}
            None => place("FROM", stage.from),
            Some(base) => {
                let kept = stages.all[base].instructions.iter();
                for trigger in kept.filter_map(Instruction::trigger) {
                    if let Some(word) = step_word(&trigger) {
                        place(word, &trigger);
                    }
                }
            }
        }
        for instruction in stage.instructions {
            if let Some(word) = step_word(instruction) {
                place(word, instruction);
            }
        }
        pinned.push(is_pinned);
    }
    places
}

/// The word of an instruction that becomes a step.
fn step_word(instruction: &Instruction) -> Option<&'static str> {
    let mut words = ["ADD", "COPY", "RUN", "WORKDIR"].into_iter();
    words.find(|word| *word == instruction.word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_frontend() {
        let text = "# a comment\nARG V=1\nFROM golang AS Build\nENV A=1\nWORKDIR /src\nCOPY . .\n\
                    RUN go \\\n  build\n\nFROM build AS test\nRUN go test\n\nFROM scratch\n\
                    COPY --from=build /x /x\n\nFROM debian\nADD a b\n";
        let found: Vec<_> = instructions(text)
            .into_iter()
            .map(|place| (place.stage, place.word, place.line))
            .collect();
        let expected = [
            ("build", "FROM", 3),
            ("build", "WORKDIR", 5),
            ("build", "COPY", 6),
            ("build", "RUN", 7),
            ("test", "RUN", 11),
            ("stage-2", "COPY", 14),
            ("stage-3", "FROM", 16),
            ("stage-3", "ADD", 17),
        ]
        .map(|(stage, word, line)| (stage.to_owned(), word, line));
        assert_eq!(found, expected);
        assert!(instructions("FROM a\nRUN x\n").iter().all(|p| p.only_stage));
        assert_eq!(instructions("RUNN x"), []);
    }

    #[test]
    fn what_a_stage_keeps_for_others_has_its_own_line() {
        let text = "FROM debian AS base\nONBUILD RUN heavy\nONBUILD ENV A=1\nFROM base\nRUN own\n";
        let found: Vec<_> = instructions(text)
            .into_iter()
            .map(|place| (place.stage, place.word, place.line))
            .collect();
        let expected = [
            ("base", "FROM", 1),
            ("stage-1", "RUN", 2),
            ("stage-1", "RUN", 5),
        ];
        assert_eq!(
            found,
            expected.map(|(stage, word, line)| (stage.to_owned(), word, line))
        );
    }

    #[test]
    fn heredocs_have_no_lines_of_their_own() {
        let text = include_str!("../../tests/fixtures/cases/heredoc-lines/Dockerfile");
        let lines: Vec<_> = instructions(text).iter().map(|it| it.line).collect();
        assert_eq!(lines, [1, 2, 5]);
    }

    #[test]
    fn a_stage_made_from_a_pinned_one_is_pinned_too() {
        let text = "FROM --platform=$BUILDPLATFORM golang AS base\nFROM base AS build\nRUN x\n\
                    FROM debian\nRUN y\n";
        let pinned: Vec<_> = instructions(text)
            .into_iter()
            .map(|place| (place.line, place.is_pinned))
            .collect();
        assert_eq!(pinned, [(1, true), (3, true), (4, false), (5, false)]);
    }
}
