//! `buildrace engine up|down|status|rm`: the private engine.

use anyhow::{Context, Result};

use std::path::Path;

use crate::cli::{EngineAction, EngineArgs};
use crate::engine::private::{self, Paths, State, Status};
use crate::engine::{Endpoint, Engine, EngineError, locate};
use crate::model::Release;
use crate::ops::Exit;
use crate::ops::console::progress_lines;

/// Runs `buildrace engine`. `status` exits with 1 where the engine does not
/// run.
///
/// # Errors
/// The engine cannot be made, started, stopped or removed.
pub async fn run(args: EngineArgs) -> Result<Exit> {
    let EngineArgs { action, release } = args;
    if let EngineAction::Up { if_none: true, .. } = action
        && let Some(endpoint) = other_engine(release).await?
    {
        let engine = Engine::connect(&endpoint).await.with_context(|| {
            format!(
                "an engine answers at {} ({}), and no race can run on it",
                endpoint.host, endpoint.found_by
            )
        })?;
        errln!(
            "Docker Engine {} answers at {} ({}): no private engine is needed",
            engine.facts().version,
            endpoint.host,
            endpoint.found_by
        );
        return Ok(Exit::Good);
    }
    tokio::task::spawn_blocking(move || {
        let paths = Paths::of_release(release)?;
        let progress = progress_lines();
        match action {
            EngineAction::Up { emulate, json, .. } => {
                let emulate = if emulate.is_empty() {
                    default_emulated()
                } else {
                    emulate
                };
                let status = private::up(&paths, &emulate, &progress)?;
                print(&status, json)?;
            }
            EngineAction::Down => {
                let ran = private::down(&paths, &progress)?;
                progress(if ran { "stopped" } else { "it was not running" });
            }
            EngineAction::Rm => {
                let was = private::remove(&paths, &progress)?;
                progress(if was { "removed" } else { "there was none" });
            }
            EngineAction::Status { json } => {
                let status = private::status(&paths)?;
                print(&status, json)?;
                if status.state != State::Running {
                    return Ok(Exit::Finding);
                }
            }
        }
        Ok(Exit::Good)
    })
    .await
    .context("the engine's thread ended")?
}

/// The engine that a race would use, where it is not the private one; `None`
/// where that is the one to start.
///
/// # Errors
/// An engine is named and does not answer: a race would not use the private
/// one in its place.
async fn other_engine(release: Release) -> Result<Option<Endpoint>, EngineError> {
    let private = Paths::of_release(release)?.endpoint().host;
    match locate(None).await {
        Ok(endpoint) => Ok(Some(endpoint).filter(|endpoint| endpoint.host != private)),
        Err(EngineError::NotFound { .. }) => Ok(None),
        Err(EngineError::Unreachable { host, .. }) if host == private => Ok(None),
        Err(error) => Err(error),
    }
}

/// The architectures that `up` sees to without being asked: the other one of
/// amd64 and arm64.
fn default_emulated() -> Vec<String> {
    vec![
        match std::env::consts::ARCH {
            "aarch64" => "amd64",
            _ => "arm64",
        }
        .to_owned(),
    ]
}

fn print(status: &Status, json: bool) -> Result<()> {
    if json {
        crate::ops::console::print_json(status)?;
        return Ok(());
    }
    let state = match status.state {
        State::Absent => "there is none",
        State::HalfMade => "half-made: `buildrace engine up` repairs it",
        State::Stopped => "stopped",
        State::Stuck => "runs and does not answer: `buildrace engine up` restarts it",
        State::Running => "running",
    };
    outln!("state     {state}");
    outln!("release   Debian {}", status.release);
    if let Some(engine) = &status.engine {
        outln!("engine    Docker Engine {engine}");
    }
    if let Some(buildkit) = &status.buildkit {
        outln!("buildkit  {buildkit}, as that engine has it");
    }
    if let Some(qemu) = &status.qemu {
        outln!("qemu      {qemu}");
    }
    outln!("host      {}", status.host);
    outln!("folder    {}", status.folder.display());
    if let Some(pid) = status.pid {
        outln!("pid       {pid}");
        outln!("log       {}", status.log.display());
    }
    for (architecture, interpreter) in &status.emulators {
        let whose = whose(interpreter, status);
        outln!(
            "emulator  {architecture}: {} ({whose})",
            interpreter.display()
        );
    }
    for (name, version) in &status.packages {
        outln!("package   {name} {version}");
    }
    Ok(())
}

/// Who registered an interpreter: the kernel has one for all engines.
fn whose(interpreter: &Path, status: &Status) -> String {
    let owner = Release::ALL.into_iter().find(|release| {
        Paths::of_release(*release).is_ok_and(|paths| interpreter.starts_with(paths.root()))
    });
    match owner {
        Some(release) if release == status.release => "its own".into(),
        Some(release) => format!("of the {release} engine, which registered it first"),
        None => "the machine's own".into(),
    }
}
