//! From a stream of bytes to a channel of gRPC.

use std::io;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint};

use super::greeting::{self, Greeting};
use super::{Daemon, Dial, DialError};
use crate::buildkit::text;

/// How long dialling may take. It takes milliseconds, but the machine may be
/// busy with a build.
const DIAL_LIMIT: Duration = Duration::from_secs(20);
/// grpc-go's own limit of a message's headers. An error of BuildKit travels in
/// them with the whole Dockerfile, and an ignore file's patterns do, too:
/// hyper's 16 KiB would break the connection.
pub(in crate::buildkit) const HEADER_LIMIT: u32 = 16 << 20;
/// Flow-control windows that do not throttle a local connection.
pub(in crate::buildkit) const STREAM_WINDOW: u32 = 4 << 20;
/// As above, for all streams of a connection.
pub(in crate::buildkit) const CONNECTION_WINDOW: u32 = 16 << 20;

/// Dials, and speaks gRPC on what it gets. The channel has that one
/// connection: when it breaks, every call fails, and none is silently sent
/// over another.
pub(in crate::buildkit) async fn connect(dial: &dyn Dial) -> Result<Channel, DialError> {
    let unreachable = |problem: String| DialError::unreachable(dial.endpoint(), problem);
    let attempt = async {
        let (stream, greeting) = greeting::listen(dial.dial().await?);
        let mut only = Some(TokioIo::new(stream));
        let connector = tower::service_fn(move |_| {
            let stream = only.take();
            async move {
                stream.ok_or_else(|| io::Error::new(io::ErrorKind::NotConnected, "it was closed"))
            }
        });
        let channel = endpoint(dial.daemon())
            .connect_with_connector(connector)
            .await
            .map_err(|error| unreachable(format!("no gRPC there: {}", text::causes(&error))))?;
        // A connection is open before the other side has agreed to it: a server
        // that wants another protocol or a certificate says so only now.
        match greeting.wait().await {
            Greeting::Http2 => Ok(channel),
            Greeting::Other(problem) => Err(unreachable(problem)),
        }
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
