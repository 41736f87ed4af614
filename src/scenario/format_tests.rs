use proptest::prelude::*;

use super::*;
use crate::scenario::error::position;

const WHOLE: &str = r#"title = "A test"
language = "Go"
control = true
sources = "src"
platforms = ["linux/amd64", "linux/arm/v7"]
kinds = ["noop"]

[edit]
file = "a/b.txt"
find = "dev"
replace = "{nonce}"

[[variant]]
name = "naive"
reference = true

[[variant]]
name = "cross"
optional = true
dockerfile = "../x/Dockerfile"
target = "out"
build-args = { A = "1", _B2 = "" }
contexts = { lib = "../lib", alpine = "docker-image://alpine:3" }
"#;

#[test]
fn every_key_is_read() {
    let written = read(WHOLE).unwrap();
    assert_eq!(written.title, "A test");
    assert_eq!(written.language.as_deref(), Some("Go"));
    assert!(written.control);
    let WrittenSources::Folder(sources) = written.sources else {
        panic!("a folder")
    };
    assert_eq!(sources.value, "src");
    assert_eq!(
        written.platforms,
        ["linux/amd64", "linux/arm/v7"].map(|p| p.parse().unwrap())
    );
    assert_eq!(written.kinds, [BuildKind::Noop]);
    let edit = &written.edits[0];
    assert_eq!(edit.name.as_str(), "source");
    assert_eq!(edit.file.as_ref().unwrap().value, "a/b.txt");
    let change = edit.change.as_ref().unwrap();
    assert_eq!(change.find.value, "dev");
    assert_eq!(change.replace, "{nonce}");
    let [naive, cross] = &written.variants[..] else {
        panic!("two variants")
    };
    assert!(naive.reference && !cross.reference);
    assert!(cross.optional && !naive.optional);
    assert_eq!((&naive.dockerfile, &naive.target), (&None, &None));
    assert_eq!(cross.dockerfile.as_ref().unwrap().value, "../x/Dockerfile");
    assert_eq!(cross.target.as_ref().unwrap().value, "out");
    assert_eq!(
        cross.build_args,
        [("A", "1"), ("_B2", "")]
            .map(|(k, v)| (k.into(), v.into()))
            .into()
    );
    let contexts = cross.contexts.iter();
    let mut contexts: Vec<_> = contexts.map(|(name, v)| (&*name.value, &**v)).collect();
    contexts.sort_unstable();
    assert_eq!(
        contexts,
        [("alpine", "docker-image://alpine:3"), ("lib", "../lib")]
    );
}

const FETCH: &str = r#"[fetch]
git = "https://example.com/project.git"
ref = "v1.0"
commit = "0123456789012345678901234567890123456789"
otherwise = "debian/Dockerfile"
"#;

/// The whole scenario with sources that are fetched.
fn fetched(fetch: &str) -> String {
    let whole = WHOLE.replace("sources = \"src\"\n", "");
    whole.replace("[edit]", &format!("{fetch}\n[edit]"))
}

#[test]
fn sources_may_be_fetched() {
    let WrittenSources::Fetched(fetch) = read(&fetched(FETCH)).unwrap().sources else {
        panic!("fetched")
    };
    assert_eq!(fetch.git, "https://example.com/project.git");
    assert_eq!(fetch.reference, "v1.0");
    assert!(fetch.commit.ends_with("6789"));
    assert_eq!(fetch.otherwise.unwrap().value, "debian/Dockerfile");
    let alone = FETCH.replace("otherwise = \"debian/Dockerfile\"\n", "");
    read(&fetched(&alone)).unwrap();
}

