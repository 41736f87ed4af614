//! Taking up a run that was cut off: its files are held against others, then
//! mended and written on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::replace;
use super::read::{StoredRun, is_result, read_run};
use super::write::{LineFile, RunWriter};
use super::{EVENTS_FILE, SAMPLES_FILE, StoreError, csv, open};
use crate::model::{Event, Sample};

/// A stored run that nobody else can write as long as this is there.
#[derive(Debug)]
pub struct HeldRun {
    /// What is stored of it.
    pub stored: StoredRun,
    events: LineFile,
}

impl HeldRun {
    /// Takes hold of the run in a folder, and changes nothing in it.
    ///
    /// # Errors
    /// Somebody writes it, or it cannot be read.
    pub fn hold(dir: &Path) -> Result<Self, StoreError> {
        let events = LineFile::open(dir.join(EVENTS_FILE))?;
        events.lock()?;
        // Read when nobody can add to it any more.
        let stored = read_run(dir)?;
        Ok(Self { stored, events })
    }

    /// The samples that stay: all but interrupted ones, those that lost the
    /// builder, and what was skipped for that.
    pub fn finished(&self) -> Vec<Sample> {
        let samples = &self.stored.run.samples;
        samples
            .iter()
            .filter(|sample| is_result(samples, sample))
            .cloned()
            .collect()
    }

    /// Makes the files ready for what is to come: a last line that was cut off
    /// goes, and so do the rows of samples that do not stay in `samples.csv`. What
    /// is appended first must be [`Event::RunResumed`].
    ///
    /// # Errors
    /// They cannot be written.
    pub fn into_writer(mut self) -> Result<RunWriter, StoreError> {
        self.events.end_last_line()?;
        let StoredRun { dir, run } = self.stored;
        let (record, samples) = (run.record, run.samples);
        let path = dir.join(SAMPLES_FILE);
        let mut rows = csv::line(&csv::COLUMNS);
        let results = samples.iter().filter(|sample| is_result(&samples, sample));
        for sample in results.clone() {
            rows.push_str(&csv::line(&csv::row(&record.run, sample)));
        }
        replace(&path, &rows)?;
        Ok(RunWriter {
            run: record.run,
            events: self.events,
            samples: LineFile::open(path)?,
            finished: Some(results.map(|sample| sample.slot.id.clone()).collect()),
            dir,
        })
    }
}

impl LineFile {
    /// Opens a file that is there.
    fn open(path: PathBuf) -> Result<Self, StoreError> {
        let file = open::to_append(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::InvalidInput => StoreError::read(&path)(error),
            _ => StoreError::write(&path)(error),
        })?;
        let length = file.metadata().map_err(StoreError::read(&path))?.len();
        Ok(Self { path, file, length })
    }

    /// Ends a last line that has no end: one that holds an event gets it, and
    /// one that was cut off goes.
    fn end_last_line(&mut self) -> Result<(), StoreError> {
        let text = fs::read(&self.path).map_err(StoreError::read(&self.path))?;
        let end = text.iter().rposition(|byte| *byte == b'\n');
        let whole = end.map_or(0, |end| end + 1);
        let last = &text[whole..];
        if last.is_empty() {
            return Ok(());
        }
        if serde_json::from_slice::<Event>(last).is_ok() {
            return self.append("\n");
        }
        self.length = whole as u64;
        let cut = self.file.set_len(self.length);
        cut.map_err(StoreError::write(&self.path))
    }
}
