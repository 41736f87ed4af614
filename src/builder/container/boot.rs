//! Starting a buildkitd in a container, and waiting until it answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::errors::Error as DockerError;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;

use super::settings::USUAL_BOOT_LIMIT;
use super::{ContainerDial, ContainerError};
use crate::builder::NodeBuilder;
use crate::escape::one_line;

const PAUSE: Duration = Duration::from_millis(50);
/// Lines of its log that are told where it does not.
const LOG_LINES: &str = "3";

/// The name that buildx gives to a node's container.
pub fn container_of(node: &str) -> String {
    format!("buildx_buildkit_{node}")
}

/// What becomes of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerState {
    /// It runs.
    Running,
    /// It is there, and does not run.
    Stopped,
    /// There is none.
    Absent,
}

/// How a container is.
///
/// # Errors
/// The engine does not say.
pub async fn state_of(docker: &Docker, container: &str) -> Result<ContainerState, ContainerError> {
    match docker.inspect_container(container, None).await {
        Ok(found) => match found.state.and_then(|state| state.running) {
            Some(true) => Ok(ContainerState::Running),
            _ => Ok(ContainerState::Stopped),
        },
        Err(DockerError::DockerResponseServerError {
            status_code: 404, ..
        }) => Ok(ContainerState::Absent),
        Err(error) => {
            let action = format!("looking at container {container}");
            Err(ContainerError::engine(action, &error))
        }
    }
}

/// Connects to the buildkitd in an instance's container, and starts the
/// container where it is stopped.
///
/// # Errors
/// There is no such container, or its buildkitd does not answer.
pub async fn boot(
    docker: &Docker,
    container: &str,
    instance: &str,
) -> Result<NodeBuilder, ContainerError> {
    match state_of(docker, container).await? {
        ContainerState::Running => {}
        ContainerState::Stopped => start(docker, container).await?,
        ContainerState::Absent => {
            return Err(ContainerError::Absent {
                container: container.to_owned(),
                instance: instance.to_owned(),
            });
        }
    }
    wait(docker, container, USUAL_BOOT_LIMIT).await
}

/// Starts a container; one that runs is left alone.
pub(super) async fn start(docker: &Docker, container: &str) -> Result<(), ContainerError> {
    docker
        .start_container(container, None)
        .await
        .map_err(|error| ContainerError::engine(format!("starting {container}"), &error))
}

/// Waits until the buildkitd in a container answers, for so long.
pub(super) async fn wait(
    docker: &Docker,
    container: &str,
    limit: Duration,
) -> Result<NodeBuilder, ContainerError> {
    let dial = Arc::new(ContainerDial::new(docker.clone(), container));
    let began = Instant::now();
    loop {
        let left = limit.saturating_sub(began.elapsed());
        let attempt = NodeBuilder::connect(dial.clone());
        let reason = match tokio::time::timeout(left, attempt).await {
            Ok(Ok(builder)) => return Ok(builder),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it says nothing".to_owned(),
        };
        if state_of(docker, container).await? != ContainerState::Running {
            return Err(ContainerError::Ended {
                container: container.to_owned(),
                log: end_of_log(docker, container).await,
            });
        }
        if began.elapsed() >= limit {
            return Err(ContainerError::Silent {
                container: container.to_owned(),
                seconds: began.elapsed().as_secs(),
                reason: one_line(&reason),
                log: end_of_log(docker, container).await,
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The end of a container's log as a message has it.
async fn end_of_log(docker: &Docker, container: &str) -> String {
    let options = LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .tail(LOG_LINES)
        .build();
    let mut logged = docker.logs(container, Some(options));
    let mut text = String::new();
    while let Some(Ok(line)) = logged.next().await {
        text = format!("{text} {line}");
    }
    match one_line(&text) {
        text if text.is_empty() => text,
        text => format!("; its log ends: {text}"),
    }
}
