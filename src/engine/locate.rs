//! Finds an engine, in the Docker CLI's own order, then our private one.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::models::SystemVersion;

use super::docker_config::{self, Context};
use super::private::Paths;
use super::{Endpoint, EngineError, connection, error, sockets};
use crate::escape::one_line;

/// Where an engine that runs as a service listens.
const DEFAULT_SOCKET: &str = "unix:///var/run/docker.sock";

/// How long an engine on this machine may take to answer a ping.
const PING_LIMIT: Duration = Duration::from_secs(5);
/// The same of one that is elsewhere: ssh may have to ask for a second factor.
const REMOTE_PING_LIMIT: Duration = Duration::from_secs(20);

/// What decides which engine is meant; read from the process by [`locate`].
#[derive(Debug, Clone, Default)]
struct Wishes {
    host: Option<String>,
    docker_host: Option<String>,
    docker_context: Option<String>,
    config_dir: Option<PathBuf>,
    tls_verify: bool,
    tls: bool,
    cert_path: Option<PathBuf>,
}

impl Wishes {
    fn of_process(host: Option<&str>) -> Self {
        Self {
            host: host.map(str::to_owned),
            docker_host: set("DOCKER_HOST"),
            docker_context: set("DOCKER_CONTEXT"),
            config_dir: set("DOCKER_CONFIG")
                .map(PathBuf::from)
                .or_else(|| set("HOME").map(|home| Path::new(&home).join(".docker"))),
            tls_verify: set("DOCKER_TLS_VERIFY").is_some(),
            tls: set("DOCKER_TLS").is_some(),
            cert_path: set("DOCKER_CERT_PATH").map(PathBuf::from),
        }
    }

    /// An engine that is named by its address alone: the environment has the
    /// files for TLS.
    fn address(&self, host: &str, found_by: &str) -> Endpoint {
        Endpoint {
            tls: docker_config::tls_of_environment(
                self.tls_verify,
                self.tls,
                self.cert_path.as_deref(),
                self.config_dir.as_deref(),
            ),
            ..Endpoint::new(host, found_by)
        }
    }
}

/// A variable of the environment that is set to something.
fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Finds the engine to use: `host` (the `--host` option), `DOCKER_HOST`, the
/// current Docker context, the default socket, the private engine.
///
/// # Errors
/// An engine that was named but does not answer is an error, never skipped;
/// the default socket and the private engine are tried in turn.
pub async fn locate(host: Option<&str>) -> Result<Endpoint, EngineError> {
    if let Some(endpoint) = named(&Wishes::of_process(host))? {
        ping(&endpoint).await?;
        return Ok(endpoint);
    }
    let mut tried = Vec::new();
    let default = Endpoint::new(DEFAULT_SOCKET, "default socket");
    match answers(&default).await? {
        Ok(()) => return Ok(default),
        Err(reason) => tried.push((default, reason)),
    }
    if let Ok(paths) = Paths::of_user() {
        let private = paths.endpoint();
        match answers(&private).await? {
            Ok(()) => return Ok(private),
            Err(reason) => tried.push((private, reason)),
        }
    }
    let tried: Vec<String> = tried
        .iter()
        .map(|(endpoint, reason)| format!("{} {}: {reason}", endpoint.found_by, endpoint.host))
        .collect();
    let home = set("HOME").map(PathBuf::from);
    let runtime_dir = set("XDG_RUNTIME_DIR").map(PathBuf::from);
    Err(EngineError::NotFound {
        tried: format!(
            "--host, DOCKER_HOST and context: not set; {}",
            tried.join("; ")
        ),
        others: sockets::present(home.as_deref(), runtime_dir.as_deref()),
    })
}

/// Whether a Docker Engine answers where nobody named one, or why not.
async fn answers(endpoint: &Endpoint) -> Result<Result<(), String>, EngineError> {
    match ping(endpoint).await {
        Ok(()) => {}
        Err(EngineError::Unreachable { reason, .. }) => return Ok(Err(reason)),
        Err(other) => return Err(other),
    }
    // Podman puts its socket in the place of Docker's.
    let version = connection::client(endpoint)?.version().await;
    Ok(match version.ok().as_ref().and_then(podman) {
        Some(podman) => Err(format!("{podman}, which has no BuildKit")),
        None => Ok(()),
    })
}

