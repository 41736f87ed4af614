//! A builder that builds nothing: it plays recorded status streams back, so
//! that races and reports are tested without an engine.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use flate2::read::MultiGzDecoder;
use tokio_util::sync::CancellationToken;

use super::{Builder, BuilderError, Cleanup, StatusSink};
use crate::buildkit::{
    BuildEnd, BuildError, BuildReply, BuildRequest, BuildWindow, CacheRecord, Worker,
};
use crate::trace::{SolveStatus, Trace, rawjson};

/// Why recordings cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A folder or file could not be read.
    #[error("cannot read the recording {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// A file is no recording.
    #[error("{}: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rawjson::RawJsonError,
    },
}

/// Plays recordings back.
///
/// A build plays the recording whose name its reference ends with: the
/// reference `buildrace-20261123T204500Z-3f9a1c-r1-03-hello-cross-cold` plays
/// `r1-03-hello-cross-cold`, and failing that `cold` or `hello-cross-cold`,
/// the longest name that fits, at a `-`, `/` or `:`.
#[derive(Debug, Clone, Default)]
pub struct ReplayBuilder {
    recordings: BTreeMap<String, Vec<SolveStatus>>,
    workers: Vec<Worker>,
}

impl ReplayBuilder {
    /// Plays recordings given by name.
    pub fn new(recordings: BTreeMap<String, Vec<SolveStatus>>) -> Self {
        Self {
            recordings,
            workers: Vec::new(),
        }
    }

    /// Plays the recordings of a folder: `<name>.rawjson`, `<name>.json` or
    /// either with `.gz`, of this program or of buildx.
    pub fn from_dir(dir: &Path) -> Result<Self, ReplayError> {
        let failed = |source| ReplayError::Read {
            path: dir.to_owned(),
            source,
        };
        let mut recordings = BTreeMap::new();
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let Some(file) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let plain = file.strip_suffix(".gz").unwrap_or(file);
            let Some(name) = [".rawjson", ".json"]
                .iter()
                .find_map(|suffix| plain.strip_suffix(suffix))
            else {
                continue;
            };
            recordings.insert(name.to_owned(), read(&path, file.ends_with(".gz"))?);
        }
        Ok(Self::new(recordings))
    }

    /// Says that the builder has these workers.
    #[must_use]
    pub fn with_workers(mut self, workers: Vec<Worker>) -> Self {
        self.workers = workers;
        self
    }

    fn find(&self, reference: &str) -> Option<&Vec<SolveStatus>> {
        let fits = |name: &str| {
            reference
                .strip_suffix(name)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with(['-', '/', ':']))
        };
        self.recordings
            .iter()
            .filter(|(name, _)| fits(name))
            .max_by_key(|(name, _)| name.len())
            .map(|(_, recording)| recording)
    }
}

fn read(path: &Path, compressed: bool) -> Result<Vec<SolveStatus>, ReplayError> {
    let file = File::open(path).map_err(|source| ReplayError::Read {
        path: path.to_owned(),
        source,
    })?;
    let input: Box<dyn Read> = if compressed {
        Box::new(MultiGzDecoder::new(BufReader::new(file)))
    } else {
        Box::new(file)
    };
    rawjson::Reader::new(input)
        .collect::<Result<_, _>>()
        .map_err(|source| ReplayError::Malformed {
            path: path.to_owned(),
            source,
        })
}

#[async_trait]
impl Builder for ReplayBuilder {
    /// Sends the recorded updates at once. The time told is the recorded span
    /// on BuildKit's clock, and the end that of the recording: failed where a
    /// step failed, else built.
    async fn build(
        &self,
        request: &BuildRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd {
        let Some(recording) = self.find(&request.reference) else {
            return BuildEnd::before(BuildError::Setup {
                message: format!("no recording fits the build {}", request.reference),
            });
        };
        let mut trace = Trace::new();
        let mut result = Ok(BuildReply::default());
        for status in recording {
            if cancel.is_cancelled() {
                result = Err(BuildError::Cancelled);
                break;
            }
            trace.push(status);
            // Nobody listening is no reason to stop building.
            let _ = sink.send(status.clone());
        }
        let wall = trace.server_span().unwrap_or_default();
        if result.is_ok() {
            if let Some(failure) = trace.failure() {
                result = Err(BuildError::Failed {
                    message: failure.message,
                });
            } else if let Some(limit) = request.timeout.filter(|limit| *limit < wall) {
                result = Err(BuildError::TimedOut(limit));
            }
        }
        BuildEnd {
            wall,
            context_bytes: 0,
            layout_bytes: 0,
            received: None,
            result,
        }
    }

    /// It has no cache.
    fn cleanup(&self) -> Cleanup {
        Cleanup::Leave
    }

    async fn cache_records(&self) -> Result<Vec<CacheRecord>, BuilderError> {
        Ok(Vec::new())
    }

    async fn prune(&self, _ids: &[String]) -> Result<Vec<String>, BuilderError> {
        Ok(Vec::new())
    }

    async fn workers(&self) -> Result<Vec<Worker>, BuilderError> {
        Ok(self.workers.clone())
    }

    async fn history(&self) -> Result<Vec<BuildWindow>, BuilderError> {
        Ok(Vec::new())
    }

    async fn forget(&self, _references: &[String]) -> Result<(), BuilderError> {
        Ok(())
    }
}
