//! Recording a sample's status stream: compressed rawjson, readable up to the
//! last flush whatever happens after it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::StoreError;
use super::file::create_anew;
use crate::trace::{SolveStatus, rawjson};

/// Bytes of JSON after which the compressor is flushed, so that a crash costs
/// little of the recording.
const FLUSH_EVERY: u64 = 256 * 1024;
/// Bytes of JSON after which output of steps is left out. BuildKit itself
/// stops at 2 MiB a step; a broken one must not fill the disk.
const MAX_WITH_LOGS: u64 = 256 * 1024 * 1024;

/// Writes `traces/<sample>.rawjson.gz`.
#[derive(Debug)]
pub struct TraceWriter {
    path: PathBuf,
    output: GzEncoder<BufWriter<File>>,
    written: u64,
    flushed_at: u64,
}

impl TraceWriter {
    pub(super) fn create(path: PathBuf) -> Result<Self, StoreError> {
        let file = File::create_new(&path).map_err(StoreError::write(&path))?;
        Ok(Self::on(path, file))
    }

    /// The same, in place of one of a build that did not end.
    pub(super) fn replace(path: PathBuf) -> Result<Self, StoreError> {
        let file = create_anew(&path).map_err(StoreError::write(&path))?;
        Ok(Self::on(path, file))
    }

    fn on(path: PathBuf, file: File) -> Self {
        Self {
            path,
            output: GzEncoder::new(BufWriter::new(file), Compression::fast()),
            written: 0,
            flushed_at: 0,
        }
    }

    /// A trace on a file of the test's.
    #[cfg(test)]
    pub(super) fn create_on(file: File) -> Self {
        Self::on(PathBuf::from("test"), file)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an update.
    pub fn write(&mut self, status: &SolveStatus) -> Result<(), StoreError> {
        let mut line = Vec::new();
        let written = if self.written > MAX_WITH_LOGS && !status.logs.is_empty() {
            let without_logs = SolveStatus {
                logs: Vec::new(),
                ..status.clone()
            };
            rawjson::write(&without_logs, &mut line)
        } else {
            rawjson::write(status, &mut line)
        };
        written
            .and_then(|()| self.output.write_all(&line))
            .map_err(StoreError::write(&self.path))?;
        self.written += line.len() as u64;
        if self.written - self.flushed_at >= FLUSH_EVERY {
            self.flush()?;
        }
        Ok(())
    }

    /// Brings everything so far to the file.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.flushed_at = self.written;
        self.output.flush().map_err(StoreError::write(&self.path))
    }

    /// Ends the recording. One that is dropped instead ends too, but nobody
    /// learns whether the disk took it.
    pub fn finish(self) -> Result<(), StoreError> {
        let Self { path, output, .. } = self;
        output
            .finish()
            .and_then(|mut file| file.flush())
            .map_err(StoreError::write(&path))
    }
}
