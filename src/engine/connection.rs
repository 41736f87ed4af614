//! The engine's API over the connection that builds take, too: what reaches
//! the one reaches the other, and fails in the same words.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tower::Service;

use super::{Endpoint, EngineError};
use crate::buildkit::dial::{Duplex, Transport};
use crate::buildkit::{Daemon, DialError};
use crate::escape::one_line;

/// Time limit of an ordinary API call; pulls and loads stream and are not
/// bound by it as a whole.
const CALL_LIMIT_SECONDS: u64 = 600;

/// Connections that wait for a next call where opening one is slow.
const IDLE_CONNECTIONS: usize = 2;

/// The way to an engine.
///
/// # Errors
/// The address is of no kind that is spoken, or TLS lacks something.
pub(super) fn transport(endpoint: &Endpoint) -> Result<Transport, EngineError> {
    let found_by = endpoint.found_by.clone();
    let transport = Transport::new(Daemon::Engine, &endpoint.host, endpoint.tls.as_ref());
    transport.map_err(|error| match error {
        DialError::TlsFiles { endpoint, problem } => EngineError::BadTls {
            host: one_line(&endpoint),
            found_by,
            reason: problem,
        },
        DialError::Address { address, problem } => EngineError::BadHost {
            host: one_line(&address),
            found_by,
            reason: problem,
        },
        other => EngineError::Unreachable {
            host: one_line(&endpoint.host),
            found_by,
            reason: other.to_string(),
        },
    })
}

/// A client for an endpoint; nothing is sent yet.
pub(super) fn client(endpoint: &Endpoint) -> Result<Docker, EngineError> {
    let transport = transport(endpoint)?;
    let address = format!("http://{}", transport.authority());
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_max_idle_per_host(match transport.is_quick_to_open() {
        true => 0,
        false => IDLE_CONNECTIONS,
    });
    let client = builder.build(Connector(Arc::new(transport)));
    let send = move |request: BollardRequest| {
        let answer = client.request(request);
        answer.map_err(bollard::errors::Error::from)
    };
    Docker::connect_with_custom_transport(
        send,
        Some(address),
        CALL_LIMIT_SECONDS,
        API_DEFAULT_VERSION,
    )
    .map_err(|error| EngineError::api(format!("preparing calls to {}", endpoint.host), error))
}

/// Opens connections for hyper.
#[derive(Clone)]
struct Connector(Arc<Transport>);

impl Service<http::Uri> for Connector {
    type Response = Opened;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Opened, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let transport = Arc::clone(&self.0);
        async move { Ok(Opened(TokioIo::new(transport.open_without_hint().await?))) }.boxed()
    }
}

/// A connection, as hyper's client takes it.
struct Opened(TokioIo<Box<dyn Duplex>>);

impl Connection for Opened {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Opened {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Opened {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }
}
