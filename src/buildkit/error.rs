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
        /// What the transport said.
        message: String,
    },
    /// BuildKit answered with an error.
    #[error("BuildKit refused {call}: {message}")]
    Refused {
        /// What was called.
        call: &'static str,
        /// What it said.
        message: String,
    },
}

impl ClientError {
    pub(super) fn of(call: &'static str, status: &Status) -> Self {
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
}

/// The message of a status, bounded, with the innermost cause of a transport
/// error, which is the part that tells something.
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
    fn a_transport_error_is_a_loss_whatever_its_code() {
        let broken = std::io::Error::new(std::io::ErrorKind::BrokenPipe, "pipe broke");
        let status = Status::from_error(Box::new(broken));
        assert!(is_lost(&status));
        assert!(message_of(&status).contains("pipe broke"));
    }
}
