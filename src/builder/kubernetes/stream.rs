//! Kubernetes' exec as a stream of bytes. Each message of its WebSocket begins
//! with the number of a channel: stdin 0, stdout 1, stderr 2, and 3 for how the
//! command ended; in `v5.channel.k8s.io` 255 closes the channel that it names.
//!
//! Source: `k8s.io/apimachinery/pkg/util/remotecommand` and `…/httpstream/wsstream`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::{Sink, Stream};
use kube::core::Status;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use crate::escape::one_line;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const CLOSE: u8 = 255;

/// Bytes of one message.
const PIECE: usize = 64 << 10;
/// Bytes kept of what the command says on stderr.
const STDERR_LIMIT: usize = 2 << 10;

/// Says why the stream has ended, given what was said on it.
pub(super) type Explain = Box<dyn FnOnce(String) -> BoxFuture<'static, String> + Send>;

/// Input and output of a command in a container.
pub(super) struct ExecStream<S> {
    socket: WebSocketStream<S>,
    /// Whether single channels can be closed.
    closes_channels: bool,
    unread: Bytes,
    stderr: Vec<u8>,
    end: End,
}

enum End {
    /// It goes on.
    Open(Explain),
    /// Nothing can be written, for this reason; what was sent before may still
    /// tell more.
    Broken(String, Explain),
    /// We have closed it.
    Closed,
    /// It has ended, and why is being found out.
    Explaining(BoxFuture<'static, String>),
    /// Why it has ended.
    Explained(String),
}

/// What a message holds.
enum Piece {
    Output(Bytes),
    Nothing,
    Ended(String),
}

impl<S> ExecStream<S> {
    pub(super) fn new(socket: WebSocketStream<S>, closes_channels: bool, explain: Explain) -> Self {
        Self {
            socket,
            closes_channels,
            unread: Bytes::new(),
            stderr: Vec::new(),
            end: End::Open(explain),
        }
    }

    fn take(&mut self, message: Option<Result<Message, SocketError>>) -> Piece {
        let mut data = match message {
            Some(Ok(Message::Binary(data))) => data,
            Some(Ok(_)) => return Piece::Nothing,
            Some(Err(error)) => return Piece::Ended(error.to_string()),
            None => return Piece::Ended("the API server closed it".to_owned()),
        };
        if data.is_empty() {
            return Piece::Nothing;
        }
        match data.get_u8() {
            STDOUT if !data.is_empty() => Piece::Output(data),
            STDERR => {
                let room = STDERR_LIMIT - self.stderr.len();
                self.stderr.extend(data.iter().take(room));
                Piece::Nothing
            }
            STATUS if !data.is_empty() => Piece::Ended(match serde_json::from_slice(&data) {
                Ok(status) => outcome(&status),
                Err(_) => String::from_utf8_lossy(&data).into_owned(),
            }),
            _ => Piece::Nothing,
        }
    }

    /// What is known of the end: what the command said, and what is said of it.
    fn said(&self, outcome: String) -> String {
        match one_line(&String::from_utf8_lossy(&self.stderr)) {
            stderr if stderr.is_empty() => outcome,
            stderr => format!("{outcome}: {stderr}"),
        }
    }

    /// Begins to find out why it has ended.
    fn conclude(&mut self, outcome: String) {
        self.end = match std::mem::replace(&mut self.end, End::Closed) {
            End::Open(explain) => End::Explaining(explain(self.said(outcome))),
            // What it said before tells more than that it broke.
            End::Broken(broken, explain) => {
                let outcome = match self.stderr.is_empty() {
                    true => broken,
                    false => outcome,
                };
                End::Explaining(explain(self.said(outcome)))
            }
            end => end,
        };
    }

    fn breaks(&mut self, error: &SocketError) {
        self.end = match std::mem::replace(&mut self.end, End::Closed) {
            End::Open(explain) => End::Broken(error.to_string(), explain),
            end => end,
        };
    }
}

/// How the command ended, in words.
fn outcome(status: &Status) -> String {
    let message = status.message.as_str();
    match (message, status.is_success()) {
        ("", true) => "the command has ended".to_owned(),
        ("", false) => "the command has failed".to_owned(),
        (message, _) => message.to_owned(),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ExecStream<S> {
    /// Reads on until there is output or it has ended; ready with `None` where
    /// we have ended it.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match &mut self.end {
                End::Explained(reason) => {
                    return Poll::Ready(Some(Err(io::Error::other(reason.clone()))));
                }
                End::Explaining(explaining) => {
                    let reason = ready!(explaining.as_mut().poll(cx));
                    self.end = End::Explained(reason);
                }
                End::Open(_) | End::Broken(..) | End::Closed => {
                    let message = ready!(Pin::new(&mut self.socket).poll_next(cx));
                    match self.take(message) {
                        Piece::Output(data) => return Poll::Ready(Some(Ok(data))),
                        Piece::Nothing => {}
                        Piece::Ended(_) if matches!(self.end, End::Closed) => {
                            return Poll::Ready(None);
                        }
                        Piece::Ended(outcome) => self.conclude(outcome),
                    }
                }
            }
        }
    }

    /// The reason for which nothing can be written any more.
    fn poll_reason(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            match ready!(self.poll_piece(cx)) {
                // It came before the end, and nobody will take it.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(error),
                None => return Poll::Ready(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }

    fn poll_sent(
        &mut self,
        outcome: Result<(), SocketError>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match outcome {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => {
                self.breaks(&error);
                self.poll_reason(cx).map(Err)
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.end, End::Open(_))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ExecStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            match ready!(self.poll_piece(cx)) {
                Some(Ok(data)) => self.unread = data,
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ExecStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.is_open() {
            return self.poll_reason(cx).map(Err);
        }
        let is_ready = ready!(Pin::new(&mut self.socket).poll_ready(cx));
        ready!(self.poll_sent(is_ready, cx))?;
        let count = buf.len().min(PIECE);
        let mut message = BytesMut::with_capacity(count + 1);
        message.put_u8(STDIN);
        message.put_slice(&buf[..count]);
        let sent = Pin::new(&mut self.socket).start_send(Message::Binary(message.freeze()));
        ready!(self.poll_sent(sent, cx))?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_open() {
            return self.poll_reason(cx).map(Err);
        }
        let flushed = ready!(Pin::new(&mut self.socket).poll_flush(cx));
        self.poll_sent(flushed, cx)
    }

    /// Ends the command's input, by which it ends.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_open() {
            if self.closes_channels {
                let is_ready = ready!(Pin::new(&mut self.socket).poll_ready(cx));
                if is_ready.is_ok() {
                    let close = Bytes::from_static(&[CLOSE, STDIN]);
                    // What cannot be sent is of no use to somebody who is gone.
                    let _ = Pin::new(&mut self.socket).start_send(Message::Binary(close));
                }
            }
            self.end = End::Closed;
        }
        let closed = ready!(Pin::new(&mut self.socket).poll_close(cx));
        Poll::Ready(match closed {
            Ok(()) | Err(SocketError::ConnectionClosed | SocketError::AlreadyClosed) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        })
    }
}
