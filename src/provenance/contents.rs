//! What a provenance says.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::definition::{Definition, Operation, Run};
use crate::model::Platform;

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
    pub(super) definitions: BTreeMap<String, Definition>,
}

impl Provenance {
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

    /// All commands among the definitions.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        let definitions = self.definitions.values();
        definitions.filter_map(|definition| match &definition.operation {
            Operation::Run(run) => Some(&**run),
            Operation::Source(_) | Operation::Files(_) | Operation::Other(_) => None,
        })
    }
}

/// The digest of a step that is not to be looked for in the cache, as with
/// `--no-cache` (`loadUnlocked` in `solver/jobs.go`).
pub fn digest_without_cache(digest: &str) -> String {
    let hash = Sha256::digest(format!("{digest}-ignorecache"));
    format!("sha256:{}", hex::encode(hash))
}
