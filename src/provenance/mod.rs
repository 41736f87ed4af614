//! What BuildKit says of a build that is over: its provenance. It has the
//! definition of each step, which the status stream has not, the Dockerfile,
//! build arguments, and what sources were resolved to.
//!
//! BuildKit keeps one for each platform of a build in its history, with all it
//! knows (`mode=max`, `recordBuildHistory` in `solver/llbsolver/history.go`);
//! buildx puts it into a `.dockerbuild` bundle. Both forms are read: SLSA 0.2,
//! and SLSA 1 of BuildKit 0.21 (`solver/llbsolver/provenance/types`).
//!
//! It may come from anyone: its size is bounded by whoever reads it, and what it
//! says is outside text.

mod definition;
mod document;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

pub use definition::{
    Copied, Definition, FileAction, Files, Mount, MountKind, Operation, Run, Source,
};
use document::Document;

use crate::model::Platform;

/// Bytes of a provenance that are read. That of docker/cli has 300 KiB.
pub const MAX_BYTES: u64 = 32 << 20;

/// What begins the name of a build argument among what a frontend is told.
pub const BUILD_ARGUMENT: &str = "build-arg:";

/// What BuildKit says of a build that is over.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Provenance {
    /// Platform of the machine that BuildKit ran on.
    pub builder_platform: Option<Platform>,
    /// Build arguments by name.
    pub arguments: BTreeMap<String, String>,
    /// Text of the Dockerfile.
    pub dockerfile: Option<String>,
    /// What each source was resolved to: an image's or a file's digest, a commit;
    /// by what BuildKit calls it, a package URL or a URL.
    pub materials: BTreeMap<String, String>,
    definitions: BTreeMap<String, Definition>,
}

impl Provenance {
    /// Reads one, alone or in an in-toto statement.
    ///
    /// # Errors
    /// It is no JSON of this form.
    pub fn read(json: &[u8]) -> serde_json::Result<Self> {
        Ok(serde_json::from_slice::<Document>(json)?.provenance())
    }

    /// Adds what that of another platform of the same build says.
    pub fn add(&mut self, other: Self) {
        let Self {
            builder_platform,
            arguments,
            dockerfile,
            materials,
            definitions,
        } = other;
        self.builder_platform = self.builder_platform.take().or(builder_platform);
        self.arguments.extend(arguments);
        self.dockerfile = self.dockerfile.take().or(dockerfile);
        self.materials.extend(materials);
        self.definitions.extend(definitions);
    }

    /// The definition of a step by the digest that the status stream gives it.
    pub fn definition(&self, digest: &str) -> Option<&Definition> {
        self.definitions.get(digest)
    }

    /// Whether it has the definition of any step.
    pub fn has_definitions(&self) -> bool {
        !self.definitions.is_empty()
    }
}

/// The digest of a step that is not to be looked for in the cache, as with
/// `--no-cache` (`loadUnlocked` in `solver/jobs.go`).
pub fn digest_without_cache(digest: &str) -> String {
    let hash = Sha256::digest(format!("{digest}-ignorecache"));
    format!("sha256:{}", hex::encode(hash))
}

#[cfg(test)]
mod tests;
