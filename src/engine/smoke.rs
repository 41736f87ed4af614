//! Runs a program of an image in a container of its own, without a network or
//! any folder of the host, bound in memory, processes, time and output: a
//! smoke test must neither harm the machine nor hang.

use std::collections::HashMap;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error as DockerError;
use bollard::models::{ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, WaitContainerOptions,
};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::{Engine, EngineError, temporary};
use crate::escape::one_line;
use crate::model::{Platform, ProgramEnd, ProgramOutput, says_container_was_not_started};

/// Longest time that a program may take, emulated or not.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// How often a container that did not start is started again.
const MAX_ATTEMPTS: u32 = 3;

const MEMORY_LIMIT: i64 = 1 << 30;
const PROCESS_LIMIT: i64 = 256;

/// Bytes of stdout, and of stderr, that are kept.
const OUTPUT_LIMIT: usize = 64 << 10;

/// What a program printed, as far as it is kept.
#[derive(Default)]
struct Printed {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Printed {
    fn push(&mut self, output: LogOutput) {
        let (kept, message) = match output {
            LogOutput::StdErr { message } => (&mut self.stderr, message),
            LogOutput::StdOut { message } | LogOutput::Console { message } => {
                (&mut self.stdout, message)
            }
            LogOutput::StdIn { .. } => return,
        };
        let room = OUTPUT_LIMIT - kept.len();
        kept.extend(message.iter().take(room));
    }
}

impl Engine {
    /// A name for an image that is made for a moment, and removed with
    /// [`Self::remove_image`]. `unique` is of letters and digits, and no other
    /// image has it.
    pub fn smoke_image(&self, unique: &str) -> String {
        format!("{}:{}", temporary::SMOKE_REPOSITORY, temporary::tag(unique))
    }

    /// Runs a command, in place of its own, in a local image on a platform. It
    /// is ended after a minute, and its container is removed in any case.
    ///
    /// # Errors
    /// The engine cannot run it, for a reason that is not the program's, or
    /// `stop` was cancelled.
    pub async fn run_in(
        &self,
        image: &str,
        platform: &Platform,
        command: &[String],
        stop: &CancellationToken,
    ) -> Result<ProgramOutput, EngineError> {
        let mut attempt = 1;
        loop {
            let ran = self.run_once(image, platform, command, stop).await;
            // On a busy machine runc may fail to start any container.
            let said = match &ran {
                Ok(ProgramOutput {
                    end: ProgramEnd::NotStarted(reason),
                    ..
                }) => reason.clone(),
                Ok(_) => String::new(),
                Err(error) => error.to_string(),
            };
            if attempt == MAX_ATTEMPTS || !says_container_was_not_started(&said) {
                return ran;
            }
            attempt += 1;
        }
    }

    async fn run_once(
        &self,
        image: &str,
        platform: &Platform,
        command: &[String],
        stop: &CancellationToken,
    ) -> Result<ProgramOutput, EngineError> {
        let options = CreateContainerOptionsBuilder::new()
            .platform(&platform.to_string())
            .build();
        let created = self
            .docker()
            .create_container(Some(options), container(image, command))
            .await
            .map_err(|error| EngineError::api(format!("creating a {platform} container"), error))?;
        let ran = self.run_container(&created.id, platform, stop).await;
        let removed = self.remove_container(&created.id).await;
        // The first error is the one that explains the other.
        let ran = ran?;
        removed?;
        Ok(ran)
    }

    async fn run_container(
        &self,
        id: &str,
        platform: &Platform,
        stop: &CancellationToken,
    ) -> Result<ProgramOutput, EngineError> {
        let failed =
            |what: &str, error| EngineError::api(format!("{what} a {platform} container"), error);
        // Attached before it starts: nothing it prints is missed, and the
        // engine need not keep a log that might fill its disk.
        let options = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdout(true)
            .stderr(true)
            .build();
        let mut attached = self
            .docker()
            .attach_container(id, Some(options))
            .await
            .map_err(|error| failed("attaching to", error))?;
        let mut printed = Printed::default();
        if let Err(error) = self.docker().start_container(id, None).await {
            let reason = not_started(&error).ok_or_else(|| failed("starting", error))?;
            return Ok(ProgramOutput {
                stdout: printed.stdout,
                stderr: printed.stderr,
                end: ProgramEnd::NotStarted(reason),
            });
        }
        let ended = |message: &str| EngineError::Api {
            action: format!("waiting for a {platform} container"),
            message: message.to_owned(),
        };
        let run = async {
            while let Some(output) = attached.output.next().await {
                printed.push(output.map_err(|error| failed("reading from", error))?);
            }
            let mut ends = Box::pin(
                self.docker()
                    .wait_container(id, None::<WaitContainerOptions>),
            );
            match ends.next().await {
                Some(Ok(end)) => Ok(end.status_code),
                Some(Err(DockerError::DockerContainerWaitError { code, .. })) => Ok(code),
                Some(Err(error)) => Err(failed("waiting for", error)),
                None => Err(ended("it did not say how it ended")),
            }
        };
        let end = tokio::select! {
            code = run => ProgramEnd::Exited(code?),
            () = tokio::time::sleep(RUN_LIMIT) => ProgramEnd::TimedOut(RUN_LIMIT),
            () = stop.cancelled() => return Err(ended("interrupted")),
        };
        Ok(ProgramOutput {
            stdout: printed.stdout,
            stderr: printed.stderr,
            end,
        })
    }
}

fn container(image: &str, command: &[String]) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(image.to_owned()),
        // An entrypoint of one's own takes the place of the image's command too.
        entrypoint: Some(command.to_vec()),
        network_disabled: Some(true),
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        labels: Some(HashMap::from([(
            temporary::LABEL.to_owned(),
            temporary::owner(),
        )])),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            memory: Some(MEMORY_LIMIT),
            // Memory and swap together.
            memory_swap: Some(MEMORY_LIMIT),
            pids_limit: Some(PROCESS_LIMIT),
            log_config: Some(HostConfigLogConfig {
                typ: Some("none".to_owned()),
                config: None,
            }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// Why the program could not be started, if that is the image's fault: the
/// engine calls it a bad request when it finds no such program in the image or
/// may not execute it.
fn not_started(error: &DockerError) -> Option<String> {
    match error {
        DockerError::DockerResponseServerError {
            status_code,
            message,
        } if *status_code == 400 || message.contains("exec format error") => {
            Some(one_line(message))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let mut printed = Printed::default();
        for _ in 0..3 {
            printed.push(LogOutput::StdOut {
                message: vec![b'x'; OUTPUT_LIMIT / 2 + 1].into(),
            });
        }
        printed.push(LogOutput::StdErr {
            message: "no".into(),
        });
        assert_eq!(printed.stdout.len(), OUTPUT_LIMIT);
        assert_eq!(printed.stderr, b"no");
    }

    #[test]
    fn an_engine_that_fails_is_not_the_programs_fault() {
        let answer = |status_code, message: &str| {
            let message = message.to_owned();
            not_started(&DockerError::DockerResponseServerError {
                status_code,
                message,
            })
        };
        assert!(answer(400, "exec: \"hello\": executable file not found in $PATH").is_some());
        assert!(answer(500, "exec /hello: exec format error").is_some());
        assert_eq!(answer(500, "no space left on device"), None);
    }
}
