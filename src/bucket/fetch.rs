//! Reading a store: what is in it, and its runs into the folder of this machine,
//! each file once.

use std::fs;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::cache::{Known, on_disk};
use super::client::{AT_ONCE, Listed};
use super::entry::MAX_ENTRY;
use super::local::{self, Held};
use super::{BucketError, Cache, Entry, EntryFile, listing};
use crate::store::{self, RUN_FILE};
use crate::temporary;
use crate::user;

/// What the folders begin with that runs are fetched into.
const UNFINISHED: &str = ".fetch-";

/// How much of a run is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All but traces: what tables, charts and histories are made of.
    Summary,
    /// All of it.
    Whole,
}

impl Part {
    fn has(self, file: &EntryFile) -> bool {
        self == Self::Whole || !file.is_trace()
    }
}

impl Cache {
    /// The runs that the store has whole, the newest last.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn runs(&self) -> Result<Vec<String>, BucketError> {
        let listed = self.listed().await?;
        Ok(listed.into_iter().map(|(run, _)| run).collect())
    }

    async fn listed(&self) -> Result<Vec<(String, Listed)>, BucketError> {
        Ok(entries_of(self.bucket.list(listing::INDEX).await?))
    }

    /// The newest run that the store has whole.
    ///
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn newest(&self) -> Result<Option<String>, BucketError> {
        let mut days = self.bucket.folders(listing::INDEX).await?;
        // A name that is no day says nothing of when that was.
        days.sort_by_key(|day| (day.starts_with(|c: char| c.is_ascii_digit()), day.clone()));
        for day in days.iter().rev() {
            let listed = self
                .bucket
                .list(&format!("{}/{day}", listing::INDEX))
                .await?;
            if let Some((run, _)) = entries_of(listed).pop() {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    /// What the store says of a run; `None` where it does not have it whole.
    ///
    /// # Errors
    /// The store does not answer, or the entry is none.
    pub async fn entry(&self, run: &str) -> Result<Option<Entry>, BucketError> {
        let key = listing::entry(run);
        let Some(object) = self.bucket.get(&key, MAX_ENTRY).await? else {
            return Ok(None);
        };
        let address = self.bucket.url().of(&key);
        let known = Known {
            entry: Entry::read(&object.bytes, run, address)?,
            version: object.version,
        };
        self.keep(&known)?;
        Ok(Some(known.entry))
    }

    /// What the store says of each of its runs, the newest last. It is listed anew;
    /// entries that did not change are asked for once.
    ///
    /// # Errors
    /// The store does not answer, or refuses. An entry that is none is an error in
    /// its place.
    pub async fn entries(&self) -> Result<Vec<(String, Result<Entry, BucketError>)>, BucketError> {
        let listed = self.listed().await?.into_iter();
        let entries = listed.map(|(run, listed)| self.entry_of(run, listed));
        let entries: Vec<_> = stream::iter(entries.collect::<Vec<_>>())
            .buffered(AT_ONCE)
            .collect()
            .await;
        // One that went away after the listing was made is not there.
        Ok(entries.into_iter().flatten().collect())
    }

    async fn entry_of(
        &self,
        run: String,
        listed: Listed,
    ) -> Option<(String, Result<Entry, BucketError>)> {
        let known = self.known(&run);
        let known = known.filter(|known| known.version == listed.version);
        let entry = match known {
            Some(known) => Ok(known.entry),
            None => self.entry(&run).await.transpose()?,
        };
        Some((run, entry))
    }

    /// Fetches a run, as far as it is not here, and returns its folder; `None`
    /// where the store does not have it whole. What this machine has and the
    /// store has not stays as it is.
    ///
    /// # Errors
    /// The store does not answer, or a file is not what the entry says.
    pub async fn fetch(&self, run: &str, part: Part) -> Result<Option<PathBuf>, BucketError> {
        match self.entry(run).await? {
            Some(entry) => self.fetch_files(&entry, part).await.map(Some),
            None => Ok(None),
        }
    }

    /// Fetches every run of the store, as far as it is not here; the newest last.
    ///
    /// # Errors
    /// The store does not answer, or refuses. A run that cannot be fetched is an
    /// error in its place.
    pub async fn fetch_all(
        &self,
        part: Part,
    ) -> Result<Vec<(String, Result<PathBuf, BucketError>)>, BucketError> {
        let entries = self.entries().await?.into_iter();
        let fetched = entries.map(|(run, entry)| self.fetch_entry(run, entry, part));
        let fetched = stream::iter(fetched.collect::<Vec<_>>()).buffered(AT_ONCE);
        Ok(fetched.collect().await)
    }

    async fn fetch_entry(
        &self,
        run: String,
        entry: Result<Entry, BucketError>,
        part: Part,
    ) -> (String, Result<PathBuf, BucketError>) {
        let fetched = match entry {
            Ok(entry) => self.fetch_files(&entry, part).await,
            Err(error) => Err(error),
        };
        (run, fetched)
    }

    async fn fetch_files(&self, entry: &Entry, part: Part) -> Result<PathBuf, BucketError> {
        let dir = self.results.join(&entry.run);
        let (place, held_to) = (dir.clone(), entry.clone());
        let wanted = on_disk(move || wanted(&place, &held_to, part)).await?;
        match wanted {
            Wanted::Nothing => {}
            Wanted::Missing(files) => {
                self.download(entry, &files, &dir).await?;
            }
            Wanted::Anew => self.fetch_anew(entry, part, &dir).await?,
        }
        Ok(dir)
    }

    /// Fetches a run in place of what is there. It is there whole, before or after.
    async fn fetch_anew(&self, entry: &Entry, part: Part, dir: &Path) -> Result<(), BucketError> {
        self.make_results()?;
        for left in temporary::left_in(&self.results, UNFINISHED) {
            // Somebody else may be at it.
            let _ = temporary::remove(&left);
        }
        let made = temporary::Held::new(&self.results, UNFINISHED);
        let held = made.map_err(BucketError::local(&self.results))?;
        let fresh = held.path().join("run");
        fs::create_dir(&fresh).map_err(BucketError::local(&fresh))?;
        let files = entry.files.iter().filter(|file| part.has(file));
        let files: Vec<EntryFile> = files.cloned().collect();
        self.download(entry, &files, &fresh).await?;
        user::give_all(&fresh).map_err(BucketError::local(&fresh))?;
        // What was there goes with the folder that is held.
        let earlier = held.path().join("earlier");
        if dir.exists() {
            fs::rename(dir, &earlier).map_err(BucketError::local(dir))?;
        }
        match fs::rename(&fresh, dir) {
            // Another process has fetched it meanwhile.
            Err(_) if dir.join(RUN_FILE).is_file() => Ok(()),
            renamed => renamed.map_err(BucketError::local(dir)),
        }
    }

    /// Downloads files of a run into a folder, each whole or not at all.
    async fn download(
        &self,
        entry: &Entry,
        files: &[EntryFile],
        dir: &Path,
    ) -> Result<(), BucketError> {
        let traces = dir.join(store::TRACES_DIR);
        fs::create_dir_all(&traces).map_err(BucketError::local(&traces))?;
        let downloads = files
            .iter()
            .map(|file| self.download_file(entry, file, dir));
        // Collected, so that the whole may go to another thread.
        let downloads = stream::iter(downloads.collect::<Vec<_>>());
        downloads.buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn download_file(
        &self,
        entry: &Entry,
        file: &EntryFile,
        dir: &Path,
    ) -> Result<(), BucketError> {
        let key = listing::file(&entry.run, entry.resumed, &file.name);
        let place = dir.join(&file.name);
        let fresh = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(dir);
        let fresh = fresh.map_err(BucketError::local(dir))?.into_temp_path();
        let about = (file.bytes, file.sha256.as_str());
        if !self.bucket.download(&key, about, &fresh).await? {
            return Err(BucketError::Damaged {
                object: self.bucket.url().of(&key),
                problem: "it is not there, and the run's entry names it".to_owned(),
            });
        }
        let kept = fresh.persist(&place).map_err(|error| error.error);
        kept.and_then(|()| user::give(&place))
            .map_err(BucketError::local(&place))
    }
}

/// The runs of a listing, the newest last: their names begin with the time.
fn entries_of(listed: Vec<Listed>) -> Vec<(String, Listed)> {
    let runs = listed.into_iter().filter_map(|listed| {
        let run = listing::run_of_entry(&listed.key)?.to_owned();
        Some((run, listed))
    });
    let mut runs: Vec<(String, Listed)> = runs.collect();
    runs.sort_by(|(one, _), (other, _)| one.cmp(other));
    runs
}

/// What is to be fetched of a run.
enum Wanted {
    Nothing,
    Missing(Vec<EntryFile>),
    Anew,
}

fn wanted(dir: &Path, entry: &Entry, part: Part) -> Result<Wanted, BucketError> {
    Ok(match local::held(dir, entry)? {
        Held::Nothing => Wanted::Anew,
        Held::Whole => Wanted::Nothing,
        Held::Part => {
            let missing = entry.files.iter().filter(|file| part.has(file));
            let missing = missing.filter(|file| !dir.join(&file.name).is_file());
            Wanted::Missing(missing.cloned().collect())
        }
        // Of an earlier state of the run the store has all; of a later one not.
        Held::More if store::is_being_written(dir) != Some(true) => {
            match store::read_run(dir)?.run.resumed.len() < entry.resumed {
                true => Wanted::Anew,
                false => Wanted::Nothing,
            }
        }
        Held::More => Wanted::Nothing,
    })
}
