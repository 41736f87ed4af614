//! What is wrong with a call of the Docker CLI.

/// A call that is none of those that the Docker CLI makes, or cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CallError(pub(super) String);