/// Podman by its name and version, where an engine is one.
pub(super) fn podman(version: &SystemVersion) -> Option<String> {
    let mut components = version.components.iter().flatten();
    let engine = components.find(|component| component.name == "Podman Engine")?;
    Some(one_line(&format!("Podman {}", engine.version)))
}

/// The engine that somebody named, in the Docker CLI's order of precedence.
fn named(wishes: &Wishes) -> Result<Option<Endpoint>, EngineError> {
    if let Some(host) = &wishes.host {
        return Ok(Some(wishes.address(host, "--host")));
    }
    if let Some(host) = &wishes.docker_host {
        return Ok(Some(wishes.address(host, "DOCKER_HOST")));
    }
    let Some(config_dir) = &wishes.config_dir else {
        return Ok(None);
    };
    let (name, found_by) = match &wishes.docker_context {
        Some(name) => (name.clone(), "DOCKER_CONTEXT"),
        None => match docker_config::current_context(config_dir)? {
            Some(name) => (name, "currentContext of Docker's config.json"),
            None => return Ok(None),
        },
    };
    if name == "default" {
        return Ok(None);
    }
    let context = Context::read(config_dir, &name).map_err(|reason| EngineError::BadContext {
        name,
        found_by,
        reason,
    })?;
    Ok(Some(Endpoint {
        tls: context.tls,
        ..Endpoint::new(context.host, "context")
    }))
}

/// What buildx calls the engine in use: `DOCKER_HOST`, else the name of the
/// context that was chosen, else the address of the default one
/// (`dockerutil.GetCurrentEndpoint`).
///
/// # Errors
/// Docker's `config.json` cannot be read.
pub fn current_endpoint() -> Result<String, EngineError> {
    let wishes = Wishes::of_process(None);
    if let Some(host) = wishes.docker_host {
        return Ok(host);
    }
    let chosen = match (wishes.docker_context, &wishes.config_dir) {
        (Some(name), _) => Some(name),
        (None, Some(config_dir)) => docker_config::current_context(config_dir)?,
        (None, None) => None,
    };
    let chosen = chosen.filter(|name| name != "default");
    Ok(chosen.unwrap_or_else(|| DEFAULT_SOCKET.to_owned()))
}

/// The engine of the Docker context of this name.
///
/// # Errors
/// There is no such context, or it names no engine.
pub fn of_context(name: &str) -> Result<Endpoint, EngineError> {
    named_by(name, "context")
}

/// The engine at an address, or of the Docker context of a name: buildx's nodes
/// have either.
///
/// # Errors
/// There is no such context, or it names no engine.
pub fn named_by(endpoint: &str, found_by: &'static str) -> Result<Endpoint, EngineError> {
    let wishes = Wishes::of_process(None);
    if endpoint.contains("://") {
        return Ok(wishes.address(endpoint, found_by));
    }
    if endpoint.is_empty() || endpoint == "default" {
        return Ok(Endpoint::new(DEFAULT_SOCKET, found_by));
    }
    let bad = |reason| EngineError::BadContext {
        name: endpoint.to_owned(),
        found_by,
        reason,
    };
    let config_dir = wishes.config_dir;
    let config_dir =
        config_dir.ok_or_else(|| bad("neither DOCKER_CONFIG nor HOME is set".to_owned()))?;
    let context = Context::read(&config_dir, endpoint).map_err(bad)?;
    Ok(Endpoint {
        tls: context.tls,
        ..Endpoint::new(context.host, found_by)
    })
}

