//! The smoke test of an image on a builder that no engine can be asked of: one
//! more instruction at the end of the same Dockerfile, after all the others have
//! come from the cache, runs the program where it was built.

use std::fs;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::cached_export::executed;
use super::nonce::nonce as nonce_of;
use super::smoke::complaint;
use crate::builder::Builder;
use crate::buildkit::{BuildEnd, BuildError, BuildRequest, Export};
use crate::model::{Platform, ProgramEnd, ProgramOutput, says_command_was_not_started};
use crate::scenario::Smoke;
use crate::temporary::Folder;
use crate::trace::{SolveStatus, Trace};

/// Longest time that a program may take, emulated or not.
const RUN_LIMIT: Duration = Duration::from_secs(60);
/// How often a container that did not start is started again.
const MAX_ATTEMPTS: u32 = 3;
/// Bytes of stdout, and of stderr, that are kept.
const OUTPUT_LIMIT: usize = 64 << 10;

/// Runs the image's program on each platform, and returns what is wrong with what
/// it prints, a line each.
///
/// # Errors
/// What kept it from being run, in a line.
pub(super) async fn complaints(
    builder: &dyn Builder,
    request: &BuildRequest,
    smoke: &Smoke,
    nonce: Option<&str>,
    stop: &CancellationToken,
) -> Result<Vec<String>, String> {
    let folder = Folder::new("smoke").map_err(|error| error.to_string())?;
    let name = request.dockerfile.file_name().unwrap_or_default();
    let dockerfile = folder.path().join(name);
    let text = fs::read(&request.dockerfile).map_err(|error| error.to_string())?;
    let run = instruction(&smoke.command)?;
    let unique = nonce_of(&request.reference, "smoke");
    let extended = extended(&text, request.target.as_deref(), &unique, &run);
    fs::write(&dockerfile, extended).map_err(|error| error.to_string())?;
    // What it leaves out of the context goes by the Dockerfile's name.
    let ignore = request.dockerfile.with_file_name(ignore_file(name));
    if ignore.exists() {
        let copy = folder.path().join(ignore_file(name));
        fs::copy(ignore, copy).map_err(|error| error.to_string())?;
    }
    let mut found = Vec::new();
    for platform in &request.platforms {
        let request = BuildRequest {
            reference: format!("{}-smoke-{}", request.reference, platform.slug()),
            dockerfile: dockerfile.clone(),
            platforms: vec![platform.clone()],
            target: None,
            no_cache: false,
            internal: true,
            export: Export::CacheOnly,
            cache_to: Vec::new(),
            timeout: Some(RUN_LIMIT),
            ..request.clone()
        };
        let ran = started(builder, &request, &run, stop).await?;
        found.extend(complaint(smoke, platform, nonce, &ran)?);
    }
    Ok(found)
}

fn ignore_file(dockerfile: &std::ffi::OsStr) -> std::ffi::OsString {
    let mut name = dockerfile.to_owned();
    name.push(".dockerignore");
    name
}

/// The instruction that runs a command, without a shell and a network.
fn instruction(command: &[String]) -> Result<String, String> {
    let words = serde_json::to_string(command).map_err(|error| error.to_string())?;
    Ok(format!("RUN --network=none {words}"))
}

/// A Dockerfile with an instruction at the end of the stage that is built. The
/// argument is part of what it is found in the cache by: a program that came from
/// there would print nothing.
fn extended(text: &[u8], target: Option<&str>, unique: &str, run: &str) -> Vec<u8> {
    let mut extended = text.to_vec();
    let from = target.map_or_else(String::new, |stage| format!("FROM {stage}\n"));
    let end = format!("\n{from}ARG BUILDRACE_SMOKE={unique}\n{run}\n");
    extended.extend(end.into_bytes());
    extended
}

