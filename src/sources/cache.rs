//! Sources that were fetched before. An entry is a folder, named after a digest
//! of what was asked for; it is written under another name and then renamed, so
//! that it is there whole or not at all.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::error::SourcesError;
use crate::model::{Platform, SourcesFrom};
use crate::scenario::{Fetch, Otherwise, sources_digest};
use crate::temporary::{self, Held, LOCK};
use crate::user;

/// What entries that are being written begin with.
const UNFINISHED: &str = ".new-";
/// The sources in an entry.
const TREE: &str = "tree";
/// What an entry says of itself.
const RECORD: &str = "sources.json";

/// Names what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Of a commit of a git repository.
    pub fn for_git(fetch: &Fetch) -> Self {
        Self::digest_of(&["git", &fetch.git, &fetch.reference, &fetch.commit])
    }

    /// Of what a Dockerfile makes: it and what lies beside it, its build context.
    ///
    /// # Errors
    /// Its folder cannot be read.
    pub fn for_dockerfile(otherwise: &Otherwise, native: &Platform) -> Result<Self, SourcesError> {
        let context = sources_digest(otherwise.context())?;
        let name = otherwise.dockerfile.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        Ok(Self::digest_of(&[
            "built",
            &context,
            &name,
            &native.to_string(),
        ]))
    }

    fn digest_of(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        Self(hex::encode(digest.finalize()))
    }
}

/// The folder of fetched sources.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// Sources that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Their folder, in the cache. Nobody else may write to it.
    pub folder: PathBuf,
    /// The repository or the Dockerfile that they came from.
    pub from: SourcesFrom,
}

/// What an entry says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    from: SourcesFrom,
    /// Over names, modes and contents of the sources.
    digest: String,
}

/// An entry that is being written; it is removed when dropped.
#[derive(Debug)]
pub(super) struct Place(Held);

impl Place {
    /// The folder that the sources are written to.
    pub(super) fn tree(&self) -> PathBuf {
        self.0.path().join(TREE)
    }

    /// The file that an archive of the sources may be written to.
    pub(super) fn archive(&self) -> PathBuf {
        self.0.path().join("sources.tar")
    }
}

impl Cache {
    /// The user's: `$XDG_CACHE_HOME/buildrace/sources`, or
    /// `~/.cache/buildrace/sources`.
    ///
    /// # Errors
    /// The user has neither.
    pub fn for_user() -> Result<Self, SourcesError> {
        let cache = user::cache_folder()
            .filter(|path| path.is_absolute())
            .ok_or(SourcesError::NoCache)?;
        Ok(Self::under(&cache))
    }

    /// That in a given cache folder.
    pub fn under(cache: &Path) -> Self {
        Self {
            folder: cache.join("buildrace").join("sources"),
        }
    }

    /// The sources of this key, if they are there as they were written.
    pub fn find(&self, key: &Key) -> Option<Found> {
        let entry = self.folder.join(&key.0);
        let text = fs::read(entry.join(RECORD)).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        let folder = entry.join(TREE);
        let is_whole = sources_digest(&folder).is_ok_and(|digest| digest == record.digest);
        is_whole.then_some(Found {
            folder,
            from: record.from,
        })
    }

    /// Begins an entry. Those that others began and never finished are
    /// removed.
    pub(super) fn begin(&self) -> Result<Place, SourcesError> {
        let io = |error| SourcesError::io("write to", &self.folder, error);
        user::create_dir_all(&self.folder).map_err(io)?;
        for unfinished in self.left() {
            // It only takes room.
            let _ = temporary::remove(&unfinished);
        }
        let place = Place(Held::new(&self.folder, UNFINISHED).map_err(io)?);
        fs::create_dir(place.tree()).map_err(io)?;
        Ok(place)
    }

    /// Gives an entry its name. One that is there is as good, unless it is
    /// damaged, and then it makes way.
    pub(super) fn finish(
        &self,
        place: Place,
        key: &Key,
        from: SourcesFrom,
    ) -> Result<Found, SourcesError> {
        let tree = place.tree();
        even_modes(&tree).map_err(|error| SourcesError::io("write to", &tree, error))?;
        let record = Record {
            from,
            digest: sources_digest(&tree)?,
        };
        let io = |error| SourcesError::io("write to", &self.folder, error);
        let text = serde_json::to_vec_pretty(&record).map_err(|error| io(error.into()))?;
        fs::write(place.0.path().join(RECORD), text).map_err(io)?;

        user::give_all(place.0.path()).map_err(io)?;
        // An entry is held by nobody.
        fs::remove_file(place.0.path().join(LOCK)).map_err(io)?;

        let entry = self.folder.join(&key.0);
        if self.find(key).is_none() && entry.exists() {
            let damaged = Held::new(&self.folder, UNFINISHED).map_err(io)?;
            fs::rename(&entry, damaged.path().join("damaged")).map_err(io)?;
        }
        let renamed = fs::rename(place.0.path(), &entry);
        match (self.find(key), renamed) {
            (Some(found), _) => Ok(found),
            (None, Err(error)) => Err(io(error)),
            (None, Ok(())) => Err(io(io::Error::other("what was written is not there"))),
        }
    }

    /// Entries that were never finished, since who wrote them was killed.
    pub fn left(&self) -> Vec<PathBuf> {
        temporary::left_in(&self.folder, UNFINISHED)
    }
}

/// Gives files and folders the modes that git knows, whatever the umask is:
/// modes are part of what a build sees.
fn even_modes(tree: &Path) -> io::Result<()> {
    for entry in WalkDir::new(tree) {
        let entry = entry?;
        let kind = entry.file_type();
        if kind.is_symlink() {
            continue;
        }
        let is_executable = entry.metadata()?.permissions().mode() & 0o100 != 0;
        let mode = if kind.is_dir() || is_executable {
            0o755
        } else {
            0o644
        };
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}