/// Each changes one thing of sources that are fetched.
#[test]
fn what_cannot_be_fetched_is_said_with_its_place() {
    let url = "https://example.com/project.git";
    for (find, replace, expected) in [
        (
            url,
            "git@example.com:p.git",
            "8:7: \"git@example.com:p.git\" is no URL",
        ),
        (url, "ext::sh -c id", "8:7: \"ext::sh -c id\" is no URL"),
        (url, "https:// /x", "8:7: \"https:// /x\" is no URL"),
        (url, "https://", "8:7: \"https://\" is no URL"),
        (
            url,
            "https://me:pw@example.com/",
            "8:7: the URL holds credentials or a query",
        ),
        (
            url,
            "https://token@example.com/",
            "8:7: the URL holds credentials or a query",
        ),
        (
            url,
            "ssh://git:pw@example.com/",
            "8:7: the URL holds credentials or a query",
        ),
        (
            url,
            "https://example.com/p.git?token=x",
            "8:7: the URL holds credentials or a query",
        ),
        (
            "v1.0",
            "--upload-pack=x",
            "9:7: \"--upload-pack=x\" is no tag",
        ),
        ("v1.0", "a:b", "9:7: \"a:b\" is no tag"),
        ("v1.0", "a..b", "9:7: \"a..b\" is no tag"),
        ("v1.0", "", "9:7: \"\" is no tag"),
        (
            "0123456789\"",
            "\"",
            "10:10: \"012345678901234567890123456789\" is no whole id",
        ),
        ("commit = \"0", "commit = \"X", "10:10: \"X12345"),
        (
            "ref = \"v1.0\"\n",
            "",
            "7:1: missing key \"ref\" of [fetch]: a tag or branch",
        ),
        ("ref =", "tag =", "9:1: unknown key \"tag\" in [fetch]"),
        (
            "debian/Dockerfile",
            "/Dockerfile",
            "11:13: \"/Dockerfile\" is an absolute path",
        ),
    ] {
        let text = fetched(&FETCH.replace(find, replace));
        let problem = read(&text).unwrap_err();
        let (line, column) = position(&text, problem.span.start);
        let message = format!("{line}:{column}: {}", problem.message);
        assert!(message.starts_with(expected), "{message}\n{expected}");
    }
    read(&fetched(&FETCH.replace(url, "ssh://git@example.com/p.git"))).unwrap();
    let both = WHOLE.replace("[edit]", &format!("{FETCH}\n[edit]"));
    let message = read(&both).unwrap_err().message;
    assert_eq!(
        message,
        "\"sources\" beside [fetch]: expected one of the two"
    );
    let neither = read(&fetched("")).unwrap_err().message;
    assert!(neither.contains("or a table [fetch]"), "{neither}");
}

#[test]
fn without_kinds_all_are_built() {
    let written = read(&WHOLE.replace("kinds = [\"noop\"]", "")).unwrap();
    assert_eq!(written.kinds, BuildKind::STANDARD);
}

#[test]
fn the_documented_example_and_keys_are_those_of_the_format() {
    let docs = include_str!("../../docs/scenarios.md");
    let (_, example) = docs.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    read(example).unwrap();
    let smoke = SMOKE_KEYS.into_iter().chain(["binaries", "output.smoke"]);
    let suite = super::super::suite::SUITE_KEYS;
    for key in KEYS
        .into_iter()
        .chain(EDIT_KEYS)
        .chain(VARIANT_KEYS)
        .chain(FETCH_KEYS)
        .chain(suite)
        .chain(smoke)
    {
        let documented = [
            format!("| `{key}` |"),
            format!("| `[{key}]` |"),
            format!("| `[[{key}]]` |"),
        ];
        assert!(documented.iter().any(|row| docs.contains(row)), "{key}");
    }
}

/// A refusal must be one short line, about a place in the text.
fn check_refusal(text: &str) -> Result<(), TestCaseError> {
    if let Err(problem) = read(text) {
        let (line, column) = position(text, problem.span.start);
        let lines: Vec<&str> = text.split('\n').collect();
        prop_assert!((1..=lines.len()).contains(&line), "line {line}");
        let width = lines[line - 1].chars().count();
        prop_assert!(
            (1..=width + 1).contains(&column),
            "column {column} of {width}"
        );
        prop_assert!(
            !problem.message.chars().any(char::is_control),
            "{problem:?}"
        );
        prop_assert!(problem.message.chars().count() < 700, "{problem:?}");
    }
    Ok(())
}

