//! Layers as they come: gzip, zstd or plain tar. Told apart by how they begin
//! rather than by their media types, which name the same three ("Image Layer
//! Filesystem Changeset", "Distributable Format") but are also written wrong.

use std::io::{self, Read};

use super::error::too_large;
use crate::compression;

/// A reader of what a layer holds, at most `limit` bytes of it.
pub(crate) fn decompressed<'r>(
    layer: impl Read + 'r,
    limit: u64,
) -> io::Result<Bounded<Box<dyn Read + 'r>>> {
    Ok(Bounded {
        inner: compression::decompressed(layer)?,
        limit,
        left: limit,
    })
}

/// Reads to a bound, and says so when there is more.
#[derive(Debug)]
pub(crate) struct Bounded<R> {
    inner: R,
    limit: u64,
    left: u64,
}

impl<R> Bounded<R> {
    /// Bytes that it has read.
    pub(super) fn read_so_far(&self) -> u64 {
        self.limit - self.left
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| too_large(format_args!("{} bytes decompressed", self.limit)))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_kept_to_the_byte() {
        let read = |bytes: &[u8]| {
            let mut content = Vec::new();
            let read = decompressed(bytes, 5)?.read_to_end(&mut content);
            read.map(|_| content)
        };
        assert_eq!(read(b"12345").unwrap(), b"12345");
        let error = read(b"123456").unwrap_err();
        assert_eq!(error.to_string(), "more than 5 bytes decompressed");
    }
}