/// Builds until the builder has started the program, which on a busy machine it
/// may fail to, and tells what the program did.
async fn started(
    builder: &dyn Builder,
    request: &BuildRequest,
    run: &str,
    stop: &CancellationToken,
) -> Result<ProgramOutput, String> {
    let mut said = String::new();
    for attempt in 1..=MAX_ATTEMPTS {
        let request = BuildRequest {
            reference: format!("{}-{attempt}", request.reference),
            ..request.clone()
        };
        let ran = build(builder, &request, run, stop).await?;
        said = String::from_utf8_lossy(&ran.stderr).into_owned();
        let is_started = ran.end == ProgramEnd::Exited(0)
            || !ran.stdout.is_empty()
            || !says_command_was_not_started(&said);
        if is_started {
            return Ok(ran);
        }
    }
    Err(format!(
        "the builder could not start a container in {MAX_ATTEMPTS} attempts: {}",
        said.trim_end()
    ))
}

/// Builds, and tells what the program did.
async fn build(
    builder: &dyn Builder,
    request: &BuildRequest,
    run: &str,
    stop: &CancellationToken,
) -> Result<ProgramOutput, String> {
    let (sink, mut statuses) = mpsc::unbounded_channel();
    let end = builder.build(request, sink, stop.clone()).await;
    let mut told = Vec::new();
    while let Ok(status) = statuses.try_recv() {
        told.push(status);
    }
    let mut trace = Trace::default();
    told.iter().for_each(|status| trace.push(status));
    let is_it = |name: &str| name.ends_with(run);
    if let Some(other) = executed(&trace).find(|step| !is_it(&step.name)) {
        return Err(format!(
            "not all of it was in the builder's cache any more: {}",
            other.name
        ));
    }
    let step = trace.steps().iter().find(|step| is_it(&step.name));
    let digest = step.map_or("", |step| step.digest.as_str());
    Ok(ProgramOutput {
        stdout: logged(&told, digest, 1),
        stderr: logged(&told, digest, 2),
        end: end_of(end, &request.platforms)?,
    })
}

/// What a step wrote to a stream, as far as it is kept.
fn logged(statuses: &[SolveStatus], digest: &str, stream: i64) -> Vec<u8> {
    let logs = statuses.iter().flat_map(|status| &status.logs);
    let own = logs.filter(|log| log.vertex == digest && log.stream == stream);
    own.flat_map(|log| log.data.iter().copied())
        .take(OUTPUT_LIMIT)
        .collect()
}

fn end_of(end: BuildEnd, platforms: &[Platform]) -> Result<ProgramEnd, String> {
    match end.result {
        Ok(_) => Ok(ProgramEnd::Exited(0)),
        Err(BuildError::TimedOut(limit)) => Ok(ProgramEnd::TimedOut(limit)),
        Err(BuildError::Failed { message }) => Ok(match exit_code(&message) {
            Some(code) => ProgramEnd::Exited(code),
            None => ProgramEnd::NotStarted(message),
        }),
        Err(error) => {
            let on: Vec<String> = platforms.iter().map(Platform::to_string).collect();
            Err(format!("running it on {}: {error}", on.join(", ")))
        }
    }
}

/// `process "/hello --version" did not complete successfully: exit code: 3`
fn exit_code(message: &str) -> Option<i64> {
    let (_, code) = message.rsplit_once("exit code: ")?;
    let digits: String = code.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_run_at_the_end_of_what_is_built() {
        let command = ["hello".to_owned(), "say \"x\"".to_owned()];
        let run = instruction(&command).unwrap();
        assert_eq!(run, r#"RUN --network=none ["hello","say \"x\""]"#);
        let text = |target| {
            String::from_utf8(extended(b"FROM a AS b\nFROM c", target, "1f", "RUN x")).unwrap()
        };
        let end = "ARG BUILDRACE_SMOKE=1f\nRUN x\n";
        assert_eq!(text(None), format!("FROM a AS b\nFROM c\n{end}"));
        assert_eq!(
            text(Some("b")),
            format!("FROM a AS b\nFROM c\nFROM b\n{end}")
        );
    }

    #[test]
    fn an_exit_code_is_read_from_what_buildkit_says() {
        let failed = "process \"/hello\" did not complete successfully: exit code: 3";
        assert_eq!(exit_code(failed), Some(3));
        assert_eq!(exit_code("runc run failed: no such file"), None);
    }
}