/// As TOML writes it, quotes and all.
fn literal(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

prop_compose! {
    fn a_name()(name in "[a-z0-9][a-z0-9._-]{0,12}") -> String { name }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        check_refusal(&text)?;
    }

    #[test]
    fn text_like_toml_never_panics(
        text in r#"(\[{0,3}(edit|variant|kinds)\]{0,3}|(title|file|name|[a-z]{1,4}) ?= ?(["'{\[]{0,3}[a-zé/, {}]{0,6}["'}\]]{0,3}|[0-9.:-]{0,6}|true)|[ \n\t\r#\x00\x1b."]){0,12}"#,
    ) {
        check_refusal(&text)?;
    }

    #[test]
    fn a_mutated_scenario_never_panics(
        at in 0..WHOLE.len(),
        cut in 0..20usize,
        put in r#"[ -~\n\x00é]{0,3}"#,
    ) {
        let end = (at + cut).min(WHOLE.len());
        let text = format!("{}{put}{}", &WHOLE[..at], &WHOLE[end..]);
        check_refusal(&text)?;
    }

    #[test]
    fn what_is_written_is_what_is_read(
        title in "[^\\p{Cc}]{0,20}[a-zA-Z]",
        names in prop::collection::btree_set(a_name(), 2..5),
        find in "(.|\n){1,30}",
        before in "(.|\n){0,10}",
        value in "(.|\n){0,10}",
        reference in any::<prop::sample::Index>(),
    ) {
        let names: Vec<String> = names.into_iter().collect();
        let reference = reference.index(names.len());
        let replace = format!("{before}{NONCE}");
        let mut text = format!(
            "title = {}\nsources = \"s\"\nplatforms = [\"linux/arm64\"]\n\
             edit = {{ file = \"f\", find = {}, replace = {} }}\n",
            literal(&title), literal(&find), literal(&replace),
        );
        for (index, name) in names.iter().enumerate() {
            text += &format!(
                "[[variant]]\nname = {}\nreference = {}\nbuild-args.X = {}\n",
                literal(name), index == reference, literal(&value),
            );
        }
        let written = read(&text).map_err(|problem| TestCaseError::fail(format!("{problem:?}\n{text}")))?;
        prop_assert_eq!(written.title, title);
        let change = written.edits[0].change.clone().unwrap();
        prop_assert_eq!(change.find.value, find);
        prop_assert_eq!(change.replace, replace);
        let read: Vec<&str> = written.variants.iter().map(|v| v.name.value.as_str()).collect();
        prop_assert_eq!(read, names);
        for (index, variant) in written.variants.iter().enumerate() {
            prop_assert_eq!(variant.reference, index == reference);
            prop_assert_eq!(&variant.build_args["X"], &value);
        }
    }
}

#[test]
fn an_output_names_programs_by_absolute_paths() {
    let with = |output: &str| {
        let text = WHOLE.replacen("[[variant]]", &format!("{output}\n[[variant]]"), 1);
        read(&text)
    };
    assert_eq!(with("").unwrap().output, None);
    let output = with("[output]\nbinaries = [\"/usr/bin/x\"]")
        .unwrap()
        .output;
    assert_eq!(output.unwrap().binaries, ["/usr/bin/x"]);
    assert_eq!(with("[output]").unwrap().output.unwrap().binaries, [""; 0]);
    for wrong in ["usr/bin/x", "/usr/bin/", ""] {
        let problem = with(&format!("[output]\nbinaries = [{wrong:?}]")).unwrap_err();
        assert!(
            problem.message.contains("absolute path"),
            "{}",
            problem.message
        );
    }
    let problem = with("[output]\nbinary = \"/x\"").unwrap_err();
    assert!(problem.message.contains("binaries"), "{}", problem.message);
}

