//! Trying platforms on a builder that no engine can be asked about.

use tokio_util::sync::CancellationToken;

use super::session::BuilderSession;
use crate::engine::emulator::{self, Execution};
use crate::engine::preflight::{self, Tried};
use crate::engine::trial_program;
use crate::model::Platform;
use crate::race::platform_trial::{self, Program};

/// Builds something that runs a program of each platform.
pub async fn try_each(session: &BuilderSession, platforms: &[Platform]) -> anyhow::Result<Tried> {
    let executions = executions(session, platforms).await?;
    Ok(preflight::tried(executions))
}

/// How each platform's programs run.
pub async fn executions(
    session: &BuilderSession,
    platforms: &[Platform],
) -> anyhow::Result<Vec<Execution>> {
    let platforms = Platform::each_once(platforms);
    let programs = platforms.iter().filter_map(|platform| {
        let (elf, exit_code) = trial_program(platform)?;
        Some(Program {
            platform: platform.clone(),
            elf,
            exit_code,
        })
    });
    let programs: Vec<Program> = programs.collect();
    let stop = CancellationToken::new();
    let outcomes = platform_trial::run(&*session.builder, &programs, &stop).await?;
    let executed = platforms.into_iter().map(|platform| {
        let own = session.native_for(&platform).clone();
        emulator::execution(platform, &own, &outcomes, session.is_local)
    });
    Ok(executed.collect())
}
