//! Runs the system's own tools and turns their failures into one clear line.

use std::process::{Command, Stdio};

use super::EngineError;
use crate::escape::one_line;

/// A command that is killed when this process dies, however it dies: nothing
/// goes on writing where a later run cleans up.
pub(crate) fn tied(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// Runs a command to its end and returns what it wrote to stdout.
///
/// # Errors
/// It cannot be started, or fails: with the last lines of what it said.
pub(crate) fn run(action: &str, command: &mut Command) -> Result<String, EngineError> {
    let fail = |command: &Command, outcome: String| EngineError::Command {
        action: action.to_owned(),
        command: describe(command),
        outcome,
    };
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => fail(command, "is not installed".into()),
            _ => fail(command, format!("cannot be started: {error}")),
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(fail(
        command,
        format!("failed ({}): {}", output.status, one_line(&gist(&said))),
    ))
}

/// What a tool says of its failure: apt's errors, of which the first has the
/// cause and the last only says that there were some; else its last lines.
fn gist(said: &str) -> String {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let errors: Vec<&str> = lines().filter(|line| line.starts_with("E: ")).collect();
    if errors.is_empty() {
        let all: Vec<&str> = lines().collect();
        all[all.len().saturating_sub(3)..].join(" | ")
    } else {
        errors[..errors.len().min(2)].join(" | ")
    }
}

/// Whether a program of this name is in a folder of the PATH.
pub(crate) fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The program and its arguments; a script given to `sh -c` is left out.
fn describe(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        text.push(' ');
        text.push_str(if argument.contains('\n') {
            "…"
        } else {
            &argument
        });
    }
    one_line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_apt_says_the_cause_is_told() {
        let said = "W: something\n\
            E: Failed to fetch http://deb.debian.org/x  File has unexpected size (1 != 2). Mirror sync in progress?\n\
               Hashes of expected file:\n    - Filesize:2 [weak]\n   Release file created at: today\n\
            E: Failed to fetch http://deb.debian.org/y\n\
            E: Some index files failed to download.\n";
        let gist = gist(said);
        assert!(gist.contains("Mirror sync in progress"), "{gist}");
        assert!(!gist.contains("Filesize"), "{gist}");
        assert_eq!(super::gist("a\n\nb\nc\nd\n"), "b | c | d");
        assert_eq!(super::gist(""), "");
    }
}
