//! Registry credentials from Docker's config and its credential helpers. They
//! are read when BuildKit asks for them, given to BuildKit, and go nowhere
//! else: nothing here prints them, and errors leave out what helpers wrote.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// How Docker's config calls Docker Hub.
const HUB_KEY: &str = "https://index.docker.io/v1/";
/// How a registry client calls Docker Hub.
const HUB_HOST: &str = "registry-1.docker.io";
/// What a helper answers where it has nothing.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// The user name that marks a secret as an identity token.
const TOKEN_USER: &str = "<token>";
/// A helper may ask a person, but not for ever.
const HELPER_LIMIT: Duration = Duration::from_secs(60);
/// Bytes of a helper's answer that are read.
const HELPER_ANSWER: u64 = 1 << 20;

/// Where credentials are looked up.
#[derive(Debug, Clone)]
pub struct CredentialStore {
    folder: Option<PathBuf>,
}

/// A user name and what goes with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    username: String,
    secret: String,
}

impl Credential {
    /// User name and secret. With an identity token the user name is empty.
    pub fn into_parts(self) -> (String, String) {
        (self.username, self.secret)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(redacted)")
    }
}

/// Credentials cannot be looked up.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Docker's config cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Path of the `config.json`.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Docker's config is not what it should be. What is wrong in it is not
    /// repeated, as that may be a secret.
    #[error("{} is no config of Docker's (line {line})", path.display())]
    Malformed {
        /// Path of the `config.json`.
        path: PathBuf,
        /// The line, 0 where unknown.
        line: usize,
    },
    /// A credential helper has no answer.
    #[error("docker-credential-{helper} gave no credentials for {registry:?}: {problem}")]
    Helper {
        /// The helper's name without `docker-credential-`.
        helper: String,
        /// The registry that it was asked for, by its key in Docker's config.
        registry: String,
        /// What happened, and what to do.
        problem: String,
    },
}

impl CredentialError {
    /// The error for BuildKit, which repeats it in logs that are kept: without
    /// the user's paths.
    pub(super) fn without_paths(&self) -> String {
        match self {
            Self::Read { source, .. } => format!("cannot read Docker's config.json: {source}"),
            Self::Malformed { line, .. } => {
                format!("Docker's config.json is not what it should be (line {line})")
            }
            Self::Helper { .. } => self.to_string(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    auths: BTreeMap<String, Auth>,
    creds_store: String,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

#[derive(Deserialize)]
struct HelperAnswer {
    #[serde(rename = "Username", default)]
    username: String,
    #[serde(rename = "Secret", default)]
    secret: String,
}

impl CredentialStore {
    /// Docker's own config: `$DOCKER_CONFIG`, else `~/.docker`.
    pub fn for_user() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let folder = set("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| Path::new(&home).join(".docker")));
        Self { folder }
    }

    /// The config in another folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: Some(folder.to_owned()),
        }
    }

    /// The credentials for a registry, by its host name; `None` where there
    /// are none.
    pub async fn get(&self, host: &str) -> Result<Option<Credential>, CredentialError> {
        let Some(config) = self.config().await? else {
            return Ok(None);
        };
        let key = if host == HUB_HOST { HUB_KEY } else { host };
        let helper = config.cred_helpers.get(key).unwrap_or(&config.creds_store);
        if helper.is_empty() {
            return Ok(config.credential(key));
        }
        // As with Docker, the file is not asked where a helper is.
        ask_helper(helper, key).await
    }

    async fn config(&self) -> Result<Option<Config>, CredentialError> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let path = folder.join("config.json");
        let text = match tokio::fs::read(&path).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CredentialError::Read { path, source }),
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| CredentialError::Malformed {
                path,
                line: error.line(),
            })
    }
}

impl Config {
    fn credential(&self, key: &str) -> Option<Credential> {
        self.auths
            .get(key)
            .or_else(|| {
                // Older Docker clients wrote whole URLs.
                let host = host_of(key);
                self.auths
                    .iter()
                    .find(|(written, _)| host_of(written) == host)
                    .map(|(_, auth)| auth)
            })
            .and_then(Auth::credential)
    }
}

/// The host of `https://host/v1/`.
fn host_of(key: &str) -> &str {
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    key.split('/').next().unwrap_or(key)
}

