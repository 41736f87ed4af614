//! The connection: stdin and stdout of `buildctl dial-stdio`, which docker
//! carries in frames.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as DockerError;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::{StreamExt, future};
use tokio_util::io::StreamReader;

use crate::buildkit::dial::Duplex;
use crate::buildkit::{Daemon, Dial, DialError};
use crate::escape::one_line;

/// Bytes of one piece of what BuildKit sends.
const PIECE: usize = 64 << 10;
/// Bytes kept of what `buildctl` says on stderr.
const STDERR_LIMIT: usize = 2 << 10;

/// Reaches the buildkitd in a container.
#[derive(Clone)]
pub struct ContainerDial {
    docker: Docker,
    container: String,
}

impl fmt::Debug for ContainerDial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContainerDial")
            .field(&self.container)
            .finish()
    }
}

impl ContainerDial {
    /// Reaches the container of this name or id on an engine.
    pub fn new(docker: Docker, container: impl Into<String>) -> Self {
        Self {
            docker,
            container: container.into(),
        }
    }

    fn unreachable(&self, problem: impl Into<String>) -> DialError {
        DialError::Unreachable {
            endpoint: self.endpoint(),
            problem: problem.into(),
        }
    }

    fn refused(&self, error: &DockerError) -> DialError {
        let said = match error {
            DockerError::DockerResponseServerError { message, .. } => one_line(message),
            error => one_line(&error.to_string()),
        };
        self.unreachable(said)
    }
}

#[async_trait]
impl Dial for ContainerDial {
    async fn dial(&self) -> Result<Box<dyn Duplex>, DialError> {
        let command = CreateExecOptions {
            cmd: Some(vec!["buildctl", "dial-stdio"]),
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..CreateExecOptions::default()
        };
        let created = self.docker.create_exec(&self.container, command).await;
        let created = created.map_err(|error| self.refused(&error))?;
        let options = StartExecOptions {
            output_capacity: Some(PIECE),
            ..StartExecOptions::default()
        };
        let started = self.docker.start_exec(&created.id, Some(options)).await;
        match started.map_err(|error| self.refused(&error))? {
            StartExecResults::Attached { output, input } => {
                let said = Arc::new(Mutex::new(Vec::new()));
                let stdout = output
                    .filter_map(move |piece| future::ready(stdout_of(piece, &said)))
                    .boxed();
                Ok(Box::new(tokio::io::join(StreamReader::new(stdout), input)))
            }
            StartExecResults::Detached => Err(self.unreachable("the engine did not attach to it")),
        }
    }

    fn endpoint(&self) -> String {
        format!("buildkitd in container {}", self.container)
    }

    fn daemon(&self) -> Daemon {
        Daemon::Buildkitd
    }
}

/// What a frame adds to the connection. Where `buildctl` has something to say on
/// stderr it is about to end, and that is why.
fn stdout_of(
    piece: Result<LogOutput, DockerError>,
    said: &Mutex<Vec<u8>>,
) -> Option<io::Result<bytes::Bytes>> {
    let mut said = said.lock().ok()?;
    match piece {
        Ok(LogOutput::StdOut { message } | LogOutput::Console { message }) => Some(Ok(message)),
        Ok(LogOutput::StdErr { message }) => {
            let room = STDERR_LIMIT - said.len();
            said.extend(message.iter().take(room));
            None
        }
        Ok(LogOutput::StdIn { .. }) => None,
        Err(error) => {
            let said = one_line(&String::from_utf8_lossy(&said));
            let problem = if said.is_empty() {
                error.to_string()
            } else {
                said
            };
            Some(Err(io::Error::other(problem)))
        }
    }
}
