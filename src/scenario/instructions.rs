//! Where in a Dockerfile the instructions are that BuildKit counts.

use parse_dockerfile::Instruction;

use super::dockerfile::{line, parse, without_mark};

/// An instruction as BuildKit's status stream names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstructionPlace {
    /// Its stage: the name in lower case, or `stage-1` by its number.
    pub stage: String,
    /// Whether it is the Dockerfile's only stage and has no name, which older
    /// frontends tell without one.
    pub only_stage: bool,
    /// Its position among those of its stage, from 1.
    pub position: u32,
    /// `RUN`.
    pub word: &'static str,
    /// Its line, from 1.
    pub line: usize,
}

/// The instructions of a Dockerfile that become steps, with the positions that
/// BuildKit's Dockerfile frontend gives them
/// (`frontend/dockerfile/dockerfile2llb/convert.go`): a stage's FROM counts
/// unless it is `scratch` or another stage, and so do ADD, COPY, RUN and
/// WORKDIR. Empty where it does not parse; triggers of a base image shift its
/// positions, which the text cannot tell.
pub fn instructions(text: &str) -> Vec<InstructionPlace> {
    let text = without_mark(text);
    let Ok(dockerfile) = parse(text) else {
        return Vec::new();
    };
    let stages: Vec<_> = dockerfile.stages().collect();
    let mut names: Vec<String> = Vec::new();
    let mut places = Vec::new();
    for (number, stage) in stages.iter().enumerate() {
        let name = stage
            .from
            .as_
            .as_ref()
            .map(|(_, name)| name.value.to_ascii_lowercase());
        let base = stage.from.image.value.as_ref();
        let is_stage = names.iter().any(|name| name.eq_ignore_ascii_case(base));
        let only_stage = stages.len() == 1 && name.is_none();
        let stage_name = name.unwrap_or_else(|| format!("stage-{number}"));
        let mut position = 0;
        let mut place = |word, offset| {
            position += 1;
            places.push(InstructionPlace {
                stage: stage_name.clone(),
                only_stage,
                position,
                word,
                line: line(text, offset),
            });
        };
        if base != "scratch" && !is_stage {
            place("FROM", stage.from.from.span.start);
        }
        for instruction in stage.instructions {
            match instruction {
                Instruction::Add(add) => place("ADD", add.add.span.start),
                Instruction::Copy(copy) => place("COPY", copy.copy.span.start),
                Instruction::Run(run) => place("RUN", run.run.span.start),
                Instruction::Workdir(workdir) => place("WORKDIR", workdir.workdir.span.start),
                _ => {}
            }
        }
        names.push(stage_name);
    }
    places
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
            .map(|place| (place.stage, place.position, place.word, place.line))
            .collect();
        let expected = [
            ("build", 1, "FROM", 3),
            ("build", 2, "WORKDIR", 5),
            ("build", 3, "COPY", 6),
            ("build", 4, "RUN", 7),
            ("test", 1, "RUN", 11),
            ("stage-2", 1, "COPY", 14),
            ("stage-3", 1, "FROM", 16),
            ("stage-3", 2, "ADD", 17),
        ]
        .map(|(stage, position, word, line)| (stage.to_owned(), position, word, line));
        assert_eq!(found, expected);
        assert!(instructions("FROM a\nRUN x\n").iter().all(|p| p.only_stage));
        assert_eq!(instructions("RUNN x"), []);
    }
}
