//! What the Docker CLI's configuration says of engines: contexts, and the
//! files for TLS.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::EngineError;
use crate::buildkit::TlsFiles;

/// `currentContext` of Docker's `config.json`, where there is one.
pub(super) fn current_context(config_dir: &Path) -> Result<Option<String>, EngineError> {
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

/// A context's engine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) host: String,
    pub(super) tls: Option<TlsFiles>,
}

impl Context {
    /// Reads a context's `meta.json`, and finds its files for TLS. Docker names a
    /// context's folder by the SHA-256 of its name.
    pub(super) fn read(config_dir: &Path, name: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Meta {
            #[serde(rename = "Endpoints", default)]
            endpoints: BTreeMap<String, Docker>,
        }
        #[derive(Deserialize)]
        struct Docker {
            #[serde(rename = "Host")]
            host: Option<String>,
            #[serde(rename = "SkipTLSVerify", default)]
            skip_tls_verify: bool,
        }
        let contexts = config_dir.join("contexts");
        let folder = hex::encode(Sha256::digest(name.as_bytes()));
        let path = contexts.join("meta").join(&folder).join("meta.json");
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "there is no such context".to_owned(),
            _ => format!("cannot read {}: {error}", path.display()),
        })?;
        let mut meta: Meta = serde_json::from_str(&text)
            .map_err(|error| format!("cannot parse {}: {error}", path.display()))?;
        let docker = meta.endpoints.remove("docker");
        let (host, skip_verify) = docker
            .and_then(|docker| Some((docker.host?, docker.skip_tls_verify)))
            .filter(|(host, _)| !host.is_empty())
            .ok_or_else(|| format!("{} names no docker endpoint", path.display()))?;
        let files = contexts.join("tls").join(&folder).join("docker");
        let tls = TlsFiles {
            verify: !skip_verify,
            ..pem_files(&files)
        };
        // Docker speaks TLS to a context that has files for it, or is to be
        // spoken to without a check.
        let is_tls = skip_verify || tls != TlsFiles::default();
        Ok(Self {
            host,
            tls: is_tls.then_some(tls),
        })
    }
}

/// The files for TLS that `DOCKER_TLS_VERIFY`, `DOCKER_TLS` and
/// `DOCKER_CERT_PATH` ask for, as the Docker CLI reads them: without a check
/// where `DOCKER_TLS` alone is set.
pub(super) fn tls_of_environment(
    verify: bool,
    unverified: bool,
    cert_path: Option<&Path>,
    config_dir: Option<&Path>,
) -> Option<TlsFiles> {
    if !verify && !unverified {
        return None;
    }
    let folder = cert_path.or(config_dir);
    let mut tls = folder.map(pem_files).unwrap_or_default();
    tls.verify = verify;
    if let Some(named) = cert_path
        && tls.ca.is_none()
    {
        // It was named, so that it is missing must be told.
        tls.ca = Some(named.join("ca.pem"));
    }
    Some(tls)
}

/// `ca.pem`, `cert.pem` and `key.pem` of a folder, those that are there. One
/// of a pair names the other, so that what is missing is told by its name.
fn pem_files(folder: &Path) -> TlsFiles {
    let path = |name: &str| folder.join(name);
    let has_pair = path("cert.pem").exists() || path("key.pem").exists();
    let of_pair = |name: &str| Some(path(name)).filter(|_: &PathBuf| has_pair);
    TlsFiles {
        ca: Some(path("ca.pem")).filter(|path| path.exists()),
        certificate: of_pair("cert.pem"),
        key: of_pair("key.pem"),
        ..TlsFiles::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(path: &Path, files: &[&str]) {
        fs::create_dir_all(path).unwrap();
        for file in files {
            fs::write(path.join(file), "").unwrap();
        }
    }

    fn context(meta: &str, files: &[&str]) -> (tempfile::TempDir, Context) {
        let dir = tempfile::tempdir().unwrap();
        let id = hex::encode(Sha256::digest(b"farm"));
        let folder = dir.path().join("contexts/meta").join(&id);
        folder_with(&folder, &[]);
        fs::write(folder.join("meta.json"), meta).unwrap();
        folder_with(
            &dir.path().join("contexts/tls").join(id).join("docker"),
            files,
        );
        let context = Context::read(dir.path(), "farm").unwrap();
        (dir, context)
    }

    fn names(tls: &TlsFiles) -> Vec<String> {
        let paths = [&tls.ca, &tls.certificate, &tls.key];
        let names = paths
            .into_iter()
            .flatten()
            .filter_map(|path| path.file_name());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    }

    const FARM: &str = r#"{"Endpoints":{"docker":{"Host":"tcp://farm:2376"}}}"#;

    #[test]
    fn a_context_is_spoken_to_with_the_files_that_it_holds() {
        let (_dir, plain) = context(FARM, &[]);
        assert_eq!((plain.host.as_str(), plain.tls), ("tcp://farm:2376", None));
        let (_dir, all) = context(FARM, &["ca.pem", "cert.pem", "key.pem"]);
        let tls = all.tls.unwrap();
        assert_eq!(names(&tls), ["ca.pem", "cert.pem", "key.pem"]);
        assert!(tls.verify);
        let (_dir, ca) = context(FARM, &["ca.pem"]);
        assert_eq!(names(&ca.tls.unwrap()), ["ca.pem"]);
        let skip = FARM.replace("2376\"", "2376\",\"SkipTLSVerify\":true");
        let (_dir, unverified) = context(&skip, &[]);
        assert!(!unverified.tls.unwrap().verify);
    }

    #[test]
    fn the_environment_asks_for_tls_as_it_does_of_docker() {
        let dir = tempfile::tempdir().unwrap();
        folder_with(dir.path(), &["ca.pem", "cert.pem", "key.pem"]);
        let path = Some(dir.path());
        assert_eq!(tls_of_environment(false, false, path, None), None);
        let tls = tls_of_environment(true, false, path, None).unwrap();
        assert_eq!(names(&tls), ["ca.pem", "cert.pem", "key.pem"]);
        assert!(tls.verify);
        assert_eq!(tls_of_environment(true, true, None, path), Some(tls));
        assert!(!tls_of_environment(false, true, path, None).unwrap().verify);

        let empty = tempfile::tempdir().unwrap();
        let tls = tls_of_environment(true, false, Some(empty.path()), None).unwrap();
        assert_eq!(names(&tls), ["ca.pem"], "what was named is missed");
        let tls = tls_of_environment(true, false, None, Some(empty.path())).unwrap();
        assert!(names(&tls).is_empty());
    }
}
