//! What buildx wrote after a build's status: why it has no result.

use super::step::{bounded, is_cancellation};

/// Bytes kept of a message.
const MAX_MESSAGE: usize = 2 * 1024;

/// Why a build has no result, in its client's words, which come from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientError {
    /// `failed to solve: dockerfile parse error on line 2: …`.
    pub message: String,
    /// Whether the build was cancelled.
    pub cancelled: bool,
    /// Whether it is certain that this is a build's error: other programs
    /// write `ERROR:` to the same place.
    pub is_certain: bool,
}

/// The error that a text ends in, if it holds one. buildx shows the place in
/// the Dockerfile before it.
pub fn client_error(text: &str) -> Option<ClientError> {
    let error = |line: &&str| is_error(line);
    let line = text.lines().rev().find(error)?.trim();
    let message = line.strip_prefix("ERROR:").unwrap_or(line).trim();
    let cancelled = is_cancellation(message) || message.contains("code = Canceled");
    let certain = [
        "failed to solve",
        "failed to build",
        "failed to receive status",
        "failed to read dockerfile",
    ];
    Some(ClientError {
        message: bounded(message, MAX_MESSAGE).to_owned(),
        cancelled,
        is_certain: cancelled || certain.iter().any(|words| message.contains(words)),
    })
}

/// Whether a line is the error that buildx ends with.
pub(super) fn is_error(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("ERROR:") || line.starts_with("failed to solve:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_found_after_the_place_that_it_is_in() {
        let text = "bad.Dockerfile:2\n----\n   2 | >>> RUNN ERROR: x\n----\n\
                    ERROR: failed to build: failed to solve: dockerfile parse error on line 2\n\n\
                    View build details: docker-desktop://x\n";
        let found = client_error(text).unwrap();
        assert_eq!(
            found.message,
            "failed to build: failed to solve: dockerfile parse error on line 2"
        );
        assert!(!found.cancelled && found.is_certain);
        assert_eq!(client_error("WARNING: no output\n"), None);
    }

    #[test]
    fn a_cancellation_is_told_apart_from_a_command_that_prints_one() {
        let cancelled = |text: &str| client_error(text).unwrap().cancelled;
        assert!(cancelled(
            "ERROR: failed to solve: Canceled: context canceled"
        ));
        assert!(cancelled(
            "ERROR: failed to receive status: rpc error: code = Canceled desc = context canceled"
        ));
        assert!(!cancelled(
            "ERROR: failed to solve: process \"/bin/sh -c echo context canceled; exit 1\" did \
             not complete successfully: exit code: 1"
        ));
        assert!(!client_error("ERROR: unit tests failed").unwrap().is_certain);
    }
}
