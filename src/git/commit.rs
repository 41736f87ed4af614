//! A commit, as far as it is known to whoever compares with it.

/// A commit that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The whole id, hex.
    pub id: String,
    /// As much of the id as no other object here begins with.
    pub short: String,
    /// The first line of its message, of bounded length. It comes from
    /// outside: escape it before showing it.
    pub subject: String,
}
