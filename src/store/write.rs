//! Writing a run: its folder appears whole or not at all, and every event is
//! in the file before the next build starts.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::trace::TraceWriter;
use super::{EVENTS_FILE, RUN_FILE, SAMPLES_FILE, StoreError, TRACES_DIR, csv, validate};
use crate::model::{Event, RunRecord};
use crate::secrets::without_credentials;
use crate::temporary;

/// What names of run folders in the making end in; they begin with a dot.
const UNFINISHED: &str = ".new";

/// Writes the files of one run.
#[derive(Debug)]
pub struct RunWriter {
    pub(super) dir: PathBuf,
    pub(super) run: String,
    pub(super) events: LineFile,
    pub(super) samples: LineFile,
    /// Of a run that goes on, the samples whose traces stay; those of others
    /// may be there by half.
    pub(super) finished: Option<BTreeSet<String>>,
}

impl RunWriter {
    /// Makes `<results_root>/<run>/` with `run.json` and empty files for what
    /// is to come.
    ///
    /// The folder is made under a hidden name beside its place and renamed
    /// when it is complete, so that one that cannot be written leaves nothing
    /// behind; folders above it that had to be made go with it.
    pub fn create(results_root: &Path, record: &RunRecord) -> Result<Self, StoreError> {
        validate::slots(record).map_err(StoreError::Unfit)?;
        let dir = results_root.join(&record.run);
        if dir.symlink_metadata().is_ok() {
            return Err(StoreError::Exists(dir));
        }
        let made = make_dirs(results_root)?;
        let hidden = results_root.join(format!(".{}{UNFINISHED}", record.run));
        let writer = match fs::create_dir(&hidden) {
            Ok(()) => Self::fill(&hidden, &dir, record).inspect_err(|_| {
                // The error that led here is the one to tell.
                let _ = fs::remove_dir_all(&hidden);
            }),
            Err(source) => Err(StoreError::write(&dir)(source)),
        };
        writer.inspect_err(|_| {
            for folder in made.iter().rev() {
                let _ = fs::remove_dir(folder);
            }
        })
    }

    fn fill(hidden: &Path, dir: &Path, record: &RunRecord) -> Result<Self, StoreError> {
        // Errors name the place that the user knows, not the hidden one.
        let at = |name: &str| StoreError::write(&dir.join(name));
        // Held from the first moment, so that nobody takes the folder for one
        // that a dead run left.
        let events = LineFile::create(hidden, dir, EVENTS_FILE)?;
        events.lock()?;
        let json = serde_json::to_string_pretty(record)
            .map_err(io::Error::from)
            .map_err(at(RUN_FILE))?;
        let json = format!("{}\n", without_credentials(&json));
        File::create_new(hidden.join(RUN_FILE))
            .and_then(|mut file| {
                file.write_all(json.as_bytes())?;
                file.sync_all()
            })
            .map_err(at(RUN_FILE))?;
        fs::create_dir(hidden.join(TRACES_DIR)).map_err(at(TRACES_DIR))?;
        let mut samples = LineFile::create(hidden, dir, SAMPLES_FILE)?;
        samples.append(&csv::line(&csv::COLUMNS))?;
        samples.sync()?;
        fs::rename(hidden, dir).map_err(StoreError::write(dir))?;
        Ok(Self {
            dir: dir.to_owned(),
            run: record.run.clone(),
            events,
            samples,
            finished: None,
        })
    }

    /// The run's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether results are still where they were.
    ///
    /// # Errors
    /// Somebody removed or moved them; what is written would be lost.
    pub fn is_there(&self) -> Result<(), StoreError> {
        match self.events.is_there() {
            true => Ok(()),
            false => Err(StoreError::Gone(self.dir.clone())),
        }
    }

