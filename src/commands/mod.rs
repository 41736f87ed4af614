//! One file or folder a verb, and nothing else. Verbs join the other modules,
//! print and choose the exit code; what several of them need is in `ops`.

pub mod builders;
pub mod calibrate;
pub mod check;
pub mod choose;
pub mod clean;
pub mod compare;
pub mod doctor;
pub mod engine;
pub mod explain;
pub mod history;
pub mod images;
pub mod list;
pub mod plugin;
pub mod push;
pub mod report;
pub mod run;
pub mod site;
pub mod why;

use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::ops::{Exit, signals};

/// Runs the command that was typed.
pub async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    signals::survive_file_limit();
    match cli.command {
        Command::Run(args) => run::run(args).await,
        Command::Compare(args) => compare::run(args).await,
        Command::Check(args) => check::run(args).await,
        Command::Calibrate(args) => calibrate::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Why(args) => why::run(args).await,
        Command::History(args) => history::run(args).await,
        Command::Choose(args) => choose::run(args).await,
        Command::Report(args) => report::run(&args).await,
        Command::Push(args) => push::run(&args).await,
        Command::Site(args) => site::run(&args).await,
        Command::List(args) => list::list(&args).await,
        Command::Builders(args) => builders::run(args).await,
        Command::Clean(args) => clean::run(args).await,
        Command::Engine(args) => engine::run(args).await,
        Command::Images(args) => images::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Plugin(args) => plugin::run(&args),
        Command::Completions { shell } => {
            let mut command = Cli::command();
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, "buildrace", &mut script);
            outln!("{}", String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Good)
        }
    }
}