async fn ping(endpoint: &Endpoint) -> Result<(), EngineError> {
    let docker = connection::client(endpoint)?;
    let limit = match endpoint.host.starts_with("unix://") {
        true => PING_LIMIT,
        false => REMOTE_PING_LIMIT,
    };
    let reason = match tokio::time::timeout(limit, docker.ping()).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => {
            let reason = error::reason(&error);
            // A Docker Engine says so itself; what stands before one hangs up.
            let is_plain = endpoint.host.starts_with("tcp://") && endpoint.tls.is_none();
            match is_plain && error::has_hung_up(&error) {
                true => format!(
                    "{reason}; if it wants TLS, set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"
                ),
                false => reason,
            }
        }
        Err(_) => format!("no answer within {} s", limit.as_secs()),
    };
    Err(EngineError::Unreachable {
        host: one_line(&endpoint.host),
        found_by: endpoint.found_by.clone(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};
    use std::fs;

    fn config(current: &str, contexts: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config.json"), current).unwrap();
        for (name, meta) in contexts {
            let folder = dir
                .path()
                .join("contexts/meta")
                .join(hex::encode(Sha256::digest(name.as_bytes())));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("meta.json"), meta).unwrap();
        }
        dir
    }

    fn wishes(dir: &tempfile::TempDir) -> Wishes {
        Wishes {
            config_dir: Some(dir.path().to_owned()),
            ..Wishes::default()
        }
    }

    const FARM: &str = r#"{"Name":"farm","Endpoints":{"docker":{"Host":"unix:///run/farm.sock","SkipTLSVerify":false}}}"#;

    #[test]
    fn the_first_that_names_an_engine_wins() {
        let dir = config(r#"{"currentContext":"farm"}"#, &[("farm", FARM)]);
        let mut wishes = wishes(&dir);
        let found = |wishes: &Wishes| {
            let endpoint = named(wishes).unwrap().unwrap();
            (endpoint.host, endpoint.found_by)
        };
        let pair = |host: &str, found_by: &str| (host.to_owned(), found_by.to_owned());
        assert_eq!(found(&wishes), pair("unix:///run/farm.sock", "context"));
        wishes.docker_host = Some("tcp://a:1".into());
        assert_eq!(found(&wishes), pair("tcp://a:1", "DOCKER_HOST"));
        wishes.host = Some("tcp://b:2".into());
        assert_eq!(found(&wishes), pair("tcp://b:2", "--host"));
    }

    #[test]
    fn the_default_context_names_nobody_and_overrides_the_current_one() {
        let dir = config(r#"{"currentContext":"farm"}"#, &[("farm", FARM)]);
        let mut wishes = wishes(&dir);
        wishes.docker_context = Some("default".into());
        assert_eq!(named(&wishes).unwrap(), None);
    }

    #[test]
    fn an_address_takes_the_files_for_tls_from_the_environment() {
        let mut wishes = Wishes {
            docker_host: Some("tcp://a:2376".into()),
            cert_path: Some("/certificates".into()),
            ..Wishes::default()
        };
        assert_eq!(named(&wishes).unwrap().unwrap().tls, None);
        wishes.tls_verify = true;
        let endpoint = named(&wishes).unwrap().unwrap();
        let tls = endpoint.tls.clone().unwrap();
        assert_eq!(tls.ca.as_deref(), Some(Path::new("/certificates/ca.pem")));
        let error = connection::client(&endpoint).unwrap_err();
        assert!(matches!(error, EngineError::BadTls { .. }), "{error}");
        let error = error.to_string();
        for part in ["DOCKER_HOST", "tcp://a:2376", "/certificates/ca.pem"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_context_that_cannot_be_used_is_an_error_that_names_it() {
        let dir = config(
            r#"{"currentContext":"gone"}"#,
            &[("empty", r#"{"Endpoints":{}}"#), ("broken", "{")],
        );
        let mut wishes = wishes(&dir);
        for (context, reason) in [
            (None, "no such context"),
            (Some("empty"), "no docker endpoint"),
            (Some("broken"), "cannot parse"),
        ] {
            wishes.docker_context = context.map(str::to_owned);
            let message = named(&wishes).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
            assert!(message.contains(context.unwrap_or("gone")), "{message}");
        }
    }

    #[tokio::test]
    async fn a_named_engine_that_does_not_answer_is_not_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let host = format!("unix://{}/none.sock", dir.path().display());
        let error = locate(Some(&host)).await.unwrap_err();
        assert!(matches!(error, EngineError::Unreachable { .. }), "{error}");
        let error = locate(Some("npipe:////./pipe/docker_engine")).await;
        let error = error.unwrap_err();
        assert!(matches!(error, EngineError::BadHost { .. }), "{error}");
        assert!(error.to_string().contains("WSL"), "{error}");
    }
}
