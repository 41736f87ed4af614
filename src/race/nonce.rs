//! What makes the text of an edit, or a name, that of one sample alone.

use sha2::{Digest, Sha256};

/// A nonce that no other sample, of this run or another, has. `builds` is what
/// the builds of this stretch of the run are called by.
pub(super) fn nonce(builds: &str, sample: &str) -> String {
    let digest = Sha256::digest(format!("{builds}/{sample}"));
    hex::encode(&digest[..8])
}
