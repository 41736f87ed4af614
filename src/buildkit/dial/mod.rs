//! How to reach BuildKit. A driver comes down to this: a stream of bytes on
//! which BuildKit speaks gRPC.

mod docker;

use std::fmt;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::{Channel, Endpoint};

pub use docker::DockerDial;

/// How long dialling may take. It takes milliseconds, but the machine may be
/// busy with a build.
const DIAL_LIMIT: Duration = Duration::from_secs(20);
/// grpc-go's own limit of a message's headers. An error of BuildKit travels in
/// them with the whole Dockerfile, and an ignore file's patterns do, too:
/// hyper's 16 KiB would break the connection.
pub(super) const HEADER_LIMIT: u32 = 16 << 20;
/// Flow-control windows that do not throttle a local connection.
pub(super) const STREAM_WINDOW: u32 = 4 << 20;
/// As above, for all streams of a connection.
pub(super) const CONNECTION_WINDOW: u32 = 16 << 20;

/// A stream of bytes, both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Which program answers: they take the same calls, but not quite the same
/// names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// The BuildKit inside the Docker Engine. It exports to the engine's image
    /// store by the name `moby`, and finds base images there.
    Engine,
    /// A buildkitd of its own.
    Buildkitd,
}

/// A way to reach BuildKit.
#[async_trait]
pub trait Dial: fmt::Debug + Send + Sync {
    /// Opens a connection of its own.
    async fn dial(&self) -> Result<Box<dyn Duplex>, DialError>;

    /// The place, as a person would name it.
    fn endpoint(&self) -> String;

    /// The program that answers: a Docker Engine, or a buildkitd of its own.
    fn daemon(&self) -> Daemon;
}

/// There is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The address says nothing that can be dialled.
    #[error("{address:?} is no address of a Docker Engine: {problem}")]
    Address {
        /// The address as it was given.
        address: String,
        /// What is wrong, and what to give instead.
        problem: String,
    },
    /// Nobody answers at the address.
    #[error("cannot reach {endpoint}: {problem}")]
    Unreachable {
        /// The place that was dialled, as a person would name it.
        endpoint: String,
        /// What the system said, and what to do.
        problem: String,
    },
    /// Somebody answers, but offers no BuildKit.
    #[error("{endpoint} offers no BuildKit: {problem}")]
    NoBuildKit {
        /// The place that was dialled, as a person would name it.
        endpoint: String,
        /// What it said, and what to do.
        problem: String,
    },
}

/// Dials, and speaks gRPC on what it gets. The channel has that one
/// connection: when it breaks, every call fails, and none is silently sent
/// over another.
pub(super) async fn connect(dial: &dyn Dial) -> Result<Channel, DialError> {
    let unreachable = |problem: String| DialError::Unreachable {
        endpoint: dial.endpoint(),
        problem,
    };
    let attempt = async {
        let stream = dial.dial().await?;
        let mut only = Some(TokioIo::new(stream));
        let connector = tower::service_fn(move |_| {
            let stream = only.take();
            async move {
                stream.ok_or_else(|| io::Error::new(io::ErrorKind::NotConnected, "it was closed"))
            }
        });
        endpoint(dial.daemon())
            .connect_with_connector(connector)
            .await
            .map_err(|error| unreachable(format!("no gRPC there: {error}")))
    };
    match tokio::time::timeout(DIAL_LIMIT, attempt).await {
        Ok(result) => result,
        Err(_) => Err(unreachable(format!(
            "no answer within {} s",
            DIAL_LIMIT.as_secs()
        ))),
    }
}

fn endpoint(daemon: Daemon) -> Endpoint {
    let endpoint = Endpoint::from_static("http://buildkit")
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(HEADER_LIMIT);
    match daemon {
        // Pings tell a peer that is frozen, or behind a dead link, from one
        // that has nothing to say. A peer that died closes the connection.
        Daemon::Engine => endpoint
            .http2_keep_alive_interval(Duration::from_secs(15))
            .keep_alive_timeout(Duration::from_secs(30))
            .keep_alive_while_idle(true),
        // grpc-go's own server hangs up on a client that pings more often than
        // every five minutes.
        Daemon::Buildkitd => endpoint
            .http2_keep_alive_interval(Duration::from_secs(330))
            .keep_alive_timeout(Duration::from_secs(30)),
    }
}
