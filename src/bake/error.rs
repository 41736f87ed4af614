//! What is wrong with what bake says.

use crate::escape::bounded;

/// A bake file describes what cannot be raced, or buildx says what nobody understands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BakeError {
    /// It is not what buildx prints.
    #[error("`docker buildx bake --print` says what buildrace cannot read: {}", bounded(.0))]
    Unreadable(String),
    /// Nothing is built.
    #[error("bake builds no target")]
    Empty,
    /// More targets than are built at once.
    #[error("bake builds {count} targets together: buildrace races at most {most} as one build")]
    TooMany {
        /// How many.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// A value has another form than buildx gives it.
    #[error("target {}: {key:?} is {}: expected {expected}", bounded(.target), bounded(.value))]
    Value {
        /// The target.
        target: String,
        /// Its attribute.
        key: String,
        /// What it says.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A target asks for what no race does.
    #[error("target {}: {} is not raced: {reason}", bounded(.target), bounded(.what))]
    Refused {
        /// The target.
        target: String,
        /// The attribute, with its value where that matters.
        what: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A context is a target that is not there.
    #[error("target {}: its context target:{} is not among the targets that bake printed", bounded(.target), bounded(.other))]
    NoTarget {
        /// The target.
        target: String,
        /// The one that it takes from.
        other: String,
    },
}
