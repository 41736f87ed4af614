//! The exchange: the listing goes out, requests for content come in, content
//! goes out beside the listing, and both sides say when they are done.
//!
//! One blocking thread lists, a few read files; all of them hand over packets
//! in batches, since a channel and a wake-up for each of some 30,000 packets
//! would cost more than reading the files.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::vec::IntoIter;

use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::batch::{Batch, BatchSender, Listed, give_up};
use super::content::{Queue, read_files};
use super::filter::Filter;
use super::follow::follow_links;
use super::options::Options;
use super::walk::{WalkError, walk};
use super::wire::{Packet, PacketType, mode};

/// Batches that may wait for the connection.
const WAITING_BATCHES: usize = 16;
/// Entries of the listing in a batch.
const LISTING_BATCH: usize = 128;
/// Files read at a time, as many as buildx reads.
const READERS: usize = 4;

/// The packets of one call, in the order they are sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    batches: mpsc::Receiver<Batch>,
    batch: IntoIter<Packet>,
    sent: Arc<AtomicU64>,
}

impl Stream for Outgoing {
    type Item = Result<Packet, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(packet) = self.batch.next() {
                self.sent
                    .fetch_add(packet.encoded_len() as u64, Ordering::Relaxed);
                return Poll::Ready(Some(Ok(packet)));
            }
            match ready!(self.batches.poll_recv(cx)) {
                Some(Ok(batch)) => self.batch = batch.into_iter(),
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None => return Poll::Ready(None),
            }
        }
    }
}

/// Starts to send what `options` select of `root`.
pub(super) fn start(
    root: PathBuf,
    options: Options,
    requests: Streaming<Packet>,
    sent: Arc<AtomicU64>,
    mark: Option<u32>,
) -> Outgoing {
    let (out, batches) = mpsc::channel(WAITING_BATCHES);
    let files = Arc::new(Files::default());
    let (queue, wanted) = Queue::new();
    let wanted = Arc::new(wanted);
    let root: Arc<Path> = root.into();
    for _ in 0..READERS {
        let (wanted, root, out) = (Arc::clone(&wanted), Arc::clone(&root), out.clone());
        tokio::task::spawn_blocking(move || read_files(&root, &wanted, &out));
    }
    {
        let (files, out) = (Arc::clone(&files), out.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(message) = list(&root, &options, mark, &files, &out) {
                give_up(&out, message);
            }
        });
    }
    tokio::spawn(async move {
        // Dropping the queue lets the readers end.
        if let Err(status) = answer(requests, &files, &queue, &out).await {
            let _ = out.send(Err(status)).await;
        }
    });
    Outgoing {
        batches,
        batch: Vec::new().into_iter(),
        sent,
    }
}

/// Entries of the listing whose content may be asked for, once each.
#[derive(Debug, Default)]
struct Files(Mutex<Vec<Option<Listed>>>);

impl Files {
    fn add(&self, entries: &mut Vec<Option<Listed>>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.append(entries);
    }

    fn take(&self, id: u32) -> Option<Listed> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get_mut(usize::try_from(id).ok()?)?.take()
    }
}

/// Sends the listing. The error is the text for the receiver.
fn list(
    root: &Path,
    options: &Options,
    mark: Option<u32>,
    files: &Files,
    out: &BatchSender,
) -> Result<(), String> {
    let followed = if options.follow.is_empty() {
        None
    } else {
        follow_links(root, &options.follow).map_err(|e| e.to_string())?
    };
    let filter = Filter::new(options, followed).map_err(|e| e.to_string())?;
    let mut entries = Vec::with_capacity(LISTING_BATCH);
    let mut batch = Vec::with_capacity(LISTING_BATCH);
    // What may be asked for is known before the receiver can ask.
    let flush = |entries: &mut Vec<Option<Listed>>, batch: &mut Vec<Packet>| {
        files.add(entries);
        let full = std::mem::replace(batch, Vec::with_capacity(LISTING_BATCH));
        out.blocking_send(Ok(full)).map_err(|_| WalkError::Closed)
    };
    let walked = walk(root, &filter, &mut |listed| {
        let mut stat = listed.stat;
        if let Some(mark) = mark.filter(|_| stat.mode & mode::DEVICE == 0) {
            stat.devmajor = mark.into();
        }
        entries.push((stat.mode & mode::TYPE == 0).then(|| Listed {
            path: stat.path.clone(),
            size: u64::try_from(stat.size).unwrap_or(0),
            empty: listed.socket,
        }));
        batch.push(Packet::stat(stat));
        if batch.len() == LISTING_BATCH {
            flush(&mut entries, &mut batch)?;
        }
        Ok(())
    });
    let ended = walked.and_then(|()| {
        batch.push(Packet::end_of_listing());
        flush(&mut entries, &mut batch)
    });
    match ended {
        Ok(()) | Err(WalkError::Closed) => Ok(()),
        Err(e) => Err(e.to_string()),
    }
}

/// Queues what the receiver asks for until it has all.
async fn answer(
    mut requests: Streaming<Packet>,
    files: &Files,
    queue: &Queue,
    out: &BatchSender,
) -> Result<(), Status> {
    loop {
        let packet = tokio::select! {
            packet = requests.message() => packet?,
            // Another thread gave up, or the connection is gone.
            () = out.closed() => return Ok(()),
        };
        let Some(packet) = packet else {
            return Err(Status::cancelled("the receiver ended the call early"));
        };
        match PacketType::try_from(packet.kind) {
            Ok(PacketType::Req) => {
                let Some(file) = files.take(packet.id) else {
                    return Err(Status::invalid_argument(format!(
                        "invalid file id {}",
                        packet.id
                    )));
                };
                queue.push(packet.id, file);
            }
            Ok(PacketType::Fin) => {
                let _ = out.send(Ok(vec![Packet::fin()])).await;
                return Ok(());
            }
            Ok(PacketType::Err) => {
                return Err(Status::aborted(format!(
                    "error from receiver: {}",
                    String::from_utf8_lossy(&packet.data)
                )));
            }
            // fsutil's sender passes over the rest as well.
            Ok(PacketType::Stat | PacketType::Data) | Err(_) => {}
        }
    }
}
