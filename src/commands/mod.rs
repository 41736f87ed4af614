//! One file a verb. Commands join the other modules, print, write reports and
//! choose the exit code; nothing else does.

/// Writes a line of a result to stdout, from a function that returns a result.
/// A reader that went away (`| head`) wants no more of it.
macro_rules! out {
    ($($argument:tt)*) => {
        $crate::commands::write_line(format_args!($($argument)*))?
    };
}

pub mod calibrate;
pub mod check;
pub mod compare;
pub mod doctor;
pub mod engine;
pub mod explain;
mod formats;
mod ignored;
pub mod images;
pub mod list;
mod own;
mod race;
pub mod report;
mod revisions;
pub mod run;
mod signals;

use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::engine::Progress;
use crate::escape;

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

fn write_line(line: std::fmt::Arguments<'_>) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write the result")
        }
        _ => Ok(()),
    }
}

/// Columns of the terminal that stdout is; 100 where it is none.
fn terminal_width() -> usize {
    console::Term::stdout()
        .size_checked()
        .map_or(100, |(_, columns)| usize::from(columns))
}

/// Whether what goes to stdout may have colours.
fn is_coloured() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Long work's progress as lines on stderr, each with the time since the
/// first.
fn progress_lines() -> Progress {
    let started = Instant::now();
    Arc::new(move |line: &str| {
        let seconds = started.elapsed().as_secs_f64();
        eprintln!("[{seconds:6.1} s] {}", escape::terminal(line, 1000));
    })
}

/// Runs the command that was typed.
pub async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Run(args) => run::run(args).await,
        Command::Compare(args) => compare::run(args).await,
        Command::Check(args) => check::run(args).await,
        Command::Calibrate(args) => calibrate::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Report(args) => report::run(&args),
        Command::List(args) => list::list(&args).await,
        Command::Engine(args) => engine::run(args.action).await,
        Command::Images(args) => images::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Completions { shell } => {
            let mut command = Cli::command();
            clap_complete::generate(shell, &mut command, "buildrace", &mut std::io::stdout());
            Ok(Exit::Good)
        }
    }
}