impl Auth {
    fn credential(&self) -> Option<Credential> {
        let found = |username: &str, secret: &str| {
            (!secret.is_empty()).then(|| Credential {
                username: username.to_owned(),
                secret: secret.to_owned(),
            })
        };
        if !self.identitytoken.is_empty() {
            return found("", &self.identitytoken);
        }
        if let Ok(decoded) = STANDARD.decode(self.auth.trim())
            && let Ok(text) = String::from_utf8(decoded)
            && let Some((username, password)) = text.split_once(':')
        {
            // Docker pads some of them with zero bytes.
            return found(username, password.trim_end_matches('\0'));
        }
        found(&self.username, &self.password)
    }
}

async fn ask_helper(helper: &str, registry: &str) -> Result<Option<Credential>, CredentialError> {
    let failed = |problem: String| CredentialError::Helper {
        helper: helper.to_owned(),
        registry: registry.to_owned(),
        problem,
    };
    if helper.contains(['/', '\\']) {
        return Err(failed("its name is a path; correct Docker's config".into()));
    }
    let run = run_helper(helper, registry);
    let (status, answer) = match tokio::time::timeout(HELPER_LIMIT, run).await {
        Err(_) => {
            return Err(failed(format!(
                "no answer within {} s",
                HELPER_LIMIT.as_secs()
            )));
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(failed(
                "it is not on the PATH; install it or remove it from Docker's config".into(),
            ));
        }
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Ok(Ok(done)) => done,
    };
    if !status.success() {
        if String::from_utf8_lossy(&answer).trim() == NOT_FOUND {
            return Ok(None);
        }
        return Err(failed(format!(
            "{status}; log in to the registry again with docker login"
        )));
    }
    let answer: HelperAnswer =
        serde_json::from_slice(&answer).map_err(|_| failed("its answer is not JSON".into()))?;
    if answer.secret.is_empty() {
        return Ok(None);
    }
    let username = if answer.username == TOKEN_USER {
        String::new()
    } else {
        answer.username
    };
    Ok(Some(Credential {
        username,
        secret: answer.secret,
    }))
}

/// How a helper ended that was asked for a registry, and what it wrote.
async fn run_helper(helper: &str, registry: &str) -> io::Result<(ExitStatus, Vec<u8>)> {
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(registry.as_bytes()).await {
            // It need not read what it is asked.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(HELPER_ANSWER).read_to_end(&mut answer).await?;
    }
    Ok((child.wait().await?, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(config: &str, host: &str) -> Result<Option<(String, String)>, CredentialError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let found = CredentialStore::in_folder(folder.path()).get(host).await?;
        Ok(found.map(Credential::into_parts))
    }

    #[tokio::test]
    async fn the_hub_goes_by_its_old_name() {
        let auth = STANDARD.encode("me:se:cret");
        let config =
            format!(r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{auth}"}}}}}}"#);
        assert_eq!(
            get(&config, "registry-1.docker.io").await.unwrap(),
            Some(("me".into(), "se:cret".into()))
        );
        assert_eq!(get(&config, "ghcr.io").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_host_is_found_in_a_url_and_a_token_has_no_user() {
        let config = r#"{"auths":{"https://r.example/v2/":{"identitytoken":"tok"}},"x":1}"#;
        assert_eq!(
            get(config, "r.example").await.unwrap(),
            Some((String::new(), "tok".into()))
        );
    }

    #[tokio::test]
    async fn no_config_means_no_credentials() {
        let folder = tempfile::tempdir().unwrap();
        let store = CredentialStore::in_folder(folder.path());
        assert_eq!(store.get("r.example").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_broken_config_is_named_and_not_repeated() {
        let error = get("{\"auths\":\n{\"r\":{\"auth\":\"c2VjcmV0\"", "r")
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("config.json") && error.contains("line 2"));
        assert!(!error.contains("c2VjcmV0"));
    }

    #[tokio::test]
    async fn a_helper_that_is_not_there_is_named() {
        let config = r#"{"credHelpers":{"r.example":"buildrace-none"}}"#;
        let error = get(config, "r.example").await.unwrap_err().to_string();
        assert!(
            error.contains("docker-credential-buildrace-none"),
            "{error}"
        );
        assert!(error.contains("PATH"), "{error}");
        // Another registry does not need it.
        assert_eq!(get(config, "other.example").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_helper_is_no_path() {
        let error = get(r#"{"credsStore":"../x"}"#, "r").await.unwrap_err();
        assert!(error.to_string().contains("path"));
    }

    #[test]
    fn debug_shows_no_secret() {
        let credential = Credential {
            username: "me".into(),
            secret: "hidden".into(),
        };
        assert_eq!(format!("{credential:?}"), "Credential(redacted)");
    }
}
