//! Where in a Dockerfile the instructions are that BuildKit counts.

use parse_dockerfile::{Flag, Instruction};

use super::dockerfile::{line, parse, without_mark};

/// An instruction as BuildKit's status stream names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstructionPlace {
    /// Its stage: the name in lower case, or `stage-1` by its number.
    pub stage: String,
    /// Whether it is the Dockerfile's only stage and has no name, which older
    /// frontends tell without one.
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
/// comes first. Each stage's are in order. Empty where it does not parse;
/// triggers of a base image come before them, too, which the text cannot tell.
pub fn instructions(text: &str) -> Vec<InstructionPlace> {
    let text = without_mark(text);
    let Ok(dockerfile) = parse(text) else {
        return Vec::new();
    };
    let stages: Vec<_> = dockerfile.stages().collect();
    let escape = dockerfile.parser_directives.escape.as_ref();
    let escape = escape.map_or('\\', |directive| directive.value.value);
    let mut names: Vec<(String, bool)> = Vec::new();
    let mut places = Vec::new();
    for (number, stage) in stages.iter().enumerate() {
        let name = stage
            .from
            .as_
            .as_ref()
            .map(|(_, name)| name.value.to_ascii_lowercase());
        let base = stage.from.image.value.as_ref();
        let made_from = names
            .iter()
            .enumerate()
            .rev()
            .find(|(_, (name, _))| name.eq_ignore_ascii_case(base));
        let kept = made_from.map(|(number, _)| stages[number].instructions);
        let made_from = made_from.map(|(_, stage)| stage);
        let only_stage = stages.len() == 1 && name.is_none();
        let stage_name = name.unwrap_or_else(|| format!("stage-{number}"));
        let has_flag = |flag: &Flag<'_>| {
            let value = flag.value.as_ref().map(|value| value.value.as_ref());
            let is_target = matches!(value, Some("$TARGETPLATFORM" | "${TARGETPLATFORM}"));
            flag.name.value == "platform" && !is_target
        };
        let is_pinned = stage.from.options.iter().any(has_flag)
            || made_from.is_some_and(|(_, is_pinned)| *is_pinned);
        let is_stage = made_from.is_some();
        let mut place = |word, offset| {
            places.push(InstructionPlace {
                stage: stage_name.clone(),
                only_stage,
                is_pinned,
                word,
                text: logical_line(&text[offset..], escape),
                line: line(text, offset),
            });
        };
        if base != "scratch" && !is_stage {
            place("FROM", stage.from.from.span.start);
        }
        for instruction in kept.unwrap_or_default() {
            if let Instruction::Onbuild(trigger) = instruction
                && let Some((word, offset)) = step_of(&trigger.instruction)
            {
                place(word, offset);
            }
        }
        for instruction in stage.instructions {
            if let Some((word, offset)) = step_of(instruction) {
                place(word, offset);
            }
        }
        names.push((stage_name, is_pinned));
    }
    places
}

/// Word and offset of an instruction that becomes a step.
fn step_of(instruction: &Instruction<'_>) -> Option<(&'static str, usize)> {
    Some(match instruction {
        Instruction::Add(add) => ("ADD", add.add.span.start),
        Instruction::Copy(copy) => ("COPY", copy.copy.span.start),
        Instruction::Run(run) => ("RUN", run.run.span.start),
        Instruction::Workdir(workdir) => ("WORKDIR", workdir.workdir.span.start),
        _ => return None,
    })
}

/// The first line with those that continue it.
fn logical_line(text: &str, escape: char) -> String {
    let mut joined = String::new();
    for line in text.lines() {
        let is_comment = line.trim_start().starts_with('#');
        if !joined.is_empty() && (is_comment || line.trim().is_empty()) {
            continue;
        }
        match line.trim_end().strip_suffix(escape) {
            Some(part) => joined.push_str(part),
            None => return joined + line,
        }
    }
    joined
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
