//! Finds an engine, in the Docker CLI's own order, then our private one.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::private::Paths;
use super::{Endpoint, EngineError};
use crate::escape::one_line;

/// Where an engine that runs as a service listens.
const DEFAULT_SOCKET: &str = "unix:///var/run/docker.sock";

/// How long an engine may take to answer a ping.
const PING_LIMIT: Duration = Duration::from_secs(5);

/// Time limit of an ordinary API call; pulls and loads stream and are not
/// bound by it as a whole.
const CALL_LIMIT_SECONDS: u64 = 600;

/// What decides which engine is meant; read from the process by [`locate`].
#[derive(Debug, Clone, Default)]
struct Wishes {
    host: Option<String>,
    docker_host: Option<String>,
    docker_context: Option<String>,
    config_dir: Option<PathBuf>,
}

impl Wishes {
    fn of_process(host: Option<&str>) -> Self {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let home = || set("HOME").map(|home| Path::new(&home).join(".docker"));
        Self {
            host: host.map(str::to_owned),
            docker_host: set("DOCKER_HOST"),
            docker_context: set("DOCKER_CONTEXT"),
            config_dir: set("DOCKER_CONFIG").map(PathBuf::from).or_else(home),
        }
    }
}

/// Finds the engine to use: `host` (the `--host` option), `DOCKER_HOST`, the
/// current Docker context, the default socket, the private engine.
///
/// # Errors
/// An engine that was named but does not answer is an error, never skipped;
/// the default socket and the private engine are tried in turn.
pub async fn locate(host: Option<&str>) -> Result<Endpoint, EngineError> {
    let wishes = Wishes::of_process(host);
    if let Some(endpoint) = named(&wishes)? {
        ping(&endpoint).await?;
        return Ok(endpoint);
    }
    let mut candidates = vec![Endpoint {
        host: DEFAULT_SOCKET.into(),
        found_by: "default socket".into(),
    }];
    if let Ok(paths) = Paths::of_user() {
        candidates.push(paths.endpoint());
    }
    let mut tried = Vec::new();
    for endpoint in candidates {
        match ping(&endpoint).await {
            Ok(()) => return Ok(endpoint),
            Err(EngineError::Unreachable { reason, .. }) => {
                tried.push(format!("{} {}: {reason}", endpoint.found_by, endpoint.host));
            }
            Err(other) => return Err(other),
        }
    }
    Err(EngineError::NotFound {
        tried: format!(
            "--host, DOCKER_HOST and context: not set; {}",
            tried.join("; ")
        ),
    })
}

/// The engine that somebody named, in the Docker CLI's order of precedence.
fn named(wishes: &Wishes) -> Result<Option<Endpoint>, EngineError> {
    let endpoint = |host: &String, found_by: &str| Endpoint {
        host: host.clone(),
        found_by: found_by.into(),
    };
    if let Some(host) = &wishes.host {
        return Ok(Some(endpoint(host, "--host")));
    }
    if let Some(host) = &wishes.docker_host {
        return Ok(Some(endpoint(host, "DOCKER_HOST")));
    }
    let Some(config_dir) = &wishes.config_dir else {
        return Ok(None);
    };
    let (name, found_by) = match &wishes.docker_context {
        Some(name) => (name.clone(), "DOCKER_CONTEXT"),
        None => match current_context(config_dir)? {
            Some(name) => (name, "currentContext of Docker's config.json"),
            None => return Ok(None),
        },
    };
    if name == "default" {
        return Ok(None);
    }
    let host = context_host(config_dir, &name).map_err(|reason| EngineError::BadContext {
        name: name.clone(),
        found_by,
        reason,
    })?;
    Ok(Some(endpoint(&host, "context")))
}

/// `currentContext` of Docker's `config.json`, where there is one.
fn current_context(config_dir: &Path) -> Result<Option<String>, EngineError> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(rename = "currentContext")]
        current_context: Option<String>,
    }
    let path = config_dir.join("config.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(EngineError::file("cannot read", path)(error)),
    };
    let config: Config = serde_json::from_str(&text)
        .map_err(io::Error::from)
        .map_err(EngineError::file("cannot parse", path))?;
    Ok(config.current_context.filter(|name| !name.is_empty()))
}

