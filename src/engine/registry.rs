//! Pulls base images, and tells a registry that cannot be reached from one
//! that answers and does not give the image: only the first may be stood in
//! for.

use std::time::Duration;

use bollard::errors::Error as DockerError;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;

use super::client::{self, Image};
use super::{Engine, EngineError, Progress};
use crate::escape::one_line;
use crate::model::Platform;

/// How long a registry may take to say that it has an image.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What Go's network library says where no connection came about: name
/// lookups, refusals and missing routes are all errors of `dial`.
const NO_CONNECTION: [&str; 6] = [
    "dial tcp",
    "dial udp",
    "while waiting for connection",
    "Client.Timeout exceeded",
    "TLS handshake timeout",
    "context deadline exceeded",
];

/// Why an image was not pulled; each with a reason of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotPulled {
    /// No connection to a registry came about, for this reason.
    NoRegistry(String),
    /// A registry, or the engine, answered, and not with the image; or the
    /// image must not be pulled.
    Refused(String),
}

impl NotPulled {
    fn new(action: &str, error: DockerError) -> Self {
        let no_registry = match &error {
            DockerError::DockerResponseServerError {
                status_code,
                message,
            } => *status_code >= 500 && says_no_connection(message),
            _ => false,
        };
        let reason = EngineError::api(action, error).to_string();
        if no_registry {
            Self::NoRegistry(reason)
        } else {
            Self::Refused(reason)
        }
    }
}

fn says_no_connection(message: &str) -> bool {
    NO_CONNECTION.iter().any(|words| message.contains(words))
}

/// Pulls an image for these platforms, which the engine lacks it for. What
/// the engine holds under the name stays: where the registry's image is
/// another one, nothing is pulled.
pub(super) async fn pull(
    engine: &Engine,
    held: &Image,
    platforms: &[Platform],
    progress: &Progress,
) -> Result<(), NotPulled> {
    // With its tag or digest: of a name alone an engine pulls every tag.
    let asked = client::asked(&held.name);
    let name = asked.as_str();
    // A pull may take any time; whether a registry answers at all may not.
    let answer = engine.docker().inspect_registry_image(name, None);
    let offered = tokio::time::timeout(ANSWER_LIMIT, answer)
        .await
        .map_err(|_| {
            NotPulled::NoRegistry(format!(
                "no registry answers within {} s",
                ANSWER_LIMIT.as_secs()
            ))
        })?
        .map_err(|error| NotPulled::new("asking the registry", error))?;
    keeps_its_digest(held, offered.descriptor.digest.as_deref())?;
    for platform in platforms {
        progress(&format!("pulling {name} for {platform}"));
        let options = CreateImageOptionsBuilder::new()
            .from_image(name)
            .platform(&platform.to_string())
            .build();
        let mut answers = Box::pin(engine.docker().create_image(Some(options), None, None));
        while let Some(answer) = answers.next().await {
            // A registry has answered, so whatever goes wrong now is said.
            answer.map_err(|error| {
                let action = format!("pulling it for {platform}");
                NotPulled::Refused(EngineError::api(action, error).to_string())
            })?;
        }
    }
    Ok(())
}

/// A pull moves the name to the registry's digest: that must be the one that
/// it has here, if it has any.
fn keeps_its_digest(held: &Image, offered: Option<&str>) -> Result<(), NotPulled> {
    if held.id.is_empty() || held.digest.as_deref() == offered {
        return Ok(());
    }
    let digest = |digest: Option<&str>| one_line(digest.unwrap_or("no digest"));
    let what = if held.stand_in {
        "a stand-in"
    } else {
        "another image"
    };
    Err(NotPulled::Refused(format!(
        "the engine lacks it for a platform, and what it holds under this name ({what}, {}) is not what the registry has now ({}), which a pull would put in its place: remove it with `docker image rm {}`, or keep it under another name with `docker image tag` first; then run this again",
        digest(held.digest.as_deref()),
        digest(offered),
        one_line(&held.name),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status_code: u16, message: &str) -> NotPulled {
        NotPulled::new(
            "asking",
            DockerError::DockerResponseServerError {
                status_code,
                message: message.into(),
            },
        )
    }

    #[test]
    fn only_where_no_connection_came_about_is_there_no_registry() {
        for message in [
            r#"Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.0.0.53:53: no such host"#,
            r#"Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused"#,
            r#"Get "https://r/v2/": dial tcp 10.0.0.1:443: connect: no route to host"#,
            r#"Get "https://r/v2/": dial tcp 10.0.0.1:443: i/o timeout"#,
            r#"Get "https://r/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)"#,
        ] {
            assert!(
                matches!(answer(500, message), NotPulled::NoRegistry(_)),
                "{message}"
            );
        }
        for (status, message) in [
            (
                429,
                "toomanyrequests: You have reached your pull rate limit.",
            ),
            (500, "toomanyrequests: rate exceeded"),
            (401, "unauthorized: authentication required"),
            (404, "manifest unknown: dial tcp"),
            (
                500,
                r#"Get "https://r/v2/": tls: failed to verify certificate"#,
            ),
            (503, "received unexpected HTTP status: 503"),
        ] {
            let NotPulled::Refused(reason) = answer(status, message) else {
                panic!("{status} {message}");
            };
            assert!(reason.contains(message), "{reason}");
        }
    }

    #[test]
    fn a_pull_never_moves_a_name_to_another_digest() {
        let mut held = Image {
            name: "debian:trixie-slim".into(),
            id: "sha256:aa".into(),
            digest: Some("sha256:aa".into()),
            platforms: vec![Platform::linux("amd64")],
            stand_in: false,
        };
        assert_eq!(keeps_its_digest(&held, Some("sha256:aa")), Ok(()));
        let Err(NotPulled::Refused(reason)) = keeps_its_digest(&held, Some("sha256:bb")) else {
            panic!("the name would move");
        };
        for part in ["sha256:aa", "sha256:bb", "docker image rm"] {
            assert!(reason.contains(part), "{reason}");
        }
        held.id = String::new();
        held.digest = None;
        assert_eq!(keeps_its_digest(&held, Some("sha256:bb")), Ok(()));
    }
}
