use proptest::prelude::*;

use super::*;

fn read_as(text: &str) -> Vec<(usize, String, String)> {
    let instructions = read(text).instructions.into_iter();
    instructions.map(|it| (it.line, it.word, it.rest)).collect()
}

fn is(text: &str, expected: &[(usize, &str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(line, word, rest)| (*line, (*word).to_owned(), (*rest).to_owned()))
        .collect();
    assert_eq!(read_as(text), expected, "{text:?}");
}

#[test]
fn lines_become_instructions_as_in_buildkit() {
    is(
        "# a\n\nFROM  a\nrun x \\\n  # between\n\n  y \\ \n\tz\n\nCMD []\n",
        &[(3, "FROM", "a"), (4, "RUN", "x   y \tz"), (10, "CMD", "[]")],
    );
    // An escape that is escaped continues nothing.
    is(
        "RUN a \\\\\nRUN b",
        &[(1, "RUN", "a \\\\"), (2, "RUN", "b")],
    );
    is(
        "\u{feff}# escape=`\r\nARG X=a `\r\n  Y=b\r\nRUN c\\\r\n",
        &[(2, "ARG", "X=a   Y=b"), (4, "RUN", "c\\")],
    );
    // A directive after something else is a comment.
    is(
        "#\n# escape=`\nRUN a `\nRUN b",
        &[(3, "RUN", "a `"), (4, "RUN", "b")],
    );
    is("\\\n\\\nRUN a", &[(1, "RUN", "a")]);
    is("RUN a \\", &[(1, "RUN", "a")]);
}

#[test]
fn heredocs_end_where_their_name_stands() {
    is(
        include_str!("../../tests/fixtures/cases/heredoc-two/Dockerfile"),
        &[
            (1, "FROM", "debian:trixie-slim"),
            (2, "RUN", "cat <<A && cat <<B"),
        ],
    );
    is(
        include_str!("../../tests/fixtures/cases/heredoc-fd/Dockerfile"),
        &[
            (1, "FROM", "debian:trixie-slim"),
            (2, "RUN", "3<<IN cat <&3"),
        ],
    );
    is(
        include_str!("../../tests/fixtures/cases/heredoc-lines/Dockerfile"),
        &[
            (1, "FROM", "debian:trixie-slim"),
            (2, "RUN", "cat <<EOF > /x"),
            (5, "RUN", "echo second"),
        ],
    );
    is(
        "COPY <<-A <<'B C' /\n\tRUN a\n\t\tA\nB\nB C\nRUN c",
        &[
            (1, "COPY", "<<-A <<'B C' /"),
            (4, "B", ""),
            (5, "B", "C"),
            (6, "RUN", "c"),
        ],
    );
    is(
        "ONBUILD RUN <<A\nRUN a\nA\nRUN [\"<<A\"]\nENV X=<<A",
        &[
            (1, "ONBUILD", "RUN <<A"),
            (4, "RUN", "[\"<<A\"]"),
            (5, "ENV", "X=<<A"),
        ],
    );
}

#[test]
fn a_heredoc_without_an_end_is_told_and_swallows_nothing() {
    let syntax = read("FROM a\nRUN <<A\nCOPY x y\n");
    assert_eq!(syntax.instructions.len(), 3);
    let (line, why) = syntax.unclear.unwrap();
    assert_eq!((line, why.as_str()), (2, "nothing ends the heredoc \"A\""));
}

#[test]
fn flags_are_split_off() {
    let text =
        "RUN --mount=type=cache,target=/x --network=\"no ne\" --x\\ y -- --z\nFROM --platform=$A b";
    let read = read(text).instructions;
    let flags = |at: usize| -> Vec<String> {
        let flags = read[at].flags.iter();
        flags
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    };
    assert_eq!(
        flags(0),
        ["mount=type=cache,target=/x", "network=no ne", "x y="]
    );
    assert_eq!(read[0].rest, "--z");
    assert_eq!(read[1].flag("platform").collect::<Vec<_>>(), ["$A"]);
}

#[test]
fn the_frontend_is_what_the_first_lines_name() {
    let named = |text: &str| read(text).frontend;
    let of = |line, name: &str| Some((line, name.to_owned()));
    assert_eq!(named("# syntax=a/b:1\nFROM x"), of(1, "a/b:1"));
    assert_eq!(named("# escape=`\n#Syntax = a x=y\n"), of(2, "a"));
    assert_eq!(named("#!/usr/bin/env x\n# syntax=a\n"), of(2, "a"));
    assert_eq!(named("// syntax=a\n{}"), of(1, "a"));
    assert_eq!(named("{\"syntax\": \"a\"}"), of(1, "a"));
    assert_eq!(named("# a\n# syntax=a\n"), None);
    assert_eq!(named("\n# syntax=a\n"), None);
}

#[test]
fn only_carriage_returns_are_known_from_others() {
    for text in [
        "FROM a\rRUN b\r",
        "# x\rFROM a\rRUN b",
        "# x\rFROM a\rRUN b\n",
        "FROM a\rRUN b\nRUN c\n",
    ] {
        assert!(ends_in_returns(text), "{text:?}");
    }
    for text in [
        "FROM a\r\nRUN b\r\n",
        "FROM a\r",
        "FROM a\nRUN printf 'a\rb'\n",
    ] {
        assert!(!ends_in_returns(text), "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "((#|# ?syntax=|# ?escape=|FROM |ARG |COPY |RUN |ONBUILD |--from=|<<E|<<-|E\n|\\[\"|\\$\\{|[ -~é\n\r\t\\\\`$]){0,4}\n?){0,12}",
    ) {
        let syntax = read(&text);
        let mut lines: Vec<_> = syntax.instructions.iter().map(|it| it.line).collect();
        prop_assert!(lines.iter().all(|line| *line <= text.split('\n').count()));
        lines.dedup();
        prop_assert!(lines.is_sorted());
        prop_assert_eq!(lines.len(), syntax.instructions.len());
    }
}
