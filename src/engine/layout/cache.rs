//! Layouts that were saved before. An entry is a folder, named after the image's
//! id; it is written under another name and then renamed, so that it is there
//! whole or not at all. What was not used for a month is removed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::engine::{EngineError, Progress};
use crate::model::{ImageLayout, Platform};
use crate::temporary::{self, Held, LOCK};
use crate::user;

/// What entries that are being written begin with.
const UNFINISHED: &str = ".new-";
/// What an entry says of itself. It is touched at each use.
const RECORD: &str = "layout.json";
/// An entry that was not used for this long is removed. No run takes as long.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// What an entry says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Digest of the image's index, or of its manifest.
    pub(super) digest: String,
    /// Platforms that all is there for.
    pub(super) platforms: Vec<Platform>,
    /// The lengths of blobs by their digests.
    pub(super) blobs: BTreeMap<String, u64>,
}

impl Record {
    /// The first of these platforms that the image is not there for, nor for a
    /// lesser CPU of its architecture.
    pub(super) fn first_lacking<'p>(&self, platforms: &'p [Platform]) -> Option<&'p Platform> {
        let is_held = |platform: &&Platform| {
            let served = platform.served_by();
            served.iter().any(|held| self.platforms.contains(held))
        };
        platforms.iter().find(|platform| !is_held(platform))
    }
}

/// The folder of saved layouts.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    folder: PathBuf,
}

/// An entry that is being written; it is removed when dropped.
#[derive(Debug)]
pub(super) struct Place(Held);

impl Place {
    /// The folder that the layout is written to.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// The user's cache folder: `$XDG_CACHE_HOME`, or `~/.cache`.
pub(super) fn folder_of_user() -> Result<PathBuf, EngineError> {
    let cache = user::cache_folder().filter(|path| path.is_absolute());
    cache.ok_or_else(|| {
        EngineError::Preflight(
            "copies of base images need a cache folder: set HOME or XDG_CACHE_HOME".into(),
        )
    })
}

impl Cache {
    /// That in a cache folder, `buildrace/layouts`.
    pub(super) fn under(cache: &Path) -> Self {
        Self {
            folder: cache.join("buildrace").join("layouts"),
        }
    }

    /// The folder of an image's layout, whether it is there or not.
    pub(super) fn entry(&self, id: &str) -> PathBuf {
        let named = ImageLayout::sha256(id).map(str::to_owned);
        let name = named.unwrap_or_else(|| hex::encode(Sha256::digest(id)));
        self.folder.join(name)
    }

    /// The entry of this image, if it is whole and has these platforms.
    pub(super) fn find(&self, id: &str, platforms: &[Platform]) -> Option<Record> {
        let entry = self.entry(id);
        let record = whole(&entry)?;
        if record.first_lacking(platforms).is_some() {
            return None;
        }
        if let Ok(file) = File::options().append(true).open(entry.join(RECORD)) {
            // A folder that only another user may write is as good.
            let _ = file.set_modified(SystemTime::now());
        }
        Some(record)
    }

    /// Waits until no other process saves an image: two would copy the same.
    pub(super) async fn lock(&self, progress: &Progress) -> Result<File, EngineError> {
        let path = self.folder.with_extension("lock");
        let parent = path.parent().unwrap_or(Path::new("/"));
        user::create_dir_all(parent).map_err(EngineError::file("cannot create", parent))?;
        let lock = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(EngineError::file("cannot open", path.as_path()))?;
        user::give(&path).map_err(EngineError::file("cannot give away", path.as_path()))?;
        if lock.try_lock().is_ok() {
            return Ok(lock);
        }
        progress("waiting for another process that copies base images from an engine");
        let waiting = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await;
        waiting
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(EngineError::file("cannot lock", path))
    }

    /// Begins an entry. Those that others never finished, and those that nobody
    /// uses, are removed.
    pub(super) fn begin(&self) -> Result<Place, EngineError> {
        let failed = EngineError::file("cannot write to", self.folder.as_path());
        user::create_dir_all(&self.folder)
            .and_then(|()| {
                for path in self.left().iter().chain(&self.unused()) {
                    // It only takes room.
                    let _ = temporary::remove(path);
                }
                Held::new(&self.folder, UNFINISHED)
            })
            .map(Place)
            .map_err(failed)
    }

    /// Gives an entry its name. One that is there makes way: it is damaged, or
    /// lacks a platform that the engine has by now.
    pub(super) fn finish(
        &self,
        place: Place,
        id: &str,
        record: &Record,
    ) -> Result<(), EngineError> {
        let entry = self.entry(id);
        let written = || -> io::Result<()> {
            fs::write(
                place.path().join("oci-layout"),
                r#"{"imageLayoutVersion":"1.0.0"}"#,
            )?;
            let text = serde_json::to_vec_pretty(record)?;
            fs::write(place.path().join(RECORD), text)?;
            user::give_all(place.path())?;
            // An entry is held by nobody.
            fs::remove_file(place.path().join(LOCK))?;
            if entry.exists() {
                let old = Held::new(&self.folder, UNFINISHED)?;
                fs::rename(&entry, old.path().join("old"))?;
            }
            fs::rename(place.path(), &entry)
        };
        written().map_err(EngineError::file("cannot write to", self.folder.as_path()))
    }

    /// Entries that were never finished, since who wrote them was killed.
    pub(super) fn left(&self) -> Vec<PathBuf> {
        temporary::left_in(&self.folder, UNFINISHED)
    }

    /// Entries that nobody used for a long time.
    fn unused(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let is_unused = |entry: &PathBuf| {
            let used = fs::metadata(entry.join(RECORD)).and_then(|found| found.modified());
            let age = used.map(|used| SystemTime::now().duration_since(used));
            matches!(age, Ok(Ok(age)) if age > UNUSED)
        };
        entries
            .map(|entry| entry.path())
            .filter(is_unused)
            .collect()
    }
}

/// What an entry says of itself, if its blobs are there with their lengths.
/// Their digests are checked when they are written, and by BuildKit.
fn whole(entry: &Path) -> Option<Record> {
    let text = fs::read(entry.join(RECORD)).ok()?;
    let record: Record = serde_json::from_slice(&text).ok()?;
    let is_there = |(digest, size): (&String, &u64)| {
        let found = ImageLayout::blob(entry, digest).map(fs::symlink_metadata);
        matches!(found, Some(Ok(found)) if found.is_file() && found.len() == *size)
    };
    (record.blobs.contains_key(&record.digest) && record.blobs.iter().all(is_there))
        .then_some(record)
}
