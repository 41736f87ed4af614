//! How to reach BuildKit. A driver comes down to this: a stream of bytes on
//! which BuildKit speaks gRPC.

mod command;
mod connect;
mod docker;
mod error;
mod greeting;
mod remote;
mod ssh;
mod tls;
mod transport;

use std::fmt;

use async_trait::async_trait;
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite};

pub(super) use connect::{CONNECTION_WINDOW, HEADER_LIMIT, STREAM_WINDOW, connect};
pub use docker::DockerDial;
pub use error::DialError;
pub use remote::RemoteDial;
pub use tls::TlsFiles;
pub(crate) use transport::Transport;

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

    /// Opens a connection on which BuildKit calls back the session that
    /// `metadata` describes; `None` where there is no such way, and the session
    /// goes through the Control API.
    async fn session(&self, metadata: &HeaderMap) -> Option<Result<Box<dyn Duplex>, DialError>> {
        let _ = metadata;
        None
    }

    /// The place, as a person would name it.
    fn endpoint(&self) -> String;

    /// What has become of the daemon, where the connection was lost or the daemon
    /// said in `_said` that it goes away, and this way to it can tell more.
    async fn fate(&self, _said: &str) -> Option<String> {
        None
    }

    /// The program that answers: a Docker Engine, or a buildkitd of its own.
    fn daemon(&self) -> Daemon;
}
