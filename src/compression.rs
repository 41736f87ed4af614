//! Compressed files: gzip, zstd, or neither, told apart by how they begin.

use std::fmt::Display;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// A reader of what a file holds: decompressed if it begins as gzip (RFC 1952, section 2.3.1)
/// or zstd (RFC 8878, sections 3.1.1 and 3.1.2) do, else as it is. Members and frames that
/// follow one another are joined.
///
/// # Errors
/// The file cannot be read. The reader errs where the file is damaged, with
/// [`UnexpectedEof`](ErrorKind::UnexpectedEof) where its end is missing.
pub fn decompressed<'r>(file: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let mut file = BufReader::with_capacity(1 << 16, file);
    Ok(match file.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(file)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Box::new(Zstd::new(file))
        }
        _ => Box::new(file),
    })
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
                        return Err(cut_off());
                    }
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(false)
    }

    /// What is wrong: that nothing follows, or what does.
    fn failed(&mut self, error: impl Display) -> io::Error {
        match self.frames.fill_buf() {
            Ok([]) => cut_off(),
            Ok(_) => io::Error::new(ErrorKind::InvalidData, error.to_string()),
            Err(error) => error,
        }
    }
}

fn cut_off() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "it ends within a zstd frame")
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
                let strategy = BlockDecodingStrategy::UptoBlocks(1);
                let decoded = self.decoder.decode_blocks(&mut self.frames, strategy);
                decoded.map_err(|error| self.failed(error))?;
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

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        let bound = 1 << 20;
        decompressed(bytes)?.take(bound).read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn zstd_frames_are_joined_and_others_skipped() {
        let mut bytes = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
        for part in ["hello ", "", "world"] {
            bytes.extend(compress_to_vec(part.as_bytes(), CompressionLevel::Fastest));
        }
        assert_eq!(read(&bytes).unwrap(), b"hello world");
        for cut in [bytes.len() - 2, bytes.len() - 8, 9] {
            let error = read(&bytes[..cut]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{cut}: {error}");
        }
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
            let _ = read(&damaged);
            bytes.splice(..0, *b"\x28\xb5\x2f\xfd");
            let _ = read(&bytes);
        }
    }
}
