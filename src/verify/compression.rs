//! Layers as they come: gzip, zstd or plain tar. Told apart by how they begin
//! rather than by their media types, which name the same three ("Image Layer
//! Filesystem Changeset", "Distributable Format") but are also written wrong.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::error::{malformed, too_large};

/// A reader of what a layer holds, at most `limit` bytes of it.
pub(crate) fn decompressed<'r>(
    layer: impl Read + 'r,
    limit: u64,
) -> io::Result<Bounded<Box<dyn Read + 'r>>> {
    let mut layer = BufReader::with_capacity(1 << 16, layer);
    let begin = layer.fill_buf()?;
    // RFC 1952, section 2.3.1, and RFC 8878, sections 3.1.1 and 3.1.2.
    let inner: Box<dyn Read + 'r> = match begin {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(layer)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Box::new(Zstd::new(layer))
        }
        _ => Box::new(layer),
    };
    Ok(Bounded {
        inner,
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

/// Frames of zstd one after another, those to skip skipped, as `zstd:chunked`
/// layers have them. The decoder itself bounds the window of a frame.
struct Zstd<R> {
    frames: R,
    decoder: FrameDecoder,
    within: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(frames: R) -> Self {
        Self {
            frames,
            decoder: FrameDecoder::new(),
            within: false,
        }
    }

    /// Begins the next frame that holds something, if there is one.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.frames.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.frames) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped = io::copy(&mut (&mut self.frames).take(length), &mut io::sink())?;
                    if skipped != length {
                        return Err(malformed("it ends within a zstd frame"));
                    }
                }
                Err(error) => return Err(malformed(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.within {
                if !self.begin()? {
                    return Ok(0);
                }
                self.within = true;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.frames, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(malformed)?;
            }
            match self.decoder.read(buffer)? {
                0 => self.within = false,
                read => return Ok(read),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn read(bytes: &[u8], limit: u64) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        decompressed(bytes, limit)?.read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn zstd_frames_are_joined_and_others_skipped() {
        let mut bytes = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
        for part in ["hello ", "", "world"] {
            bytes.extend(compress_to_vec(part.as_bytes(), CompressionLevel::Fastest));
        }
        assert_eq!(read(&bytes, 100).unwrap(), b"hello world");
        assert!(read(&bytes[..bytes.len() - 2], 100).is_err());
        assert!(read(&bytes[..9], 100).is_err());
    }

    #[test]
    fn a_bound_is_kept_to_the_byte() {
        assert_eq!(read(b"12345", 5).unwrap(), b"12345");
        let error = read(b"123456", 5).unwrap_err();
        assert_eq!(error.to_string(), "more than 5 bytes decompressed");
    }

    proptest! {
        #[test]
        fn damaged_zstd_is_an_error(
            mut bytes in prop::collection::vec(any::<u8>(), 0..200),
            text in prop::collection::vec(any::<u8>(), 0..2000),
            at: prop::sample::Index,
            byte: u8,
        ) {
            let mut damaged = compress_to_vec(&*text, CompressionLevel::Fastest);
            let at = at.index(damaged.len());
            damaged[at] = byte;
            let _ = read(&damaged, 1 << 20);
            bytes.splice(..0, *b"\x28\xb5\x2f\xfd");
            let _ = read(&bytes, 1 << 20);
        }
    }
}
