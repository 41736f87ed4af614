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
use std::io::{self, Read, Seek};
use std::path::Path;

use crate::trace::Recorded;
use crate::verify::{Archive, Limits, decompressed};

/// Bytes of a bundle, decompressed: records, logs and traces.
const MAX_BYTES: u64 = 1 << 30;
/// Where in the first block of a tar its format is named (POSIX.1-2017, "ustar
/// Interchange Format").
const MAGIC: std::ops::Range<usize> = 257..262;

/// Reads the builds of a bundle, in its order; `None` where the file is no
/// bundle.
///
/// # Errors
/// It is damaged, exceeds a bound, holds no build, or a zip archive is around
/// it.
pub fn read(path: &Path) -> Result<Option<Vec<Recorded>>, BundleError> {
    read_within(path, MAX_BYTES)
}

fn read_within(path: &Path, max_bytes: u64) -> Result<Option<Vec<Recorded>>, BundleError> {
    let name = crate::escape::path(path);
    // A pipe is not seen twice.
    if !std::fs::metadata(path).is_ok_and(|found| found.is_file()) {
        return Ok(None);
    }
    let Ok(kind) = kind_of(path) else {
        // Whatever reads it next says why it cannot be read.
        return Ok(None);
    };
    match kind {
        Kind::Other => Ok(None),
        Kind::Zip => Err(BundleError::Zip { bundle: name }),
        Kind::Tar => {
            let (file, length) =
                unpacked(path, max_bytes).map_err(|error| BundleError::Unreadable {
                    bundle: name.clone(),
                    error,
                })?;
            let archive = Archive::within(name.clone(), file, length, &Limits::DEFAULT)?;
            let builds = layout::builds(&archive)?;
            if builds.is_empty() {
                return Err(BundleError::NoBuild { bundle: name });
            }
            Ok(Some(builds))
        }
    }
}

/// What a file is, as far as its beginning says.
enum Kind {
    Tar,
    Zip,
    Other,
}

fn kind_of(path: &Path) -> io::Result<Kind> {
    let mut start = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut start)?;
    if start == *b"PK\x03\x04" {
        return Ok(Kind::Zip);
    }
    let mut block = Vec::new();
    decompressed(File::open(path)?, MAX_BYTES)?
        .take(512)
        .read_to_end(&mut block)?;
    Ok(match block.get(MAGIC) {
        Some(b"ustar") => Kind::Tar,
        _ => Kind::Other,
    })
}

/// A file in which the tar can be read in any order.
fn unpacked(path: &Path, max_bytes: u64) -> io::Result<(File, u64)> {
    let mut tar = decompressed(File::open(path)?, max_bytes)?;
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
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_path("index.json").unwrap();
        header.set_size(10_000);
        header.set_cksum();
        let mut gzip = GzEncoder::new(&mut file, Compression::best());
        gzip.write_all(header.as_bytes()).unwrap();
        gzip.write_all(&[0; 11_000]).unwrap();
        gzip.finish().unwrap();
        let error = read_within(file.path(), 9_000).unwrap_err().to_string();
        assert!(error.starts_with("cannot unpack "), "{error}");
        assert!(
            error.ends_with("more than 9000 bytes decompressed"),
            "{error}"
        );
    }
}
