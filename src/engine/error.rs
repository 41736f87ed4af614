//! What can go wrong between here and an engine.

use std::io;
use std::path::PathBuf;

use crate::escape::one_line;

/// An engine, or what it needs, could not be had. Each message is one line
/// that says what was tried, on what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No engine was named and none answers.
    #[error("no Docker Engine answers (tried {tried}): start one, or run `buildrace engine up`")]
    NotFound {
        /// Each endpoint with what it answered.
        tried: String,
    },
    /// An engine was named, and it does not answer.
    #[error(
        "the Docker Engine at {host} (from {found_by}) does not answer: {reason}; start it, or name another"
    )]
    Unreachable {
        /// Its address.
        host: String,
        /// Who named it.
        found_by: String,
        /// What connecting to it gave.
        reason: String,
    },
    /// The address is of a kind that is not spoken.
    #[error(
        "{host:?} (from {found_by}) cannot be used: {reason}; give a unix:///path or tcp://host:port address"
    )]
    BadHost {
        /// The address.
        host: String,
        /// Who named it.
        found_by: String,
        /// Why not.
        reason: &'static str,
    },
    /// The Docker context that is chosen cannot be read.
    #[error(
        "Docker context {name:?} (from {found_by}): {reason}; see `docker context ls`, or name an engine with --host"
    )]
    BadContext {
        /// The context's name.
        name: String,
        /// Who chose it.
        found_by: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// It is older than what a race needs.
    #[error(
        "Docker Engine {version} is too old: 24.0 is the first whose BuildKit (0.11) keeps the history of builds that a race reads; update it, or run `buildrace engine up` and name that one with --host"
    )]
    TooOld {
        /// Its version.
        version: String,
    },
    /// It stores images the old way.
    #[error(
        "the Docker Engine at {host} keeps images with the {driver} graph driver, which holds one platform of an image, and not in the containerd image store: put {{\"features\": {{\"containerd-snapshotter\": true}}}} into its /etc/docker/daemon.json and restart it, or run `buildrace engine up` and name that one with --host"
    )]
    NoImageStore {
        /// Its address.
        host: String,
        /// Its storage driver.
        driver: String,
    },
    /// The engine refused a call.
    #[error("Docker Engine: {action}: {message}")]
    Api {
        /// What was asked for.
        action: String,
        /// What it answered, from outside.
        message: String,
    },
    /// A base image can neither be found, pulled nor made.
    #[error("base image {name}: {reason}")]
    Image {
        /// Its name.
        name: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A command failed.
    #[error("{action}: `{command}` {outcome}")]
    Command {
        /// What it was for.
        action: String,
        /// Command line.
        command: String,
        /// How it ended and the last of what it said.
        outcome: String,
    },
    /// A file or folder could not be used.
    #[error("{action} {path}: {error}", path = path.display())]
    File {
        /// What was done to it.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not. Not a `source`: the text has it already, and what prints
        /// a chain of causes would say it twice.
        error: io::Error,
    },
    /// Root is needed.
    #[error("{action} needs root: run `{command}`")]
    NeedsRoot {
        /// What.
        action: &'static str,
        /// The command to run.
        command: String,
    },
    /// No archive has a platform's Debian packages.
    #[error("no Debian packages for {platform}: {source}")]
    NoPackages {
        /// The platform.
        platform: crate::model::Platform,
        /// What apt says.
        source: Box<EngineError>,
    },
    /// This system cannot have a private engine.
    #[error("the private engine needs Linux: start another Docker Engine, or name one with --host")]
    NeedsLinux,
    /// The private engine cannot be made, started or removed.
    #[error("private engine: {0}")]
    Private(String),
    /// A race could not run here.
    #[error("{0}")]
    Preflight(String),
}

impl EngineError {
    /// Wraps what a call through bollard gave.
    pub(crate) fn api(action: impl Into<String>, error: bollard::errors::Error) -> Self {
        use bollard::errors::Error;
        let message = match error {
            Error::DockerResponseServerError { message, .. } => message,
            other => other.to_string(),
        };
        Self::Api {
            action: action.into(),
            message: one_line(&message),
        }
    }

    /// For `map_err` on file operations.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::File {
            action,
            path,
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_causes_says_each_once() {
        let error = EngineError::file("cannot read", "/x")(io::Error::other("on fire"));
        let text = format!("{:#}", anyhow::Error::new(error));
        assert_eq!(text, "cannot read /x: on fire");
    }
}
