//! What the threads of a call hand to each other: packets in batches, and what
//! is to be read.

use tokio::sync::mpsc;
use tonic::Status;

use super::wire::Packet;

/// Packets that go out together, or the error that ends the call.
pub(super) type Batch = Result<Vec<Packet>, Status>;
pub(super) type BatchSender = mpsc::Sender<Batch>;

/// What to read for an entry.
#[derive(Debug)]
pub(super) struct Listed {
    /// Path of the file, from the root.
    pub path: Vec<u8>,
    /// Size when it was listed, bytes.
    pub size: u64,
    /// A socket: there is nothing to read.
    pub empty: bool,
}

/// Tells the receiver why there is no more, then ends the call. From a
/// blocking thread.
pub(super) fn give_up(out: &BatchSender, message: String) {
    let status = Status::unknown(message.clone());
    let _ = out.blocking_send(Ok(vec![Packet::error(message)]));
    let _ = out.blocking_send(Err(status));
}
