//! `buildrace plugin`: makes `docker buildrace` work, and what `docker buildrace` is answered.

mod complete;
mod config_file;
mod hook;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{CommandFactory, FromArgMatches};

use crate::cli::{Cli, HookAction, PluginAction, PluginArgs};
use crate::docker_cli::{CALLED_BY, Call, Changed, PLUGIN_FILE, PLUGIN_NAME, metadata};
use crate::escape;
use crate::ops::Exit;

use config_file::{config_file, docker_folder, read_config, write_config};

/// The program's own name, to which a plugin folder has a link.
const PROGRAM: &str = "buildrace";

/// What is to be done after the way in which the program was called is known.
pub enum Entry {
    /// The command that was typed.
    Command(Box<Cli>),
    /// Nothing: the Docker CLI was answered.
    Answered(ExitCode),
}

/// Finds out as what the program was called, and answers what the Docker CLI asks plugins.
pub fn enter() -> Entry {
    let words: Vec<OsString> = env::args_os().collect();
    let call = match Call::read(&words, env::var_os(CALLED_BY).is_some()) {
        Ok(call) => call,
        Err(error) => {
            errln!("{PROGRAM}: {}", escape::terminal(&error.to_string(), 1000));
            return Entry::Answered(Exit::CouldNot.into());
        }
    };
    match call {
        Call::Program => Entry::Command(Box::new(<Cli as clap::Parser>::parse())),
        Call::Metadata => answered(&metadata(
            env!("CARGO_PKG_VERSION"),
            "Race Dockerfiles and explain builds: which is faster, and why",
        )),
        Call::Completion(words) => answered(&complete::complete(words)),
        Call::Hook(request) => answered(&hook::answer(&request)),
        Call::Command { environment, words } if environment.is_empty() => {
            // As it is typed, in help and errors.
            let command = Cli::command().bin_name(format!("docker {PLUGIN_NAME}"));
            let words = [OsString::from(PLUGIN_FILE)].into_iter().chain(words);
            let matches = command.get_matches_from(words);
            match Cli::from_arg_matches(&matches) {
                Ok(cli) => Entry::Command(Box::new(cli)),
                Err(error) => error.exit(),
            }
        }
        Call::Command { environment, words } => {
            let error = again(environment, words);
            errln!("{PROGRAM}: cannot start: {error}");
            Entry::Answered(Exit::CouldNot.into())
        }
    }
}

fn answered(text: &str) -> Entry {
    let said = crate::print::to_stdout(format_args!("{text}"));
    Entry::Answered(match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => Exit::CouldNot.into(),
    })
}

/// Runs the program anew in the environment that the Docker CLI's global flags come to: it is read
/// in many places, by programs that are called, too. Returns only if that fails.
fn again(environment: Vec<(&'static str, Option<String>)>, words: Vec<OsString>) -> std::io::Error {
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut command = Command::new(program);
    command.arg0(PLUGIN_FILE).arg(PLUGIN_NAME).args(words);
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.exec()
}

/// Installs or removes the plugin, or its hook.
///
/// # Errors
/// What is in the way, or cannot be written.
pub fn run(args: &PluginArgs) -> anyhow::Result<Exit> {
    let docker = docker_folder()?;
    match &args.action {
        PluginAction::Install => install(&docker)?,
        PluginAction::Remove => remove(&docker)?,
        PluginAction::Hook {
            action: HookAction::On { threshold },
        } => hook_on(&docker, *threshold)?,
        PluginAction::Hook {
            action: HookAction::Off,
        } => hook_off(&docker)?,
    }
    Ok(Exit::Good)
}

fn link_in(docker: &Path) -> PathBuf {
    docker.join("cli-plugins").join(PLUGIN_FILE)
}

/// A link, not a copy: it leads to the program that is installed later, too.
fn install(docker: &Path) -> anyhow::Result<()> {
    let program = env::current_exe().context("cannot find this program's own file")?;
    if program.file_name().is_none_or(|name| name != PROGRAM) {
        bail!(
            "this program's file is {}: expected one named {PROGRAM}, so that the link can be told \
             from what others made",
            program.display()
        );
    }
    let link = link_in(docker);
    let shown = link.display();
    match found(&link)? {
        Found::Nothing => {}
        Found::Ours(target) if target == program => {
            errln!("{shown} leads to {} already", program.display());
            return Ok(());
        }
        Found::Ours(_) => {
            fs::remove_file(&link).with_context(|| format!("cannot replace {shown}"))?;
        }
        Found::Other => {
            bail!("{shown} is there, and no link to {PROGRAM}: move it away, then try again")
        }
    }
    let folder = link.parent().unwrap_or(docker);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    symlink(&program, &link).with_context(|| format!("cannot make the link {shown}"))?;
    errln!(
        "linked {shown} to {}; `docker {PLUGIN_NAME}` works now",
        program.display()
    );
    Ok(())
}

fn remove(docker: &Path) -> anyhow::Result<()> {
    let link = link_in(docker);
    let shown = link.display();
    match found(&link)? {
        Found::Nothing => errln!("{shown} is not there"),
        Found::Other => bail!("{shown} is no link to {PROGRAM}, so it stays: remove it yourself"),
        Found::Ours(_) => {
            fs::remove_file(&link).with_context(|| format!("cannot remove {shown}"))?;
            errln!("removed {shown}");
        }
    }
    // Without the plugin the Docker CLI would look for it after each build.
    if read_config(docker)?.hook().is_some() {
        hook_off(docker)?;
    }
    Ok(())
}

/// What is at the place of the link.
enum Found {
    Nothing,
    /// A link to a file of the program's name, which need not be there any more.
    Ours(PathBuf),
    Other,
}

fn found(link: &Path) -> anyhow::Result<Found> {
    match fs::read_link(link) {
        Ok(target) if target.file_name().is_some_and(|name| name == PROGRAM) => {
            Ok(Found::Ours(target))
        }
        Ok(_) => Ok(Found::Other),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
        // It is no link.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(Found::Other),
        Err(error) => {
            Err(anyhow::Error::new(error).context(format!("cannot read {}", link.display())))
        }
    }
}

fn hook_on(docker: &Path, threshold: Duration) -> anyhow::Result<()> {
    if !matches!(found(&link_in(docker))?, Found::Ours(_)) {
        bail!(
            "the hook needs the plugin, and {} is no link to {PROGRAM}: `buildrace plugin install` \
             makes it",
            link_in(docker).display()
        );
    }
    let file = config_file(docker);
    let threshold = humantime::format_duration(threshold).to_string();
    let changed = read_config(docker)?.with_hook(&threshold);
    let changed = changed.with_context(|| format!("cannot change {}", file.display()))?;
    match changed {
        Changed::Text(text) => write_config(&file, &text)?,
        Changed::Nothing | Changed::Gone => {}
    }
    errln!(
        "after a `docker build` in a terminal, docker prints a line of buildrace where emulation or \
         a lost cache cost {threshold} or more ({}); `buildrace plugin hook off` ends it",
        file.display()
    );
    Ok(())
}

fn hook_off(docker: &Path) -> anyhow::Result<()> {
    let file = config_file(docker);
    let changed = read_config(docker)?.without_hook();
    let changed = changed.with_context(|| format!("cannot change {}", file.display()))?;
    match changed {
        Changed::Nothing => errln!("the hook is not on"),
        Changed::Text(text) => {
            write_config(&file, &text)?;
            errln!("took the hook out of {}", file.display());
        }
        Changed::Gone => {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
            errln!("removed {}, which held the hook alone", file.display());
        }
    }
    Ok(())
}
