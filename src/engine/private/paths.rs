//! Where the private engine keeps what it has.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::engine::{Endpoint, EngineError};
use crate::model::Release;
use crate::user;

/// Longest path of a unix socket that the kernel takes, bytes.
const SOCKET_PATH_LIMIT: usize = 107;

/// The folder that a private engine keeps everything in, and what is where in
/// it. Each release has one of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    release: Release,
    folder: PathBuf,
}

impl Paths {
    /// Those of the user, of the release that is the default:
    /// `$XDG_CACHE_HOME/buildrace/engine`, or `~/.cache/buildrace/engine`.
    ///
    /// # Errors
    /// The user has neither, or the path is too long for a socket in it.
    pub fn of_user() -> Result<Self, EngineError> {
        Self::of_release(Release::default())
    }

    /// Those of the user, of a release: `buildrace/engine-sid` in the same place.
    ///
    /// # Errors
    /// As for [`of_user`](Self::of_user).
    pub fn of_release(release: Release) -> Result<Self, EngineError> {
        let cache = user::cache_folder().ok_or_else(|| {
            EngineError::Private("neither XDG_CACHE_HOME nor HOME is set: set one".into())
        })?;
        Self::under(&cache, release)
    }

    /// The folder under a given cache folder.
    ///
    /// # Errors
    /// The path is relative, or too long for a socket in it.
    pub fn under(cache: &Path, release: Release) -> Result<Self, EngineError> {
        if !cache.is_absolute() {
            return Err(EngineError::Private(format!(
                "the cache folder {} is not an absolute path",
                cache.display()
            )));
        }
        let name = match release {
            Release::Trixie => "engine",
            Release::Sid => "engine-sid",
        };
        let folder = cache.join("buildrace").join(name);
        let paths = Self { release, folder };
        let length = paths.socket().as_os_str().as_bytes().len();
        if length > SOCKET_PATH_LIMIT {
            return Err(EngineError::Private(format!(
                "{} is {length} bytes long and a socket's path may have {SOCKET_PATH_LIMIT}: set XDG_CACHE_HOME to a shorter folder",
                paths.socket().display()
            )));
        }
        Ok(paths)
    }

    /// Those of the same cache folder, of another release.
    #[cfg(target_os = "linux")]
    pub(super) fn beside(&self, release: Release) -> Option<Self> {
        Self::under(self.folder.parent()?.parent()?, release).ok()
    }

    /// The release of Debian that the engine is made of.
    pub fn release(&self) -> Release {
        self.release
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
        let found_by = match self.release {
            Release::Trixie => "private engine".to_owned(),
            other => format!("private engine of Debian {other}"),
        };
        Endpoint::new(host, found_by)
    }
}

impl Endpoint {
    /// Whether this is a private engine of the user's, of any release and
    /// however it was named.
    pub fn is_private(&self) -> bool {
        Release::ALL.into_iter().any(|release| {
            Paths::of_release(release).is_ok_and(|paths| self.is_socket(&paths.socket()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_folder_too_long_for_a_socket_is_refused() {
        let long = PathBuf::from(format!("/{}", "a".repeat(80)));
        let message = Paths::under(&long, Release::Trixie)
            .unwrap_err()
            .to_string();
        assert!(message.contains("XDG_CACHE_HOME"), "{message}");
        assert!(Paths::under(Path::new("/home/someone/.cache"), Release::Sid).is_ok());
        assert!(Paths::under(Path::new("relative"), Release::Trixie).is_err());
    }
}
