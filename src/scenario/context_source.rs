//! Where further build contexts come from.

use std::path::PathBuf;

/// Where a further build context comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextSource {
    /// A folder of this machine.
    Folder(PathBuf),
    /// What BuildKit finds itself: `docker-image://…`, `https://…`.
    Remote(String),
    /// What another target of the same [`Bake`](super::Bake) builds.
    Target(String),
}
