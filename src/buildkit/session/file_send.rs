//! Receives what an exporter sends back: the archive of an image, or of files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bollard_buildkit_proto::moby::filesync::v1::BytesMessage;
use bollard_buildkit_proto::moby::filesync::v1::file_send_server::FileSend;
use tempfile::{NamedTempFile, TempPath};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Response, Status, Streaming, async_trait};

use crate::buildkit::request::{Loader, Received};

/// Bytes gathered before they are written.
const BUFFER: usize = 256 << 10;
/// Messages that wait for a store.
const PIECES: usize = 4;

/// What is received of a build.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    sink: Sink,
    received: Arc<Mutex<Option<Received>>>,
}

#[derive(Debug, Clone)]
enum Sink {
    File(PendingFile),
    Store(Loader),
}

/// A file that appears at its place only when the build that made it has
/// succeeded.
#[derive(Debug, Clone)]
struct PendingFile {
    destination: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
enum State {
    Waiting(NamedTempFile),
    Receiving,
    Received(TempPath),
    Done,
}

impl Archive {
    /// One that goes into a file at `destination`.
    ///
    /// # Errors
    /// Those of [`PendingFile::create`].
    pub(crate) fn file(destination: &Path) -> io::Result<Self> {
        Ok(Self::into(Sink::File(PendingFile::create(destination)?)))
    }

    /// One that goes into an image store.
    pub(crate) fn store(loader: &Loader) -> Self {
        Self::into(Sink::Store(loader.clone()))
    }

    fn into(sink: Sink) -> Self {
        Self {
            sink,
            received: Arc::default(),
        }
    }

    /// What was received so far.
    pub(crate) fn received(&self) -> Option<Received> {
        *self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what was received to its place.
    pub(crate) fn persist(&self) -> io::Result<()> {
        match &self.sink {
            Sink::File(file) => file.persist(),
            Sink::Store(_) => match self.received() {
                Some(_) => Ok(()),
                None => Err(nothing_sent()),
            },
        }
    }

    async fn receive(&self, stream: Streaming<BytesMessage>) -> Result<(), Status> {
        let received = match &self.sink {
            Sink::File(file) => file.receive(stream).await?,
            Sink::Store(loader) => load(loader.clone(), stream).await?,
        };
        *self.received.lock().unwrap_or_else(PoisonError::into_inner) = Some(received);
        Ok(())
    }
}

fn nothing_sent() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "BuildKit sent no archive")
}

/// Loads what is received. The exporter waits for the end of it, as it does with buildx.
async fn load(loader: Loader, mut stream: Streaming<BytesMessage>) -> Result<Received, Status> {
    let (pieces, archive) = mpsc::channel(PIECES);
    let loading = tokio::spawn(async move { loader.0.load(archive).await });
    let loading = AbortOnDropHandle::new(loading);
    let mut bytes = 0;
    while let Some(message) = stream.message().await? {
        bytes += message.data.len() as u64;
        // Whoever takes no more says why.
        if pieces.send(message.data.into()).await.is_err() {
            break;
        }
    }
    drop(pieces);
    let last = Instant::now();
    match loading.await {
        Ok(Ok(())) => Ok(Received {
            bytes,
            loading: Some(last.elapsed()),
        }),
        Ok(Err(message)) => Err(Status::internal(message)),
        Err(error) => Err(Status::internal(error.to_string())),
    }
}

impl PendingFile {
    /// Makes a temporary file beside `destination`, so that a folder that
    /// cannot be written is found before the build.
    fn create(destination: &Path) -> io::Result<Self> {
        let folder = match destination.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".buildrace-").suffix(".tar");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Less the umask, as of any new file.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        Ok(Self {
            destination: destination.to_owned(),
            state: Arc::new(Mutex::new(State::Waiting(builder.tempfile_in(folder)?))),
        })
    }

    /// Moves what was received to its place.
    fn persist(&self) -> io::Result<()> {
        match self.replace(State::Done) {
            State::Received(file) => file.persist(&self.destination).map_err(|error| error.error),
            _ => Err(nothing_sent()),
        }
    }

    fn replace(&self, state: State) -> State {
        let mut current = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, state)
    }

    async fn receive(&self, mut stream: Streaming<BytesMessage>) -> Result<Received, Status> {
        let (file, path) = match self.replace(State::Receiving) {
            State::Waiting(file) => file.into_parts(),
            other => {
                self.replace(other);
                return Err(Status::already_exists("the archive was sent already"));
            }
        };
        let cannot_write = |error: io::Error| {
            Status::internal(format!(
                "cannot write {}: {error}",
                self.destination.display()
            ))
        };
        let mut file = BufWriter::with_capacity(BUFFER, File::from_std(file));
        let mut bytes = 0;
        while let Some(message) = stream.message().await? {
            bytes += message.data.len() as u64;
            file.write_all(&message.data).await.map_err(cannot_write)?;
        }
        file.flush().await.map_err(cannot_write)?;
        self.replace(State::Received(path));
        Ok(Received {
            bytes,
            loading: None,
        })
    }
}

#[async_trait]
impl FileSend for Archive {
    type DiffCopyStream = tokio_stream::Empty<Result<BytesMessage, Status>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        self.receive(request.into_inner()).await?;
        Ok(Response::new(tokio_stream::empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_appears_where_nothing_was_received() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("image.tar");
        let archive = Archive::file(&destination).unwrap();
        assert!(archive.persist().is_err());
        drop(archive);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_found_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let error = Archive::file(&folder.path().join("none/image.tar")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
