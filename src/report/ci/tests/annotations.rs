//! Workflow commands as GitHub's runner takes them apart (actions/runner,
//! `ActionCommand.TryParseV2`), and what becomes of many findings.

use std::collections::BTreeMap;

use super::super::super::check::{CheckOutcome, Level};
use super::{Format, check, checked, finding, gated};

/// A command as the runner sees it.
#[derive(Debug)]
pub(super) struct Command {
    pub name: String,
    pub properties: BTreeMap<String, String>,
    pub message: String,
}

/// The command of a line; `None` where the runner sees none.
pub(super) fn parsed(line: &str) -> Option<Command> {
    let rest = line.strip_prefix("::")?;
    let (head, message) = rest.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let properties = properties.split(',').map(|property| {
        let (name, value) = property.split_once('=')?;
        let value = value.replace("%3A", ":").replace("%2C", ",");
        Some((name.to_owned(), unescaped(&value)))
    });
    Some(Command {
        name: name.to_owned(),
        properties: properties.collect::<Option<_>>()?,
        message: unescaped(message),
    })
}

fn unescaped(text: &str) -> String {
    text.replace("%0D", "\r")
        .replace("%0A", "\n")
        .replace("%25", "%")
}

pub(super) fn assert_valid(text: &str) {
    let mut counts = BTreeMap::new();
    for line in text.split_terminator('\n') {
        let command = parsed(line).unwrap_or_else(|| panic!("no command: {line:?}"));
        let Command {
            name,
            properties,
            message,
        } = command;
        assert!(["error", "warning", "notice"].contains(&name.as_str()));
        *counts.entry(name).or_insert(0) += 1;
        for (key, value) in &properties {
            assert!(["file", "line", "title"].contains(&key.as_str()), "{line}");
            assert!(!value.contains(char::is_control), "{line:?}");
        }
        assert!(properties.contains_key("title"));
        // A break before the step, each line of its log, and what was left out.
        let breaks = message.matches(char::is_control).count();
        assert!(breaks <= 7 && !message.contains('\r'), "{line:?}");
        let length = message.encode_utf16().count();
        assert!(length <= 4096, "{length} characters");
        // Undefined escapes would be shown, and a lone % is one.
        let percents = line.match_indices('%').map(|(at, _)| &line[at..at + 3]);
        for escape in percents {
            assert!(["%25", "%0A", "%3A", "%2C"].contains(&escape), "{line:?}");
        }
        assert!(!line.contains('\r'));
    }
    assert!(counts.values().all(|count| *count <= 10), "{counts:?}");
}

#[test]
fn the_last_of_many_tells_of_the_rest() {
    let errors = (1..=25).map(|n| finding(Level::Error, "slower", None, &format!("number {n}")));
    let warnings = (1..=10).map(|n| finding(Level::Warning, "open", None, &format!("number {n}")));
    let check = check(
        CheckOutcome::Failed,
        "much is slower",
        errors.chain(warnings).collect(),
    );
    let text = Format::GithubAnnotations.render(&checked(&gated(), Some(&check)));
    assert_valid(&text);
    let commands: Vec<Command> = text.lines().map(|line| parsed(line).unwrap()).collect();
    assert_eq!(commands.len(), 20);
    assert_eq!(commands[0].message, "much is slower");
    // Ten of the headline and 25 errors.
    assert_eq!(commands[9].message, "number 9\nand 16 more");
    assert_eq!(commands[19].message, "number 10");
}

#[test]
fn a_path_that_github_cannot_find_is_left_out() {
    for (file, shown) in [
        ("docker/Dockerfile, old:1", true),
        ("/home/me/Dockerfile", false),
        ("../Dockerfile", false),
        ("a/../../Dockerfile", false),
        ("new\nline", false),
        ("", false),
    ] {
        let mut found = finding(Level::Error, "slower", None, "it is");
        found.file = Some(file.to_owned());
        let check = check(CheckOutcome::Failed, "it is slower", vec![found]);
        let text = Format::GithubAnnotations.render(&checked(&gated(), Some(&check)));
        let command = parsed(text.lines().nth(1).unwrap()).unwrap();
        let expected = shown.then_some(file);
        let named = command.properties.get("file").map(String::as_str);
        assert_eq!(named, expected);
        assert_eq!(command.properties.contains_key("line"), shown);
    }
}
