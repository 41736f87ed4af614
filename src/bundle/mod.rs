//! What a `.dockerbuild` bundle holds: builds as `docker buildx history export`
//! and build-push-action write them.
//!
//! It is a tar, compressed by gzip, of an OCI image layout. Each build is a
//! manifest in it, whose configuration is the record of the builder's history
//! and whose layers are the build's status log, its provenance and its traces
//! (`util/desktop/bundle/export.go` in docker/buildx). What is read of it becomes
//! a recording like any other.
//!
//! A bundle may come from anyone. It is decompressed into a file without a name,
//! within a bound; names in it reach no disk, documents and logs are checked
//! against their digests, and counts and sizes are bounded as those of images
//! are.

mod error;
mod layout;
mod record;

pub use error::BundleError;

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};

use crate::trace::Recorded;
use crate::verify::{Archive, Limits, decompressed};

/// Bytes of a bundle, decompressed: records, logs and traces.
const MAX_BYTES: u64 = 1 << 30;
/// Bytes by which a bundle is told: a block of any compression is shorter.
const HEAD: u64 = 256 << 10;
/// Where in the first block of a tar its format is named (POSIX.1-2017, "ustar
/// Interchange Format").
const MAGIC: std::ops::Range<usize> = 257..262;

/// What was found.
pub enum Found<'r> {
    /// The builds of a bundle, in its order.
    Builds(Vec<Recorded>),
    /// No bundle: all of it is still to be read.
    Other(Box<dyn Read + 'r>),
}

/// Reads the builds of a bundle from a file or a pipe that is called `name`, which is
/// safe to show.
///
/// # Errors
/// It cannot be read, is damaged, exceeds a bound, holds no build, or a zip archive is
/// around it.
pub fn read<'r>(name: &str, input: impl Read + 'r) -> Result<Found<'r>, BundleError> {
    read_within(name, input, MAX_BYTES)
}

fn read_within<'r>(
    name: &str,
    mut input: impl Read + 'r,
    max_bytes: u64,
) -> Result<Found<'r>, BundleError> {
    let bundle = || name.to_owned();
    let unreadable = |error| BundleError::Unreadable {
        bundle: bundle(),
        error,
    };
    let mut head = Vec::new();
    // Whatever reads it next says why it cannot be read.
    let _ = (&mut input).take(HEAD).read_to_end(&mut head);
    let kind = kind_of(&head);
    let whole = Cursor::new(head).chain(input);
    match kind {
        Kind::Other => Ok(Found::Other(Box::new(whole))),
        Kind::Zip => Err(BundleError::Zip { bundle: bundle() }),
        Kind::Tar => {
            let (file, length) = unpacked(whole, max_bytes).map_err(unreadable)?;
            let archive = Archive::within(bundle(), file, length, &Limits::DEFAULT)?;
            let builds = layout::builds(&archive)?;
            if builds.is_empty() {
                return Err(BundleError::NoBuild { bundle: bundle() });
            }
            Ok(Found::Builds(builds))
        }
    }
}

/// What something is, as far as its beginning says.
enum Kind {
    Tar,
    Zip,
    Other,
}

fn kind_of(head: &[u8]) -> Kind {
    if head.starts_with(b"PK\x03\x04") {
        return Kind::Zip;
    }
    let mut block = Vec::new();
    let _ = decompressed(head, MAX_BYTES).and_then(|tar| tar.take(512).read_to_end(&mut block));
    match block.get(MAGIC) {
        Some(b"ustar") => Kind::Tar,
        _ => Kind::Other,
    }
}

/// A file in which the tar can be read in any order.
fn unpacked(bundle: impl Read, max_bytes: u64) -> io::Result<(File, u64)> {
    let mut tar = decompressed(bundle, max_bytes)?;
    let mut file = tempfile::tempfile()?;
    let length = io::copy(&mut tar, &mut file)?;
    file.rewind()?;
    Ok((file, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    #[test]
    fn a_bundle_that_unpacks_to_too_much_is_given_up() {
        let mut header = tar::Header::new_gnu();
        header.set_path("index.json").unwrap();
        header.set_size(10_000);
        header.set_cksum();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(header.as_bytes()).unwrap();
        gzip.write_all(&[0; 11_000]).unwrap();
        let bundle = gzip.finish().unwrap();
        let Err(error) = read_within("x", bundle.as_slice(), 9_000) else {
            panic!("read")
        };
        let error = error.to_string();
        assert!(error.starts_with("cannot unpack "), "{error}");
        assert!(
            error.ends_with("more than 9000 bytes decompressed"),
            "{error}"
        );
    }
}