/// The engine's address in a context's `meta.json`. Docker names a context's
/// folder by the SHA-256 of its name.
fn context_host(config_dir: &Path, name: &str) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Meta {
        #[serde(rename = "Endpoints", default)]
        endpoints: std::collections::BTreeMap<String, Docker>,
    }
    #[derive(Deserialize)]
    struct Docker {
        #[serde(rename = "Host")]
        host: Option<String>,
    }
    let folder = hex::encode(Sha256::digest(name.as_bytes()));
    let path = config_dir
        .join("contexts/meta")
        .join(folder)
        .join("meta.json");
    let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such context".to_owned(),
        _ => format!("cannot read {}: {error}", path.display()),
    })?;
    let meta: Meta = serde_json::from_str(&text)
        .map_err(|error| format!("cannot parse {}: {error}", path.display()))?;
    meta.endpoints
        .get("docker")
        .and_then(|docker| docker.host.clone())
        .filter(|host| !host.is_empty())
        .ok_or_else(|| format!("{} names no docker endpoint", path.display()))
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
        (None, Some(config_dir)) => current_context(config_dir)?,
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
    let host = if endpoint.contains("://") {
        endpoint.to_owned()
    } else if endpoint.is_empty() || endpoint == "default" {
        DEFAULT_SOCKET.to_owned()
    } else {
        let wishes = Wishes::of_process(None);
        let bad = |reason| EngineError::BadContext {
            name: endpoint.to_owned(),
            found_by,
            reason,
        };
        let config_dir = wishes.config_dir;
        let config_dir =
            config_dir.ok_or_else(|| bad("neither DOCKER_CONFIG nor HOME is set".to_owned()))?;
        context_host(&config_dir, endpoint).map_err(bad)?
    };
    Ok(Endpoint {
        host,
        found_by: found_by.to_owned(),
    })
}

/// A client for an endpoint; nothing is sent yet.
pub(super) fn client(endpoint: &Endpoint) -> Result<Docker, EngineError> {
    let bad = |reason| EngineError::BadHost {
        host: one_line(&endpoint.host),
        found_by: endpoint.found_by.clone(),
        reason,
    };
    let host = endpoint.host.as_str();
    let connected = if let Some(path) = host.strip_prefix("unix://") {
        if !path.starts_with('/') {
            return Err(bad("the socket's path is not absolute"));
        }
        Docker::connect_with_unix(path, CALL_LIMIT_SECONDS, API_DEFAULT_VERSION)
    } else if host.starts_with("tcp://") || host.starts_with("http://") {
        if env::var_os("DOCKER_TLS_VERIFY").is_some_and(|value| !value.is_empty()) {
            return Err(bad("DOCKER_TLS_VERIFY asks for TLS, which is not spoken"));
        }
        Docker::connect_with_http(host, CALL_LIMIT_SECONDS, API_DEFAULT_VERSION)
    } else if host.starts_with("ssh://") {
        return Err(bad(
            "ssh is not spoken (forward its socket with `ssh -NL`, then name that)",
        ));
    } else {
        return Err(bad("it is of no known kind"));
    };
    connected.map_err(|error| unreachable(endpoint, &error.to_string()))
}

async fn ping(endpoint: &Endpoint) -> Result<(), EngineError> {
    if let Some(path) = endpoint.host.strip_prefix("unix://") {
        // hyper reports a missing socket as "client error (Connect)"; say it plainly.
        if let Err(error) = tokio::net::UnixStream::connect(path).await {
            return Err(unreachable(endpoint, &socket_reason(&error)));
        }
    }
    let docker = client(endpoint)?;
    match tokio::time::timeout(PING_LIMIT, docker.ping()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(unreachable(endpoint, &causes(&error))),
        Err(_) => Err(unreachable(
            endpoint,
            &format!("no answer within {} s", PING_LIMIT.as_secs()),
        )),
    }
}

fn socket_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such socket".into(),
        io::ErrorKind::ConnectionRefused => "nobody listens on the socket".into(),
        io::ErrorKind::PermissionDenied => "permission denied on the socket".into(),
        _ => error.to_string(),
    }
}

/// An error with what caused it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

fn unreachable(endpoint: &Endpoint, reason: &str) -> EngineError {
    EngineError::Unreachable {
        host: one_line(&endpoint.host),
        found_by: endpoint.found_by.clone(),
        reason: one_line(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let error = locate(Some("ssh://somewhere")).await.unwrap_err();
        assert!(matches!(error, EngineError::BadHost { .. }), "{error}");
    }
}
