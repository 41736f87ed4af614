//! Where the private engine keeps what it has.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::engine::{Endpoint, EngineError};
use crate::user;

/// Longest path of a unix socket that the kernel takes, bytes.
const SOCKET_PATH_LIMIT: usize = 107;

/// The folder that the private engine keeps everything in, and what is where in
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    folder: PathBuf,
}

impl Paths {
    /// Those of the user: `$XDG_CACHE_HOME/buildrace/engine`, or
    /// `~/.cache/buildrace/engine`.
    ///
    /// # Errors
    /// The user has neither, or the path is too long for a socket in it.
    pub fn of_user() -> Result<Self, EngineError> {
        let cache = user::cache_folder().ok_or_else(|| {
            EngineError::Private("neither XDG_CACHE_HOME nor HOME is set: set one".into())
        })?;
        Self::under(&cache)
    }

    /// The folder under a given cache folder.
    ///
    /// # Errors
    /// The path is relative, or too long for a socket in it.
    pub fn under(cache: &Path) -> Result<Self, EngineError> {
        if !cache.is_absolute() {
            return Err(EngineError::Private(format!(
                "the cache folder {} is not an absolute path",
                cache.display()
            )));
        }
        let paths = Self {
            folder: cache.join("buildrace").join("engine"),
        };
        let length = paths.socket().as_os_str().as_bytes().len();
        if length > SOCKET_PATH_LIMIT {
            return Err(EngineError::Private(format!(
                "{} is {length} bytes long and a socket's path may have {SOCKET_PATH_LIMIT}: set XDG_CACHE_HOME to a shorter folder",
                paths.socket().display()
            )));
        }
        Ok(paths)
    }

    /// The folder that holds all of the engine.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The root file system that the engine runs in.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Where a root file system is made, before it is moved into place.
    #[cfg(target_os = "linux")]
    pub(super) fn making(&self) -> PathBuf {
        self.folder.join("making")
    }

    /// What the engine keeps: configuration, images, build cache.
    pub(super) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The socket of the engine's API.
    pub fn socket(&self) -> PathBuf {
        self.state().join("docker.sock")
    }

    /// The log of the engine and its helpers.
    pub fn log(&self) -> PathBuf {
        self.state().join("engine.log")
    }

    /// Where stand-in base images are made, beside the engine.
    pub(in crate::engine) fn stand_ins(&self) -> PathBuf {
        self.folder.with_file_name("stand-ins")
    }

    #[cfg(target_os = "linux")]
    pub(super) fn lock_file(&self) -> PathBuf {
        self.folder.with_extension("lock")
    }

    /// The engine's address.
    pub fn endpoint(&self) -> Endpoint {
        let host = format!("unix://{}", self.socket().display());
        Endpoint::new(host, "private engine")
    }
}

impl Endpoint {
    /// Whether this is the user's private engine, however it was named.
    pub fn is_private(&self) -> bool {
        Paths::of_user().is_ok_and(|paths| self.is_socket(&paths.socket()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_folder_too_long_for_a_socket_is_refused() {
        let long = PathBuf::from(format!("/{}", "a".repeat(80)));
        let message = Paths::under(&long).unwrap_err().to_string();
        assert!(message.contains("XDG_CACHE_HOME"), "{message}");
        assert!(Paths::under(Path::new("/home/someone/.cache")).is_ok());
        assert!(Paths::under(Path::new("relative")).is_err());
    }
}
