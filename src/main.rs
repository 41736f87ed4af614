//! Parses the command line, calls the library, sets the exit code.

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use buildrace::commands;
use buildrace::commands::plugin::{self, Entry};
use buildrace::ops::Exit;
use buildrace::{escape, print};

fn main() -> ExitCode {
    let cli = match plugin::enter() {
        Entry::Command(cli) => cli,
        Entry::Answered(code) => return code,
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            print::to_stderr(format_args!("buildrace: cannot start: {error}"));
            return Exit::CouldNot.into();
        }
    };
    let result = runtime.block_on(commands::dispatch(*cli));
    // Threads that wait for a file system must not hold up the exit.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            print::to_stderr(format_args!("buildrace: {}", one_line(&error)));
            Exit::CouldNot.into()
        }
    }
}

/// The error with its causes, each once, on one line and without control
/// characters: parts of it come from outside.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    escape::terminal(&lines.join("; "), 4000)
}