    /// Adds an event, and to `samples.csv` the row of a finished sample. A
    /// finished sample and the end of the run are on the disk, not only with
    /// the kernel, when this returns.
    ///
    /// After an error the files are as they were before, so that what was
    /// measured stays readable.
    pub fn append(&mut self, event: &Event) -> Result<(), StoreError> {
        self.is_there()?;
        let line = serde_json::to_string(event)
            .map_err(io::Error::from)
            .map_err(StoreError::write(&self.events.path))?;
        let line = format!("{}\n", without_credentials(&line));
        self.events.append(&line)?;
        match event {
            Event::SampleFinished { sample, .. } => {
                self.events.sync()?;
                self.samples
                    .append(&csv::line(&csv::row(&self.run, sample)))
            }
            // Which builds are of before, and which of after it, must be
            // certain whatever happens next.
            Event::RunResumed { .. } => self.events.sync(),
            Event::RunFinished { .. } => {
                self.events.sync()?;
                self.samples.sync()
            }
            _ => Ok(()),
        }
    }

    /// Begins the recording of a sample's status stream.
    pub fn trace_writer(&self, sample: &str) -> Result<TraceWriter, StoreError> {
        validate::name(sample)?;
        self.is_there()?;
        let name = format!("{sample}.rawjson.gz");
        let path = self.dir.join(TRACES_DIR).join(name);
        match &self.finished {
            Some(finished) if !finished.contains(sample) => TraceWriter::replace(path),
            _ => TraceWriter::create(path),
        }
    }
}

/// A file that grows by whole lines.
#[derive(Debug)]
pub(super) struct LineFile {
    /// Where it is once the folder has its name.
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) length: u64,
}

impl Drop for LineFile {
    fn drop(&mut self) {
        // Closing would not do: a program that is being started holds the file, too, until it runs.
        let _ = self.file.unlock();
    }
}

impl LineFile {
    fn create(hidden: &Path, dir: &Path, name: &str) -> Result<Self, StoreError> {
        let path = dir.join(name);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(hidden.join(name))
            .map_err(StoreError::write(&path))?;
        Ok(Self {
            path,
            file,
            length: 0,
        })
    }

    /// Whether the open file is the one that is there now.
    fn is_there(&self) -> bool {
        let id = |found: fs::Metadata| (found.dev(), found.ino());
        let there = fs::symlink_metadata(&self.path).map(id);
        let open = self.file.metadata().map(id);
        matches!((there, open), (Ok(there), Ok(open)) if there == open)
    }

    /// Keeps other processes from writing the same run, until the file is
    /// closed. A file system without locks is taken as it is.
    pub(super) fn lock(&self) -> Result<(), StoreError> {
        match self.file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let dir = self.path.parent().unwrap_or(&self.path);
                Err(StoreError::Busy(dir.to_owned()))
            }
            Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
        }
    }

    /// Adds a line in one write; takes back what a full disk let through of it.
    pub(super) fn append(&mut self, line: &str) -> Result<(), StoreError> {
        if let Err(source) = self.file.write_all(line.as_bytes()) {
            let _ = self.file.set_len(self.length);
            return Err(StoreError::write(&self.path)(source));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(StoreError::write(&self.path))
    }
}

/// Makes a folder and those above it; returns what it made, outermost first.
fn make_dirs(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    let mut made: Vec<PathBuf> = Vec::new();
    for folder in missing.into_iter().rev() {
        match fs::create_dir(folder) {
            Ok(()) => made.push(folder.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            Err(source) => {
                for folder in made.iter().rev() {
                    let _ = fs::remove_dir(folder);
                }
                return Err(StoreError::write(folder)(source));
            }
        }
    }
    Ok(made)
}

/// Folders of runs that were being made when their processes were killed.
pub fn unfinished(results: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(results).into_iter().flatten().flatten();
    let mut left: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let run = name
                .strip_prefix('.')
                .and_then(|name| name.strip_suffix(UNFINISHED));
            run.is_some_and(|run| validate::name(run).is_ok())
        })
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .filter(|path| temporary::is_in_use(path, EVENTS_FILE) == Some(false))
        .collect();
    left.sort();
    left
}

/// Whether a process writes the run in a folder; `None` where it cannot be
/// told.
pub fn is_being_written(dir: &Path) -> Option<bool> {
    temporary::is_in_use(dir, EVENTS_FILE)
}
