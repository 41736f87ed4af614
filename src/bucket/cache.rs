//! The runs of a store on this machine: `results`, a folder like any other, with
//! runs that were raced here and runs that were fetched; and `entries`, what
//! the store said of its runs, so that each is asked for once.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Bucket, BucketError, Entry};
use crate::user;

/// The folder of entries, beside that of the results.
const ENTRIES: &str = "entries";

/// A store, and its folder on this machine.
#[derive(Debug, Clone)]
pub struct Cache {
    pub(super) bucket: Bucket,
    pub(super) results: PathBuf,
    entries: PathBuf,
}

/// An entry as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Known {
    /// The version of its object.
    pub version: String,
    pub entry: Entry,
}

impl Cache {
    /// A store, and the folder of its results on this machine, which nothing else is
    /// in. It is made when it is needed.
    pub fn new(bucket: Bucket, results: &Path) -> Self {
        Self {
            bucket,
            results: results.to_owned(),
            entries: results.with_file_name(ENTRIES),
        }
    }

    /// The store.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// The folder that runs are in, on this machine.
    pub fn results(&self) -> &Path {
        &self.results
    }

    /// What the store said of a run before. What cannot be read is asked for again.
    pub(super) fn known(&self, run: &str) -> Option<Known> {
        let text = fs::read(self.entries.join(format!("{run}.json"))).ok()?;
        let known: Known = serde_json::from_slice(&text).ok()?;
        (known.entry.run == run).then_some(known)
    }

    /// Keeps what the store says of a run.
    pub(super) fn keep(&self, known: &Known) -> Result<(), BucketError> {
        let path = self.entries.join(format!("{}.json", known.entry.run));
        let write = || {
            user::create_dir_all(&self.entries)?;
            let mut file = tempfile::Builder::new()
                .prefix(".new-")
                .tempfile_in(&self.entries)?;
            file.write_all(&serde_json::to_vec(known)?)?;
            file.persist(&path).map_err(|error| error.error)?;
            user::give(&path)
        };
        write().map_err(BucketError::local(&path))
    }

    /// Makes the folder of runs, where it is not there.
    pub(super) fn make_results(&self) -> Result<(), BucketError> {
        user::create_dir_all(&self.results).map_err(BucketError::local(&self.results))
    }
}

/// Does what waits for disks on a thread of its own.
pub(super) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BucketError> + Send + 'static,
) -> Result<T, BucketError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
