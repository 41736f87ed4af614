//! The docker-container driver: a buildkitd in a container of a Docker Engine,
//! reached through `buildctl dial-stdio` in that container. The container is a
//! buildx instance's, or buildrace's own for the time of a run.

mod boot;
mod dial;
mod own;
mod settings;

pub use boot::{ContainerState, boot, container_of, state_of};
pub use dial::ContainerDial;
pub use own::OwnContainer;
pub use settings::{ContainerSettings, SettingsError, USUAL_BOOT_LIMIT, USUAL_IMAGE};

/// A buildkitd in a container could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// The engine refused something.
    #[error("{action} failed: {message}")]
    Engine {
        /// What was tried, on what.
        action: String,
        /// What the engine said.
        message: String,
    },
    /// The container of an instance is not there.
    #[error(
        "there is no container {container}: `docker buildx inspect --bootstrap {instance}` makes it"
    )]
    Absent {
        /// The container's name.
        container: String,
        /// The instance's name.
        instance: String,
    },
    /// It ended before its buildkitd answered.
    #[error("container {container} ended right after its start{log}")]
    Ended {
        /// The container's name.
        container: String,
        /// The end of its log, with what introduces it; empty where it says nothing.
        log: String,
    },
    /// Its buildkitd does not answer.
    #[error(
        "buildkitd in {container} does not answer within {seconds} s of its start: {reason}{log}"
    )]
    Silent {
        /// The container's name.
        container: String,
        /// How long it was waited for.
        seconds: u64,
        /// What became of the last attempt.
        reason: String,
        /// The end of its log, with what introduces it; empty where it says nothing.
        log: String,
    },
    /// Its image is neither there nor to be had.
    #[error("image {image} is not on the engine, and cannot be pulled: {reason}")]
    NoImage {
        /// The image's name.
        image: String,
        /// Why not.
        reason: String,
    },
}

impl ContainerError {
    fn engine(action: impl Into<String>, error: &bollard::errors::Error) -> Self {
        Self::Engine {
            action: action.into(),
            message: crate::escape::one_line(&error.to_string()),
        }
    }
}
