//! What can go wrong between us and BuildKit, and the line between "BuildKit
//! says no" and "BuildKit is gone".

use std::error::Error as _;

use tonic::{Code, Status};

use super::dial::DialError;
use super::text;

/// A call of the Control API has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection broke, or BuildKit went away.
    #[error("the connection to BuildKit was lost: {message}")]
    Lost {
        /// What the transport said, bounded.
        message: String,
    },
    /// BuildKit answered with an error.
    #[error("BuildKit refused {call}: {message}")]
    Refused {
        /// The method of the Control API, `Solve`.
        call: &'static str,
        /// What BuildKit said, bounded.
        message: String,
    },
}

impl ClientError {
    pub(super) fn new(call: &'static str, status: &Status) -> Self {
        if is_lost(status) {
            Self::Lost {
                message: message_of(status),
            }
        } else {
            Self::Refused {
                call,
                message: message_of(status),
            }
        }
    }
}

/// Whether a status means that the connection or BuildKit is gone, rather
/// than that BuildKit answered.
///
/// tonic makes a status of every transport error and keeps the error as its
/// source; a status that came over the wire has none. What came over the wire
/// is still a loss where it says `Unavailable`, or `Cancelled` though nobody
/// cancelled: that is how a daemon answers on its way down.
pub(super) fn is_lost(status: &Status) -> bool {
    status.source().is_some()
        || matches!(status.code(), Code::Unavailable | Code::Cancelled)
        || status.message().starts_with("Service was not ready")
        || is_part_lost(status.message())
}

/// Whether the daemon says that a part of it is gone: the containerd that holds
/// an engine's images and snapshots. The daemon answers as usual then, with
/// what its own client of containerd found, at the end of the message. What a
/// failing command was called or printed is no such thing.
fn is_part_lost(message: &str) -> bool {
    /// What gRPC's Go client says of a server that is gone
    /// (`internal/transport`, `clientconn.go`).
    const GONE: [&str; 5] = [
        "error reading from server",
        "connection error: desc",
        "transport is closing",
        "the connection is draining",
        "error while dialing",
    ];
    if message.contains("did not complete successfully") {
        return false;
    }
    let end = message.rsplit('\n').next().unwrap_or_default();
    let end = end.to_ascii_lowercase();
    // Pulls from a registry fail with other words; that it is containerd is
    // said by its socket, or by containerd's own word for a gRPC status.
    let by_grpc = GONE.iter().any(|gone| end.contains(gone));
    by_grpc
        && (end.ends_with(": unavailable")
            || end.contains("containerd.sock")
            || end.contains("code = unavailable"))
}

/// The message of a status, bounded, with the innermost cause of a transport
/// error, which is the part that explains something.
pub(super) fn message_of(status: &Status) -> String {
    let mut message = status.message().to_owned();
    let mut cause = status.source();
    while let Some(next) = cause.and_then(|cause| cause.source()) {
        cause = Some(next);
    }
    if let Some(cause) = cause {
        let cause = cause.to_string();
        if !message.contains(&cause) {
            if !message.is_empty() {
                message.push_str(": ");
            }
            message.push_str(&cause);
        }
    }
    if message.is_empty() {
        message = status.code().description().to_owned();
    }
    text::bounded(message.as_bytes(), text::MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_no_loss() {
        assert!(!is_lost(&Status::unknown("exit code: 1")));
        assert!(!is_lost(&Status::invalid_argument("bad platform")));
        assert!(is_lost(&Status::unavailable("going down")));
        assert!(is_lost(&Status::cancelled("context canceled")));
    }

    #[test]
    fn containerd_that_is_gone_is_a_loss_and_a_command_that_says_so_is_none() {
        for message in [
            "failed to solve: failed to compute cache key: error reading from server: EOF: unavailable",
            "failed to prepare extraction snapshot \"x\": transport is closing: unavailable",
            "connection error: desc = \"transport: Error while dialing: dial unix \
             /var/run/docker/containerd/containerd.sock: connect: connection refused\": unavailable",
            "rpc error: code = Unavailable desc = error reading from server: EOF",
        ] {
            assert!(is_lost(&Status::unknown(message)), "{message}");
        }
        for message in [
            "process \"/bin/sh -c echo error reading from server: EOF: unavailable\" did not \
             complete successfully: exit code: 1",
            "debian:none: not found",
            "unexpected status from HEAD request to https://r.example/v2/a: 503 Service Unavailable",
            "failed to do request: Head \"https://r.example/v2/\": dial tcp: connection refused",
        ] {
            assert!(!is_lost(&Status::unknown(message)), "{message}");
        }
    }

    #[test]
    fn a_transport_error_is_a_loss_whatever_its_code() {
        let broken = std::io::Error::new(std::io::ErrorKind::BrokenPipe, "pipe broke");
        let status = Status::from_error(Box::new(broken));
        assert!(is_lost(&status));
        assert!(message_of(&status).contains("pipe broke"));
    }
}
