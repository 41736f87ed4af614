//! The session's connection: a stream of bytes made of the messages of
//! `Control.Session`. BuildKit is the client on it and we are the server.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, future};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, SimplexStream, WriteHalf};
use tokio_util::io::ReaderStream;
use tonic::codec::Streaming;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::buildkit::control::Control;
use crate::buildkit::error::message_of;
use crate::buildkit::wire::BytesMessage;

/// Bytes of one message, at most.
const MESSAGE: usize = 128 << 10;
/// Bytes that wait to be sent; more wait for BuildKit to take these.
const WAITING: usize = 512 << 10;

/// The server's end of the session's connection.
pub(super) struct Tunnel {
    incoming: Incoming,
    /// What was received and not yet read.
    left: Bytes,
    outgoing: WriteHalf<SimplexStream>,
}

enum Incoming {
    /// BuildKit answers the call only when it has something to say.
    Opening(BoxFuture<'static, Result<Streaming<BytesMessage>, Status>>),
    Open(Box<Streaming<BytesMessage>>),
    Ended,
}

impl Tunnel {
    pub(super) fn open(mut control: Control, metadata: MetadataMap) -> Self {
        let (waiting, outgoing) = tokio::io::simplex(WAITING);
        // What has gathered while BuildKit took the message before makes one
        // message: HTTP/2 writes frame by frame, and a message each would cost
        // BuildKit more than the content does.
        let messages = ReaderStream::with_capacity(waiting, MESSAGE)
            .filter_map(|data| future::ready(data.ok()))
            .map(|data| BytesMessage { data });
        let opening = async move { control.session(metadata, messages).await };
        Self {
            incoming: Incoming::Opening(opening.boxed()),
            left: Bytes::new(),
            outgoing,
        }
    }

    /// The next piece; `None` at the end.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            match &mut self.incoming {
                Incoming::Opening(opening) => match ready!(opening.poll_unpin(cx)) {
                    Ok(stream) => self.incoming = Incoming::Open(Box::new(stream)),
                    Err(status) => {
                        self.incoming = Incoming::Ended;
                        return Poll::Ready(Err(broken(&status)));
                    }
                },
                Incoming::Open(stream) => match ready!(stream.poll_next_unpin(cx)) {
                    Some(Ok(message)) if message.data.is_empty() => {}
                    Some(Ok(message)) => return Poll::Ready(Ok(Some(message.data))),
                    Some(Err(status)) => {
                        self.incoming = Incoming::Ended;
                        // So does BuildKit end a session.
                        if status.code() == Code::Cancelled {
                            return Poll::Ready(Ok(None));
                        }
                        return Poll::Ready(Err(broken(&status)));
                    }
                    None => {
                        self.incoming = Incoming::Ended;
                        return Poll::Ready(Ok(None));
                    }
                },
                Incoming::Ended => return Poll::Ready(Ok(None)),
            }
        }
    }
}

fn broken(status: &Status) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, message_of(status))
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left.is_empty() {
            match ready!(self.poll_incoming(cx))? {
                Some(data) => self.left = data,
                None => return Poll::Ready(Ok(())),
            }
        }
        let taken = self.left.len().min(buf.remaining());
        buf.put_slice(&self.left[..taken]);
        self.left.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.outgoing).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.outgoing).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.outgoing.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The other end takes what is there on its own.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.outgoing).poll_shutdown(cx)
    }
}
