//! The smoke test of an image: its command is run on each platform, and must
//! print what the scenario says. Only this shows that an edit reached the
//! output.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::cached_export::from_cache;
use super::image_store::{ImageStore, ImageStoreError};
use super::nonce::nonce;
use crate::builder::Builder;
use crate::buildkit::{BuildRequest, Export};
use crate::model::{Platform, ProgramEnd, ProgramOutput};
use crate::scenario::Smoke;

/// Most characters that are told of what a program printed: a report shows what
/// was expected after it.
const MAX_TOLD: usize = 120;

/// Runs programs of images that are where the builder puts them.
#[async_trait]
pub trait SmokeRunner: ImageStore {
    /// Runs a command, in place of its own, in an image on a platform, until
    /// it ends, takes too long, or `stop` is cancelled.
    async fn run(
        &self,
        image: &str,
        platform: &Platform,
        command: &[String],
        stop: &CancellationToken,
    ) -> Result<ProgramOutput, ImageStoreError>;
}

/// Where the smoke tests of images are run.
#[derive(Clone, Copy)]
pub enum SmokeTests<'a> {
    /// Nowhere.
    Nowhere,
    /// By a runner that finds images where the builder puts them.
    By(&'a dyn SmokeRunner),
    /// On the builder, by one more instruction at the end of the Dockerfile.
    OnBuilder,
}

/// Puts the image of a finished build, all from the cache, where `runner` runs
/// it, and returns what is wrong with what it prints, a line each.
///
/// # Errors
/// What kept it from being run, in a line.
pub(super) async fn complaints(
    builder: &dyn Builder,
    runner: &dyn SmokeRunner,
    request: &BuildRequest,
    smoke: &Smoke,
    nonce: Option<&str>,
    stop: &CancellationToken,
) -> Result<Vec<String>, String> {
    let name = runner.image_name(&self::nonce(&request.reference, "smoke"));
    let request = BuildRequest {
        reference: format!("{}-smoke", request.reference),
        export: Export::Image { name: name.clone() },
        cache_to: Vec::new(),
        ..request.clone()
    };
    let found = run(builder, runner, &request, &name, smoke, nonce, stop).await;
    // However it went: an export that failed or was stopped may have made it.
    let removed = runner.remove(&name).await.map_err(|e| e.to_string());
    let found = found?;
    removed?;
    Ok(found)
}

async fn run(
    builder: &dyn Builder,
    runner: &dyn SmokeRunner,
    request: &BuildRequest,
    image: &str,
    smoke: &Smoke,
    nonce: Option<&str>,
    stop: &CancellationToken,
) -> Result<Vec<String>, String> {
    from_cache(builder, request, stop)
        .await
        .map_err(|error| format!("exporting it to where it is run: {error}"))?;
    let mut found = Vec::new();
    for platform in &request.platforms {
        let ran = runner.run(image, platform, &smoke.command, stop).await;
        let ran = ran.map_err(|error| error.to_string())?;
        found.extend(complaint(smoke, platform, nonce, &ran)?);
    }
    Ok(found)
}

/// What is wrong with what a program did, if anything.
pub(super) fn complaint(
    smoke: &Smoke,
    platform: &Platform,
    nonce: Option<&str>,
    ran: &ProgramOutput,
) -> Result<Option<String>, String> {
    let pattern = smoke.pattern(platform, nonce)?;
    let end = match &ran.end {
        ProgramEnd::Exited(0) if pattern.is_match(&ran.stdout) => return Ok(None),
        ProgramEnd::Exited(code) => format!("exited with code {code}"),
        ProgramEnd::TimedOut(limit) => {
            format!("did not end within {}", humantime::format_duration(*limit))
        }
        ProgramEnd::NotStarted(reason) => {
            format!(
                "could not be started: {}",
                bounded_output(reason.as_bytes())
            )
        }
    };
    let mut found = match &ran.end {
        ProgramEnd::NotStarted(_) => end,
        _ => format!("printed {} and {end}", bounded_output(&ran.stdout)),
    };
    if !ran.stderr.is_empty() {
        found += &format!(", with {} on stderr", bounded_output(&ran.stderr));
    }
    Ok(Some(format!(
        "{} on {platform} {found}; expected exit code 0 and output that matches {}",
        smoke.command.join(" "),
        bounded_output(smoke.expected(platform, nonce).as_bytes()),
    )))
}

/// Outside text in quotes, on one line, and not endless.
fn bounded_output(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_end();
    match text.char_indices().nth(MAX_TOLD) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(stdout: &str, stderr: &str, end: ProgramEnd) -> Option<String> {
        let command = vec!["hello".into(), "--version".into()];
        let smoke = Smoke::new(command, "^hello {nonce} {platform}$".into()).unwrap();
        let ran = ProgramOutput {
            stdout: stdout.into(),
            stderr: stderr.into(),
            end,
        };
        complaint(&smoke, &Platform::linux("arm64"), Some("3f9a"), &ran).unwrap()
    }

    const EXPECTED: &str =
        "; expected exit code 0 and output that matches \"^hello 3f9a linux/arm64$\"";

    #[test]
    fn what_prints_as_it_should_and_exits_with_0_is_right() {
        assert_eq!(
            of("hello 3f9a linux/arm64", "", ProgramEnd::Exited(0)),
            None
        );
        assert_eq!(
            of("hello 3f9a linux/arm64", "noise", ProgramEnd::Exited(0)),
            None
        );
    }

    #[test]
    fn what_does_not_is_told_with_its_platform() {
        for (stdout, stderr, end, told) in [
            (
                "hello dev linux/arm64\n",
                "",
                ProgramEnd::Exited(0),
                "hello --version on linux/arm64 printed \"hello dev linux/arm64\" and exited with code 0",
            ),
            (
                "hello 3f9a linux/arm64",
                "oh\x1b no",
                ProgramEnd::Exited(3),
                "hello --version on linux/arm64 printed \"hello 3f9a linux/arm64\" and exited with code 3, \
                 with \"oh\\u{1b} no\" on stderr",
            ),
            (
                "",
                "",
                ProgramEnd::TimedOut(Duration::from_secs(60)),
                "hello --version on linux/arm64 printed \"\" and did not end within 1m",
            ),
            (
                "",
                "",
                ProgramEnd::NotStarted("exec format error".into()),
                "hello --version on linux/arm64 could not be started: \"exec format error\"",
            ),
        ] {
            assert_eq!(
                of(stdout, stderr, end).unwrap(),
                format!("{told}{EXPECTED}")
            );
        }
    }

    #[test]
    fn output_on_stderr_is_not_what_is_asked_for() {
        assert!(of("", "hello 3f9a linux/arm64", ProgramEnd::Exited(0)).is_some());
    }

    #[test]
    fn endless_output_is_told_in_part() {
        let message = of(&"é".repeat(5000), "", ProgramEnd::Exited(0)).unwrap();
        assert!(message.chars().count() < 600, "{message}");
    }
}
