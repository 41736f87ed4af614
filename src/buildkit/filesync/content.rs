//! Reads the files that were asked for and sends their content.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError, TryLockError};

use rustix::fs::OFlags;

use super::batch::{BatchSender, Listed, give_up};
use super::wire::Packet;

/// Bytes of content in a packet, at most; gRPC refuses messages over 4 MiB.
const CHUNK: u64 = 256 * 1024;
/// A batch goes out when it has this many bytes.
const BATCH: u64 = 256 * 1024;

/// The end of the queue of requests at which they are put in.
#[derive(Debug)]
pub(super) struct Queue(Sender<(u32, Listed)>);

/// The end of the queue of requests at which the readers take them out.
#[derive(Debug)]
pub(super) struct Wanted(Mutex<Receiver<(u32, Listed)>>);

impl Queue {
    /// An empty queue. It has no bound, as the listing already has every
    /// entry that can be asked for, and as a receiver that waits for its
    /// requests to be taken may not be taking content.
    pub(super) fn new() -> (Self, Wanted) {
        let (tx, rx) = channel();
        (Self(tx), Wanted(Mutex::new(rx)))
    }

    /// Asks for a file.
    pub(super) fn push(&self, id: u32, file: Listed) {
        // Readers that gave up have told the receiver why.
        let _ = self.0.send((id, file));
    }
}

impl Wanted {
    /// The next request; `None` when there will be none.
    fn wait(&self) -> Option<(u32, Listed)> {
        let requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        requests.recv().ok()
    }

    /// The next request if there is one now.
    fn poll(&self) -> Option<(u32, Listed)> {
        let requests = match self.0.try_lock() {
            Ok(requests) => requests,
            Err(TryLockError::Poisoned(e)) => e.into_inner(),
            // Another reader waits at an empty queue.
            Err(TryLockError::WouldBlock) => return None,
        };
        requests.try_recv().ok()
    }
}

/// Sends the files that are asked for until there are no more requests. Small
/// files share a batch while more of them wait.
pub(super) fn read_files(root: &Path, wanted: &Wanted, out: &BatchSender) {
    let mut batch = Batch::new(out);
    while let Some((mut id, mut file)) = wanted.wait() {
        loop {
            match send(root, id, &file, &mut batch) {
                Ok(()) => {}
                Err(SendError::Closed) => return,
                Err(SendError::Read(e)) => {
                    let path = Path::new(OsStr::from_bytes(&file.path));
                    give_up(
                        out,
                        format!("cannot read {path:?} of the build context: {e}"),
                    );
                    return;
                }
            }
            match wanted.poll() {
                Some(next) => (id, file) = next,
                None => break,
            }
        }
        if batch.flush().is_err() {
            return;
        }
    }
}

enum SendError {
    Closed,
    Read(io::Error),
}

fn send(root: &Path, id: u32, file: &Listed, batch: &mut Batch<'_>) -> Result<(), SendError> {
    if !file.empty {
        let mut content = open(root, &file.path).map_err(SendError::Read)?;
        // A file may have grown or shrunk since it was listed: what is sent is
        // what it holds now, and its end is where it ends now.
        let mut expected = file.size;
        loop {
            let mut chunk = Vec::with_capacity(usize::try_from(expected.min(CHUNK)).unwrap_or(0));
            let read = (&mut content)
                .take(CHUNK)
                .read_to_end(&mut chunk)
                .map_err(SendError::Read)? as u64;
            if read > 0 {
                batch.push(Packet::data(id, chunk))?;
            }
            if read < CHUNK {
                break;
            }
            expected = expected.saturating_sub(read);
        }
    }
    batch.push(Packet::data(id, Vec::new()))
}

/// Opens a file that was listed as one. What has taken its place since is not
/// followed (a symlink) nor waited for (a FIFO).
fn open(root: &Path, path: &[u8]) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(root.join(OsStr::from_bytes(path)))?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is no longer a file"))
    }
}

struct Batch<'a> {
    out: &'a BatchSender,
    packets: Vec<Packet>,
    bytes: u64,
}

impl<'a> Batch<'a> {
    fn new(out: &'a BatchSender) -> Self {
        Self {
            out,
            packets: Vec::new(),
            bytes: 0,
        }
    }

    fn push(&mut self, packet: Packet) -> Result<(), SendError> {
        // Empty packets count too, or no number of empty files fills a batch.
        self.bytes += packet.data.len() as u64 + 64;
        self.packets.push(packet);
        if self.bytes >= BATCH {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SendError> {
        self.bytes = 0;
        let packets = std::mem::take(&mut self.packets);
        if packets.is_empty() {
            return Ok(());
        }
        self.out
            .blocking_send(Ok(packets))
            .map_err(|_| SendError::Closed)
    }
}
