//! The first bytes from the other side: an HTTP/2 server sends its settings
//! before anything else, so they tell a BuildKit from what is none.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::Duplex;
use crate::buildkit::text;

/// Bytes of an unexpected answer that are shown.
const SHOWN: usize = 200;
/// The record type of an alert, and the major version, of every TLS.
const TLS_ALERT: [u8; 2] = [0x15, 0x03];

/// What a server says first.
pub(super) enum Greeting {
    /// As HTTP/2 begins.
    Http2,
    /// Something else, or nothing: what it was, and what to do.
    Other(String),
}

/// The stream, which passes everything on, and what is to be waited for once
/// HTTP/2 is spoken on it.
pub(super) fn listen(stream: Box<dyn Duplex>) -> (Listened, Awaited) {
    let (heard, awaited) = oneshot::channel();
    let heard = Some(heard);
    (Listened { stream, heard }, Awaited(awaited))
}

/// A stream whose first bytes are reported.
pub(super) struct Listened {
    stream: Box<dyn Duplex>,
    heard: Option<oneshot::Sender<Greeting>>,
}

impl Listened {
    /// Where nothing can be written, what was said before is the reason, if
    /// anything was.
    fn explain<T>(&mut self, outcome: io::Result<T>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if let Err(error) = &outcome
            && let Some(heard) = self.heard.take()
        {
            let mut last_words = [0; SHOWN];
            let mut last_words = ReadBuf::new(&mut last_words);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut last_words);
            let said = match &read {
                Poll::Ready(Err(reason)) => Err(reason),
                Poll::Ready(Ok(())) if !last_words.filled().is_empty() => Ok(last_words.filled()),
                _ => Err(error),
            };
            let _ = heard.send(classify(said));
        }
        Poll::Ready(outcome)
    }
}

/// The greeting, once it is there.
pub(super) struct Awaited(oneshot::Receiver<Greeting>);

impl Awaited {
    pub(super) async fn wait(self) -> Greeting {
        self.0
            .await
            .unwrap_or_else(|_| Greeting::Other("the connection was given up".into()))
    }
}

fn classify(outcome: Result<&[u8], &io::Error>) -> Greeting {
    let hung_up = |how: &str| {
        Greeting::Other(format!(
            "{how} without an answer; is it a BuildKit? If it wants TLS, give the files for it"
        ))
    };
    let said = match outcome {
        Err(error) => {
            return match error.kind() {
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                    hung_up("it broke off the connection")
                }
                _ => Greeting::Other(text::causes(error)),
            };
        }
        Ok([]) => return hung_up("it closed the connection"),
        Ok(said) => said,
    };
    if said.starts_with(&TLS_ALERT) || contains(said, b"HTTPS server") {
        return Greeting::Other(
            "it speaks TLS and was asked in plain; give the files for TLS: the CA certificate, and a \
             certificate with its key if it asks for one"
                .into(),
        );
    }
    // The settings are the frame of type 4 on stream 0.
    let is_settings = said.get(3).is_none_or(|kind| *kind == 4);
    if is_settings && !said.starts_with(b"HTTP") {
        return Greeting::Http2;
    }
    let shown = text::bounded(said, SHOWN);
    Greeting::Other(format!("it answers {shown:?}, which is no BuildKit's"))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

impl AsyncRead for Listened {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if let Some(heard) = self.heard.take() {
            let said = outcome.as_ref().map(|()| &buf.filled()[before..]);
            // Nobody waits where dialling was given up.
            let _ = heard.send(classify(said));
        }
        Poll::Ready(outcome)
    }
}

impl AsyncWrite for Listened {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        self.explain(outcome, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        self.explain(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        self.explain(outcome, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
