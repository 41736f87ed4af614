//! What can go wrong between here and an engine.

use std::io;
use std::path::PathBuf;

use crate::buildkit::DialError;
use crate::escape::one_line;

/// An engine, or what it needs, could not be had. Each message is one line
/// that says what was tried, on what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No engine was named and none answers.
    #[error("no Docker Engine answers (tried {tried}): start one, or run `buildrace engine up`{others}", others = named(others))]
    NotFound {
        /// Each address that was tried, with what came of it.
        tried: String,
        /// Sockets of other engines that are there and were not tried.
        others: Vec<String>,
    },
    /// An engine was named, and it does not answer.
    #[error(
        "the Docker Engine at {host} (from {found_by}) does not answer: {reason}{}",
        advice(reason)
    )]
    Unreachable {
        /// The address that was named.
        host: String,
        /// Who named it: an option, a variable, a context.
        found_by: String,
        /// Why connecting to it failed.
        reason: String,
    },
    /// The address is of a kind that is not spoken.
    #[error("{host:?} (from {found_by}) cannot be used: {reason}")]
    BadHost {
        /// The address that was named.
        host: String,
        /// Who named it: an option, a variable, a context.
        found_by: String,
        /// What is wrong with it, and what to give instead.
        reason: String,
    },
    /// What TLS needs cannot be read, or does not fit together.
    #[error("cannot speak TLS with the Docker Engine at {host} (from {found_by}): {reason}")]
    BadTls {
        /// The address that was named.
        host: String,
        /// Who named it: an option, a variable, a context.
        found_by: String,
        /// The file, what is wrong with it, and what to do.
        reason: String,
    },
    /// It answers like an engine and is Podman.
    #[error(
        "{host} (from {found_by}) is {version}, which has no BuildKit: name a Docker Engine with --host, or run `buildrace engine up`"
    )]
    Podman {
        /// The address that was named.
        host: String,
        /// Who named it: an option, a variable, a context.
        found_by: String,
        /// Its name and version, `Podman 5.4.2`.
        version: String,
    },
    /// The Docker context that is chosen cannot be read.
    #[error(
        "Docker context {name:?} (from {found_by}): {reason}; see `docker context ls`, or name an engine with --host"
    )]
    BadContext {
        /// Name of the context.
        name: String,
        /// Who chose the context: a variable or a file.
        found_by: &'static str,
        /// What keeps it from being used.
        reason: String,
    },
    /// It is older than what a race needs.
    #[error(
        "Docker Engine {version} is too old: 24.0 is the first whose BuildKit (0.11) keeps the history of builds that a race reads; update it, or run `buildrace engine up` and name that one with --host"
    )]
    TooOld {
        /// The version that the engine says it has.
        version: String,
    },
    /// It keeps images in a way that holds one platform of each.
    #[error(
        "the Docker Engine at {host} keeps images with the {driver} graph driver, which holds one platform of an image, and not in the containerd image store: give it the image of a builder of buildrace's own (docker pull moby/buildkit:buildx-stable-1); or put {{\"features\": {{\"containerd-snapshotter\": true}}}} into its /etc/docker/daemon.json and restart it, which hides its images and containers until that is taken back; or run `buildrace engine up` and name that one with --host"
    )]
    NoImageStore {
        /// Address of the engine.
        host: String,
        /// The graph driver that it stores images with.
        driver: String,
    },
    /// The engine refused a call.
    #[error("Docker Engine: {action}: {message}")]
    Api {
        /// What the engine was asked to do.
        action: String,
        /// What it answered, on one line.
        message: String,
    },
    /// A base image can neither be found, pulled nor made.
    #[error("base image {name}: {reason}")]
    Image {
        /// Name of the image.
        name: String,
        /// Why it cannot be had, and what to do about it.
        reason: String,
    },
    /// A command of the system failed, or is not installed.
    #[error("{action}: `{command}` {outcome}")]
    Command {
        /// What the command was run for.
        action: String,
        /// The command with its arguments.
        command: String,
        /// How it ended and the last of what it said.
        outcome: String,
    },
    /// A file or folder could not be used.
    #[error("{action} {path}: {error}", path = path.display())]
    File {
        /// What could not be done, `cannot read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says of it. Not a `source`: the text has it already,
        /// and what prints a chain of causes would say it twice.
        error: io::Error,
    },
    /// Only root may do it.
    #[error("{action} needs root: run `{command}`")]
    NeedsRoot {
        /// What is to be done.
        action: &'static str,
        /// The command that does it as root.
        command: String,
    },
    /// No archive has a platform's Debian packages.
    #[error("no Debian packages for {platform}: {source}")]
    NoPackages {
        /// The platform that packages were looked for.
        platform: crate::model::Platform,
        /// Why there are none, as apt says.
        source: Box<EngineError>,
    },
    /// This system cannot have a private engine.
    #[error("the private engine needs Linux: start another Docker Engine, or name one with --host")]
    NeedsLinux,
    /// The private engine cannot be made, started or removed.
    #[error("private engine: {0}")]
    Private(String),
    /// An engine cannot be made of a release that changes by the day.
    #[error(
        "no engine can be made of Debian {release} today: {cause}; {release} changes by the day, and {worked} worked: try again later, or use --release trixie"
    )]
    Unmade {
        /// The release.
        release: crate::model::Release,
        /// The newest versions that are known to have worked.
        worked: &'static str,
        /// What went wrong.
        cause: Box<EngineError>,
    },
    /// A race could not run here, for the reason given.
    #[error("{0}")]
    Preflight(String),
}

