//! Sources that are fetched, not committed. What is said of them is here; how
//! they are fetched is in `sources`.

use std::path::{Path, PathBuf};

/// Where the sources of a scenario come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// URL of the git repository.
    pub git: String,
    /// Tag or branch.
    pub reference: String,
    /// Id of the commit that it must be.
    pub commit: String,
    /// What is built instead where git has no answer.
    pub otherwise: Option<Otherwise>,
}

/// A Dockerfile whose last stage holds sources and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otherwise {
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// What results call it: its path in the project.
    pub shown: String,
}

impl Otherwise {
    /// Its build context: the folder that it is in.
    pub fn context(&self) -> &Path {
        self.dockerfile.parent().unwrap_or(Path::new("/"))
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
