//! Programs that RUN instructions call, as far as an advice depends on them: told by the words of a
//! command, so what a script calls is not known.

use serde::Serialize;

/// A program, or a family of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// apt-get and apt.
    Apt,
    /// apk.
    Apk,
    /// dnf, microdnf and yum.
    Dnf,
    /// Go.
    Go,
    /// Cargo.
    Cargo,
    /// C and C++ compilers, and make, CMake, Meson and Ninja, which call them.
    C,
    /// npm.
    Npm,
    /// Yarn and pnpm.
    Yarn,
    /// pip and uv.
    Pip,
    /// Maven.
    Maven,
    /// Gradle.
    Gradle,
    /// .NET.
    Dotnet,
}

/// A command: its program, and one of these words after it. No words stand for any.
type Command = (&'static [&'static str], &'static [&'static str], Tool);

/// Commands that compile, or make what runs on any platform.
const COMPILERS: &[Command] = &[
    (&["go"], &["build", "install"], Tool::Go),
    (&["cargo"], &["build", "install"], Tool::Cargo),
    (
        &[
            "gcc", "cc", "g++", "c++", "clang", "clang++", "make", "cmake", "ninja", "meson",
        ],
        &[],
        Tool::C,
    ),
    (&["npm"], &["run"], Tool::Npm),
    (&["yarn", "pnpm"], &["run", "build"], Tool::Yarn),
    (
        &["mvn", "mvnw"],
        &["package", "install", "verify", "compile"],
        Tool::Maven,
    ),
    (&["gradle", "gradlew"], &[], Tool::Gradle),
    (&["dotnet"], &["build", "publish"], Tool::Dotnet),
];

/// Commands that keep what they download in one folder.
const DOWNLOADERS: &[Command] = &[
    (&["apt-get", "apt"], &["install", "upgrade"], Tool::Apt),
    (&["go"], &["build", "install", "test", "mod"], Tool::Go),
    (
        &["cargo"],
        &["build", "install", "test", "fetch"],
        Tool::Cargo,
    ),
    (&["npm"], &["ci", "install", "i"], Tool::Npm),
    (&["pip", "pip3"], &["install"], Tool::Pip),
    (&["mvn", "mvnw"], &[], Tool::Maven),
    (&["gradle", "gradlew"], &[], Tool::Gradle),
    (&["dotnet"], &["restore", "build", "publish"], Tool::Dotnet),
];

/// Commands that need none of the sources, or few: what they install does not depend on the rest.
const INSTALLERS: &[Command] = &[
    (&["apt-get", "apt"], &["install"], Tool::Apt),
    (&["apk"], &["add"], Tool::Apk),
    (&["dnf", "microdnf", "yum"], &["install"], Tool::Dnf),
    (&["go"], &["mod"], Tool::Go),
    (&["cargo"], &["fetch"], Tool::Cargo),
    (&["npm"], &["ci", "install", "i"], Tool::Npm),
    (&["yarn", "pnpm"], &["install", "i"], Tool::Yarn),
    (&["pip", "pip3"], &["install"], Tool::Pip),
    (&["dotnet"], &["restore"], Tool::Dotnet),
];

/// What a RUN instruction compiles with.
pub(super) fn compiler(instruction: &str) -> Option<Tool> {
    called(instruction, COMPILERS)
}

/// What a RUN instruction downloads with.
pub(super) fn downloader(instruction: &str) -> Option<Tool> {
    called(instruction, DOWNLOADERS)
}

/// What a RUN instruction installs dependencies with. One that installs its own sources, `pip
/// install .`, needs them.
pub(super) fn installer(instruction: &str) -> Option<Tool> {
    let needs_sources = instruction
        .split_whitespace()
        .any(|word| word == "." || word == "-e" || word.starts_with("./"));
    called(instruction, INSTALLERS).filter(|_| !needs_sources)
}

/// The first of these commands that an instruction calls.
fn called(instruction: &str, commands: &[Command]) -> Option<Tool> {
    let words = instruction.split_whitespace().skip(1);
    let words: Vec<&str> = words.skip_while(|word| word.starts_with("--")).collect();
    let is_end = |word: &&str| matches!(*word, "&&" | "||" | ";" | "|") || word.ends_with(';');
    words.split_inclusive(is_end).find_map(|command| {
        let is_setting =
            |word: &&&str| word.contains('=') || matches!(**word, "set" | "exec" | "sudo" | "env");
        let mut command = command.iter().skip_while(is_setting);
        let program = command.next()?.trim_matches(|c| "\"'([,".contains(c));
        let program = program.rsplit('/').next().unwrap_or(program);
        let rest: Vec<&str> = command.map(|word| word.trim_end_matches(';')).collect();
        let found = commands.iter().find(|(programs, verbs, _)| {
            let has_verb = verbs.is_empty() || rest.iter().any(|word| verbs.contains(word));
            programs.contains(&program) && has_verb
        });
        found.map(|(.., tool)| *tool)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_told_by_its_program_and_verb() {
        for (instruction, expected) in [
            ("RUN go build -o /x .", Some(Tool::Go)),
            (
                "RUN --mount=type=cache,target=/root/.cache CGO_ENABLED=0 go build -o /x .",
                Some(Tool::Go),
            ),
            (
                "RUN cd /src && /usr/local/go/bin/go install ./...",
                Some(Tool::Go),
            ),
            ("RUN make -j4; make install", Some(Tool::C)),
            ("RUN ./gradlew assemble", Some(Tool::Gradle)),
            ("RUN go version", None),
            ("RUN apt-get install -y golang make gcc", None),
            ("RUN echo go build", None),
            ("RUN", None),
            ("", None),
        ] {
            assert_eq!(compiler(instruction), expected, "{instruction}");
        }
    }

    #[test]
    fn installers_need_no_sources() {
        for (instruction, expected) in [
            (
                "RUN apt-get update && apt-get -y install make",
                Some(Tool::Apt),
            ),
            ("RUN npm ci --omit=dev", Some(Tool::Npm)),
            ("RUN go mod download", Some(Tool::Go)),
            ("RUN pip install -r requirements.txt", Some(Tool::Pip)),
            ("RUN pip install .", None),
            ("RUN npm install ./vendored", None),
            ("RUN cargo build", None),
        ] {
            assert_eq!(installer(instruction), expected, "{instruction}");
        }
        assert_eq!(downloader("RUN apt-get update"), None);
        assert_eq!(downloader("RUN pip3 install x"), Some(Tool::Pip));
    }
}
