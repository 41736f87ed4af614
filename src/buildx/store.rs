//! The folder that buildx keeps its instances in. It is read, and nothing is
//! written: not even the lock file, since a file is replaced as a whole.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Instance;

/// Bytes of the largest file that is read.
const FILE_LIMIT: u64 = 4 << 20;

/// buildx's folder cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}, where buildx keeps its builders: {problem}", path.display())]
pub struct StoreError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// buildx's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    folder: PathBuf,
}

/// The file `current`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Current {
    /// The endpoint that the choice was made for.
    key: String,
    name: String,
    global: bool,
}

impl Store {
    /// That of the user: `$BUILDX_CONFIG`, else `buildx` in Docker's folder,
    /// which is `$DOCKER_CONFIG` or `~/.docker`; `None` where no folder is known.
    pub fn of_user() -> Option<Self> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let docker = || {
            let home = || set("HOME").map(|home| Path::new(&home).join(".docker"));
            let folder = set("DOCKER_CONFIG").map(PathBuf::from).or_else(home);
            folder.map(|folder| folder.join("buildx"))
        };
        let folder = set("BUILDX_CONFIG").map(PathBuf::from).or_else(docker)?;
        Some(Self::at(folder))
    }

    /// That in a folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// All instances, by name.
    ///
    /// # Errors
    /// The folder, or one of them, cannot be read.
    pub fn instances(&self) -> Result<Vec<Instance>, StoreError> {
        let folder = self.folder.join("instances");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&folder, &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| failed(&folder, &error))?.file_name();
            names.extend(name.into_string().ok().filter(|name| is_name(name)));
        }
        names.sort();
        let mut found = Vec::new();
        for name in names {
            found.extend(self.instance(&name)?);
        }
        Ok(found)
    }

    /// The instance of this name; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn instance(&self, name: &str) -> Result<Option<Instance>, StoreError> {
        if !is_name(name) {
            return Ok(None);
        }
        let path = self.folder.join("instances").join(name);
        let Some(text) = read(&path)? else {
            return Ok(None);
        };
        let parsed = serde_json::from_slice(&text);
        parsed.map(Some).map_err(|error| StoreError {
            path,
            problem: error.to_string(),
        })
    }

    /// The instance that `docker buildx use` chose for an endpoint, which is the
    /// name of a Docker context or, of the default one, its address; `None`
    /// where the engine's own BuildKit is used.
    ///
    /// # Errors
    /// What is on file cannot be read.
    pub fn current(&self, endpoint: &str) -> Result<Option<Instance>, StoreError> {
        let path = self.folder.join("current");
        let current: Current = match read(&path)? {
            None => Current::default(),
            Some(text) => serde_json::from_slice(&text).map_err(|error| StoreError {
                path,
                problem: error.to_string(),
            })?,
        };
        if !current.name.is_empty() && (current.global || current.key == endpoint) {
            let chosen = self.instance(&current.name)?;
            if chosen.is_some() || !current.global {
                return Ok(chosen);
            }
        }
        // `docker buildx use --default` remembers one for each endpoint.
        let hash = hex::encode(Sha256::digest(endpoint.as_bytes()));
        let default = read(&self.folder.join("defaults").join(&hash[..20]))?;
        let name = default.and_then(|name| String::from_utf8(name).ok());
        match name {
            Some(name) => self.instance(name.trim()),
            None => Ok(None),
        }
    }
}

/// Whether buildx would give an instance this name, and no path hides in it.
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
}

/// A file's content; `None` where there is no such file.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, &error)),
    };
    if !metadata.is_file() || metadata.len() > FILE_LIMIT {
        return Err(StoreError {
            path: path.to_owned(),
            problem: format!("it is no file of at most {FILE_LIMIT} bytes"),
        });
    }
    fs::read(path)
        .map(Some)
        .map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError {
        path: path.to_owned(),
        problem: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "unix:///var/run/docker.sock";

    fn store(files: &[(&str, &str)]) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let store = Store::at(folder.path());
        (folder, store)
    }

    fn name(found: Option<Instance>) -> Option<String> {
        found.map(|instance| instance.name)
    }

    #[test]
    fn the_instance_in_use_is_that_of_the_endpoint_or_of_all() {
        let (_folder, store) = store(&[
            (
                "instances/a",
                r#"{"Name":"a","Driver":"remote","Nodes":[]}"#,
            ),
            (
                "current",
                r#"{"Key":"unix:///var/run/docker.sock","Name":"a","Global":false}"#,
            ),
        ]);
        assert_eq!(name(store.current(HERE).unwrap()).as_deref(), Some("a"));
        assert_eq!(store.current("desktop").unwrap(), None);
        let global = r#"{"Key":"x","Name":"a","Global":true}"#;
        fs::write(store.folder.join("current"), global).unwrap();
        assert_eq!(
            name(store.current("desktop").unwrap()).as_deref(),
            Some("a")
        );
        // An instance that is gone.
        fs::remove_file(store.folder.join("instances/a")).unwrap();
        assert_eq!(store.current(HERE).unwrap(), None);
    }

    #[test]
    fn what_was_chosen_as_default_is_remembered_by_endpoint() {
        let hash = hex::encode(Sha256::digest(HERE));
        let path = format!("defaults/{}", &hash[..20]);
        let (_folder, store) = store(&[
            (
                "instances/b",
                r#"{"Name":"b","Driver":"remote","Nodes":null}"#,
            ),
            (&path, "b"),
            ("current", r#"{"Key":"elsewhere","Name":"","Global":false}"#),
        ]);
        assert_eq!(name(store.current(HERE).unwrap()).as_deref(), Some("b"));
        assert_eq!(store.current("elsewhere").unwrap(), None);
    }

    #[test]
    fn where_buildx_was_never_used_there_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("none"));
        assert_eq!(store.instances().unwrap(), []);
        assert_eq!(store.current(HERE).unwrap(), None);
        assert!(!folder.path().join("none").exists());
    }

    #[test]
    fn a_name_leads_nowhere_else_and_a_broken_file_is_named() {
        let (_folder, store) = store(&[
            ("current", r#"{"Name":"../current"}"#),
            ("instances/a", "{"),
            ("instances/.lock", ""),
        ]);
        assert_eq!(store.instance("../current").unwrap(), None);
        let error = store.instances().unwrap_err().to_string();
        assert!(error.contains("instances/a"), "{error}");
    }
}
