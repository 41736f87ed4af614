//! What can be wrong with a pattern.

/// A list of patterns has an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A pattern with nothing after the `!`.
    #[error("illegal exclusion pattern: \"!\"")]
    BareNegation,
    /// A pattern that does not parse.
    #[error("syntax error in pattern {0:?}")]
    Syntax(String),
}
