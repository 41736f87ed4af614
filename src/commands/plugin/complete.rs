//! Completion of `docker buildrace …`, in the form of Cobra, which the Docker CLI's own completion
//! scripts read.

use std::ffi::OsString;
use std::fmt::Write;

use clap::CommandFactory;
use clap_complete::engine;

use crate::cli::Cli;
use crate::docker_cli::PLUGIN_FILE;

/// The shell completes names of files itself (`ShellCompDirectiveDefault`).
const FILES: u8 = 0;
/// No blank follows, since a path goes on (`ShellCompDirectiveNoSpace`).
const NO_SPACE: u8 = 2;
/// The shell adds no names of files (`ShellCompDirectiveNoFileComp`).
const NO_FILES: u8 = 4;

/// What the last word may become: a line each, with what it is behind a tab, then a directive.
pub(super) fn complete(words: Vec<OsString>) -> String {
    let mut words = words;
    if words.is_empty() {
        words.push(OsString::new());
    }
    words.insert(0, PLUGIN_FILE.into());
    let last = words.len() - 1;
    let here = std::env::current_dir().ok();
    let mut command = Cli::command();
    let found = engine::complete(&mut command, words, last, here.as_deref());
    let mut text = String::new();
    let mut directive = FILES;
    for candidate in found.unwrap_or_default() {
        let Some(value) = candidate.get_value().to_str() else {
            continue;
        };
        directive |= NO_FILES;
        if value.ends_with('/') {
            directive |= NO_SPACE;
        }
        let help = candidate.get_help().map(ToString::to_string);
        let help = help.and_then(|help| help.lines().next().map(str::to_owned));
        let _ = match help.filter(|help| !help.is_empty()) {
            Some(help) => writeln!(text, "{value}\t{help}"),
            None => writeln!(text, "{value}"),
        };
    }
    let _ = write!(text, ":{directive}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(words: &[&str]) -> (Vec<String>, String) {
        let words = words.iter().map(OsString::from).collect();
        let text = complete(words);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let directive = lines.pop().unwrap();
        let values = lines
            .iter()
            .map(|line| line.split('\t').next().unwrap().to_owned());
        (values.collect(), directive)
    }

    #[test]
    fn verbs_and_options_complete_without_files() {
        let (values, directive) = completed(&["exp"]);
        assert_eq!(
            (values, directive.as_str()),
            (vec!["explain".to_owned()], ":4")
        );
        let (values, directive) = completed(&["explain", "--no-c"]);
        assert_eq!(values, ["--no-cache"]);
        assert_eq!(directive, ":4");
        let (values, _) = completed(&["plugin", "hook", ""]);
        assert!(values.contains(&"on".to_owned()), "{values:?}");
    }

    #[test]
    fn what_nothing_is_known_of_is_left_to_the_shell() {
        assert_eq!(
            completed(&["run", "--seed", "x"]),
            (vec![], ":0".to_owned())
        );
    }
}
