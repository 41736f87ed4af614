//! Whether a builder runs the programs of a platform, where no engine can be
//! asked: a build of a few bytes that runs one. It leaves nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::cache_guard::{CacheGuard, forget_builds};
use crate::builder::{Builder, BuilderError};
use crate::buildkit::{BuildError, BuildRequest};
use crate::model::Platform;
use crate::temporary::Folder;

/// Longest time of one build.
const LIMIT: Duration = Duration::from_secs(60);

/// A program of a platform, and what it exits with where it runs.
#[derive(Debug, Clone)]
pub struct Program {
    /// The platform.
    pub platform: Platform,
    /// An ELF file that needs no other.
    pub elf: Vec<u8>,
    /// Its exit code, which nothing else exits with.
    pub exit_code: i64,
}

/// Runs each program on the builder; says of each why it did not run.
///
/// # Errors
/// The builder does not answer.
pub async fn run(
    builder: &dyn Builder,
    programs: &[Program],
    stop: &CancellationToken,
) -> Result<Vec<(Platform, Result<(), String>)>, BuilderError> {
    let prefix = format!("buildrace-trial-{:016x}-", rand::random::<u64>());
    let guard = CacheGuard::set(builder, &prefix).await?;
    let mut outcomes = Vec::new();
    for program in programs {
        let outcome = try_one(builder, program, &prefix, stop).await;
        outcomes.push((program.platform.clone(), outcome));
    }
    guard.lift(builder, &prefix).await?;
    forget_builds(builder, &prefix).await?;
    Ok(outcomes)
}

async fn try_one(
    builder: &dyn Builder,
    program: &Program,
    prefix: &str,
    stop: &CancellationToken,
) -> Result<(), String> {
    let folder = write(program, prefix).map_err(|error| format!("cannot write it: {error}"))?;
    let name = format!("{prefix}{}", program.platform.slug());
    let platforms = vec![program.platform.clone()];
    let request = BuildRequest::internal(name, folder.path(), platforms, LIMIT);
    let (sink, _ignored) = mpsc::unbounded_channel();
    let end = builder.build(&request, sink, stop.clone()).await;
    match end.result {
        Ok(_) => Err(format!("it ended with 0 instead of {}", program.exit_code)),
        Err(BuildError::Failed { message })
            if message.contains(&format!("exit code: {}", program.exit_code)) =>
        {
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The build context. The name of the program makes its cache records this trial's.
fn write(program: &Program, prefix: &str) -> std::io::Result<Folder> {
    let folder = Folder::new("trial")?;
    let path = folder.path().join("program");
    fs::write(&path, &program.elf)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    fs::write(
        folder.path().join("Dockerfile"),
        format!("FROM scratch\nCOPY program /{prefix}program\nRUN [\"/{prefix}program\"]\n"),
    )?;
    Ok(folder)
}
