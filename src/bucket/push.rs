//! Sending a run: its files, then its entry. Until that is there nobody sees the
//! run, so one that was sent by half is sent again.

use std::path::{Path, PathBuf};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::cache::{Known, on_disk};
use super::client::AT_ONCE;
use super::local::{self, Held};
use super::{BucketError, Cache, Entry, EntryFile, listing};
use crate::store::{self, StoreError};

/// What became of a run that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The store had all of it.
    AlreadyThere,
    /// So many files, of so many bytes together.
    Files(usize, u64),
}

/// What is to be sent of a run.
struct Plan {
    entry: Entry,
    files: Vec<EntryFile>,
}

impl Plan {
    fn sent(&self) -> Sent {
        let bytes = self.files.iter().map(|file| file.bytes).sum();
        Sent::Files(self.files.len(), bytes)
    }
}

impl Cache {
    /// Puts a run into the store, as far as it is not there. It may be done again,
    /// and by several at once.
    ///
    /// # Errors
    /// The run goes on or cannot be read, the store fails, or has another run of
    /// that id.
    pub async fn push(&self, dir: &Path) -> Result<Sent, BucketError> {
        let Some(plan) = self.plan(dir).await? else {
            return Ok(Sent::AlreadyThere);
        };
        let sent = plan.sent();
        let Plan { entry, files } = plan;
        let uploads = files.iter().map(|file| self.upload(dir, &entry, file));
        // Collected, so that the whole may go to another thread.
        let uploads = stream::iter(uploads.collect::<Vec<_>>());
        uploads
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        let mut text = serde_json::to_vec_pretty(&entry)
            .map_err(|error| StoreError::Unfit(error.to_string()))?;
        text.push(b'\n');
        let version = self.bucket.put(&listing::entry(&entry.run), text).await?;
        self.keep(&Known { version, entry })?;
        Ok(sent)
    }

    async fn upload(&self, dir: &Path, entry: &Entry, file: &EntryFile) -> Result<(), BucketError> {
        let key = listing::file(&entry.run, entry.resumed, &file.name);
        let path = dir.join(&file.name);
        self.bucket.upload(&path, &key, &file.sha256).await
    }

    /// What [`push`](Self::push) would do now.
    ///
    /// # Errors
    /// As there.
    pub async fn would_push(&self, dir: &Path) -> Result<Sent, BucketError> {
        let plan = self.plan(dir).await?;
        Ok(plan.map_or(Sent::AlreadyThere, |plan| plan.sent()))
    }

    async fn plan(&self, dir: &Path) -> Result<Option<Plan>, BucketError> {
        let place = dir.to_owned();
        let entry = on_disk(move || read(&place)).await?;
        let files = entry.files.clone();
        let Some(there) = self.entry(&entry.run).await? else {
            return Ok(Some(Plan { entry, files }));
        };
        // The store has the run as it was after it had gone on elsewhere.
        if there.resumed > entry.resumed {
            return Ok(None);
        }
        if there.resumed < entry.resumed {
            return Ok(Some(Plan { entry, files }));
        }
        let differs = |file: &&EntryFile| there.file(&file.name).is_some_and(|it| it != *file);
        if let Some(file) = files.iter().find(differs) {
            return Err(BucketError::Differs {
                url: self.bucket.url().clone(),
                run: entry.run,
                file: file.name.clone(),
            });
        }
        let files = files.into_iter();
        let files: Vec<EntryFile> = files.filter(|f| there.file(&f.name).is_none()).collect();
        if files.is_empty() {
            return Ok(None);
        }
        // A trace that is not on this machine stays where it is.
        let mut entry = entry;
        let others = there.files.into_iter();
        let others = others.filter(|file| entry.file(&file.name).is_none());
        let others: Vec<EntryFile> = others.collect();
        entry.files.extend(others);
        entry.files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Some(Plan { entry, files }))
    }

    /// Folders of the runs on this machine that the store does not have, or not
    /// all of, the newest last. A run that goes on is none of them, nor is one
    /// of which only a part was fetched.
    ///
    /// # Errors
    /// The store does not answer, or a folder cannot be read.
    pub async fn unsent(&self) -> Result<Vec<PathBuf>, BucketError> {
        let mut there = std::collections::HashMap::new();
        for (run, entry) in self.entries().await? {
            // One that cannot be read is told when the run is sent.
            there.extend(entry.ok().map(|entry| (run, entry)));
        }
        let results = self.results.clone();
        let known = self.clone();
        on_disk(move || {
            let mut unsent = Vec::new();
            for dir in store::runs(&results) {
                let run = dir.file_name().unwrap_or_default().to_string_lossy();
                let is_new = match (there.get(&*run), known.known(&run)) {
                    (Some(entry), _) => local::held(&dir, entry)? == Held::More,
                    // The store lost it.
                    (None, Some(known)) => local::held(&dir, &known.entry)? != Held::Part,
                    (None, None) => true,
                };
                if is_new && store::is_being_written(&dir) != Some(true) {
                    unsent.push(dir);
                }
            }
            Ok(unsent)
        })
        .await
    }
}

impl Cache {
    /// Those of these folders, of runs on this machine, that were never in the
    /// store as far as this machine knows.
    pub fn never_sent(&self, dirs: Vec<PathBuf>) -> Vec<PathBuf> {
        let name = |dir: &PathBuf| {
            dir.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        let mut dirs = dirs;
        dirs.retain(|dir| self.known(&name(dir)).is_none());
        dirs
    }
}

/// The entry of a run on this machine.
fn read(dir: &Path) -> Result<Entry, BucketError> {
    if store::is_being_written(dir) == Some(true) {
        return Err(StoreError::Busy(dir.to_owned()).into());
    }
    let stored = store::read_run(dir)?;
    Ok(Entry::of(&stored, local::digested(dir)?))
}