#[test]
fn a_smoke_test_is_a_command_and_what_it_prints() {
    let with = |smoke: &str| {
        let table = format!("[output.smoke]\n{smoke}\n[[variant]]");
        let text = WHOLE.replacen("[[variant]]", &table, 1);
        let read = read(&text).map(|written| written.output.unwrap().smoke.unwrap());
        read.map_err(|problem| (position(&text, problem.span.start), problem.message))
    };
    let smoke = with("command = [\"x\", \"-v\", \"-v\"]\nprints = 'x {nonce}'").unwrap();
    assert_eq!(smoke.command, ["x", "-v", "-v"]);
    let platform = Platform::linux("arm64");
    assert_eq!(smoke.expected(&platform, Some("1")), "x 1");
    let line = WHOLE[..WHOLE.find("[[variant]]").unwrap()].lines().count() + 1;
    for (written, place, message) in [
        (
            "prints = 'x'",
            (line, 1),
            "missing key \"command\" of [output.smoke]",
        ),
        ("command = ['x']", (line, 1), "missing key \"prints\""),
        (
            "command = []\nprints = 'x'",
            (line + 1, 11),
            "\"command\" of [output.smoke] is empty",
        ),
        (
            "command = ['']\nprints = 'x'",
            (line + 1, 12),
            "cannot be part of a command",
        ),
        (
            "command = 'x -v'\nprints = 'x'",
            (line + 1, 11),
            "must be a list of strings",
        ),
        (
            "command = ['x']\nprints = 'x ({nonce}'",
            (line + 2, 10),
            "\"x ({nonce}\" is no regular expression: unclosed group",
        ),
        (
            "command = ['x']\nprint = 'x'",
            (line + 2, 1),
            "unknown key \"print\" in [output.smoke]: did you mean \"prints\"?",
        ),
    ] {
        let (at, told) = with(written).unwrap_err();
        assert!(told.contains(message), "{told}");
        assert_eq!(at, place, "{told}");
    }
}

#[test]
fn edits_have_names_and_parts() {
    let edits = r#"[[edit]]
file = "a"
find = "x"
replace = "{nonce}"

[[edit]]
name = "dependencies"
file = "b"
find = "y"
replace = "{nonce}"

[[edit]]
name = "dependencies"
file = "c"
find = "z"
replace = "{nonce}"

[[edit]]
name = "dockerfile"
"#;
    let single = &WHOLE[WHOLE.find("[edit]").unwrap()..WHOLE.find("[[variant]]").unwrap()];
    let all = WHOLE
        .replace("kinds = [\"noop\"]\n", "")
        .replace(single, edits);
    let written = read(&all).unwrap();
    let names: Vec<&str> = written
        .edits
        .iter()
        .map(|edit| edit.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["source", "dependencies", "dependencies", "dockerfile"]
    );
    let dockerfile = &written.edits[3];
    assert_eq!((&dockerfile.file, &dockerfile.change), (&None, &None));
    let kinds: Vec<String> = written.kinds.iter().map(ToString::to_string).collect();
    assert_eq!(
        kinds,
        [
            "cold",
            "multi-arch",
            "incremental",
            "incremental:dependencies",
            "incremental:dockerfile",
            "noop"
        ]
    );
    let message = |text: &str| read(text).unwrap_err().message;
    let kinds = all.replace(
        "[[edit]]\nfile = \"a\"",
        "kinds = [\"incremental:deps\"]\n[[edit]]\nfile = \"a\"",
    );
    assert_eq!(
        message(&kinds),
        "\"incremental:deps\" names no [[edit]]: expected one of source, dependencies, dockerfile"
    );
    let source = message(&all.replace(
        "[[edit]]\nfile = \"a\"",
        "[[edit]]\nname = \"a\"\nfile = \"a\"",
    ));
    assert!(source.starts_with("missing table [edit]"), "{source}");
    let name = message(&all.replace("\"dockerfile\"", "\"Docker file\""));
    assert!(name.contains("lower-case letters"), "{name}");
}