/// The newest of sid of which an engine was made and raced on.
const SID_WORKED: &str = "docker.io 28.5.2+dfsg4-5 with containerd 2.1.9+ds1-5, docker-buildx 0.29.1+ds1-4 and qemu-user 1:11.1.3+ds-1 (2026-11-29)";

/// What to do where the reason does not say it yet.
fn advice(reason: &str) -> &'static str {
    match reason.contains("; ") {
        true => "",
        false => "; start it, or name another",
    }
}

/// Engines that were not tried, as the end of a message.
fn named(others: &[String]) -> String {
    match others {
        [] => String::new(),
        others => format!(", or name one of these with --host: {}", others.join(", ")),
    }
}

impl EngineError {
    /// The error of making an engine of a release: what tools and the engine say
    /// may be due to the release alone.
    pub(crate) fn of_release(self, release: crate::model::Release) -> Self {
        match (release, &self) {
            (crate::model::Release::Sid, Self::Command { .. } | Self::Private(_)) => Self::Unmade {
                release,
                worked: SID_WORKED,
                cause: Box::new(self),
            },
            _ => self,
        }
    }

    /// The error of a call to the engine's API, in one line; `action` is what was
    /// asked of it.
    pub(crate) fn api(action: impl Into<String>, error: bollard::errors::Error) -> Self {
        Self::Api {
            action: action.into(),
            message: reason(&error),
        }
    }

    /// Makes errors of file operations, for `map_err`; `action` is what could not
    /// be done, `cannot read`.
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

/// What an engine's error comes down to: what made it fail, not each layer
/// that it passed.
pub(super) fn reason(error: &bollard::errors::Error) -> String {
    if let bollard::errors::Error::DockerResponseServerError { message, .. } = error {
        return match message.contains("HTTP request to an HTTPS server") {
            true => WANTS_TLS.to_owned(),
            false => one_line(message),
        };
    }
    let dialled = causes(error).find_map(|cause| cause.downcast_ref());
    if let Some(DialError::Unreachable { problem, .. }) = dialled {
        return one_line(problem);
    }
    let last = causes(error).last().map(ToString::to_string);
    one_line(&last.unwrap_or_default())
}

/// Whether the other side ended the connection in place of an answer.
pub(super) fn has_hung_up(error: &bollard::errors::Error) -> bool {
    causes(error).any(|cause| {
        let of_system = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let of_http = cause.downcast_ref::<hyper::Error>();
        of_system == Some(io::ErrorKind::ConnectionReset)
            || of_http.is_some_and(hyper::Error::is_incomplete_message)
    })
}

/// An error and what caused it, the outermost first.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

const WANTS_TLS: &str = "it speaks TLS and was asked in plain; set DOCKER_TLS_VERIFY=1, and \
     DOCKER_CERT_PATH to the folder with its ca.pem, cert.pem and key.pem, or use a Docker context \
     that has them";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Release;

    #[test]
    fn what_sid_does_not_have_today_is_told_from_other_errors() {
        let apt = || EngineError::Command {
            action: "downloading Debian packages".into(),
            command: "apt-get".into(),
            outcome: "failed: E: Unable to correct problems".into(),
        };
        let text = apt().of_release(Release::Sid).to_string();
        assert!(text.contains("Unable to correct problems"), "{text}");
        assert!(text.contains("docker.io 28.5.2"), "{text}");
        assert!(!text.contains('\n'), "{text}");
        let text = apt().of_release(Release::Trixie).to_string();
        assert!(!text.contains("today"), "{text}");
        let full = EngineError::file("cannot write", "/x")(io::Error::other("full"));
        let text = full.of_release(Release::Sid).to_string();
        assert!(!text.contains("today"), "{text}");
    }

    #[test]
    fn a_chain_of_causes_says_each_once() {
        let error = EngineError::file("cannot read", "/x")(io::Error::other("on fire"));
        let text = format!("{:#}", anyhow::Error::new(error));
        assert_eq!(text, "cannot read /x: on fire");
    }
}
