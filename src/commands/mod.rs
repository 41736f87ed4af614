//! One file a verb. Commands join the other modules, print, write reports and
//! choose the exit code; nothing else does.

pub mod calibrate;
pub mod check;
pub mod clean;
pub mod compare;
pub mod doctor;
pub mod engine;
pub mod explain;
mod files;
mod formats;
mod history;
mod ignored;
pub mod images;
mod lfs;
pub mod list;
mod own;
mod race;
mod redaction;
pub mod report;
mod revisions;
pub mod run;
mod signals;
mod ssh;
mod stdin;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::engine::Progress;
use crate::escape;
use crate::print::is_coloured;

/// How a command ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, and nothing to complain of.
    Good,
    /// 1: a regression or a finding that was asked to fail.
    Finding,
    /// 2: could not do it: bad input, no engine, a failed build.
    CouldNot,
    /// 130: interrupted.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Good => 0,
            Exit::Finding => 1,
            Exit::CouldNot => 2,
            Exit::Interrupted => 130,
        })
    }
}

/// Writes a value as JSON to stdout. In a step of a GitHub job its runner reads
/// it, too, so no text in it is a command; parsed, it is the value as it is.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    out!("{}", escape::json(&text));
    Ok(())
}

/// Columns of the terminal that stdout is; 100 where it is none.
fn terminal_width() -> usize {
    console::Term::stdout()
        .size_checked()
        .map_or(100, |(_, columns)| usize::from(columns))
}

/// Long work's progress as lines on stderr, each with the time since the
/// first.
fn progress_lines() -> Progress {
    let started = Instant::now();
    Arc::new(move |line: &str| {
        let seconds = started.elapsed().as_secs_f64();
        tell!("[{seconds:6.1} s] {}", escape::terminal(line, 1000));
    })
}

/// Runs the command that was typed.
pub async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    signals::survive_file_limit();
    match cli.command {
        Command::Run(args) => run::run(args).await,
        Command::Compare(args) => compare::run(args).await,
        Command::Check(args) => check::run(args).await,
        Command::Calibrate(args) => calibrate::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Report(args) => report::run(&args),
        Command::List(args) => list::list(&args).await,
        Command::Clean(args) => clean::run(args).await,
        Command::Engine(args) => engine::run(args.action).await,
        Command::Images(args) => images::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Completions { shell } => {
            let mut command = Cli::command();
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, "buildrace", &mut script);
            out!("{}", String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Good)
        }
    }
}
