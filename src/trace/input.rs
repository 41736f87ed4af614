//! The bytes of a recording, of which as many are held as a value needs: one
//! that stands in a slice is parsed in a third of the time.

use std::io::{self, BufRead, Read};

/// Bytes that are read at once: a line with a few pieces of log fits in.
const CHUNK: usize = 128 * 1024;

/// A buffer that grows where it is asked to.
#[derive(Debug)]
pub(super) struct Input<R> {
    from: R,
    held: Vec<u8>,
    /// Bytes of those held that were consumed.
    consumed: usize,
    /// Why no more can be read, where some could before.
    failed: Option<io::Error>,
}

impl<R: Read> Input<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            held: Vec::new(),
            consumed: 0,
            failed: None,
        }
    }

    /// What is held and was not consumed.
    pub(super) fn buffer(&self) -> &[u8] {
        &self.held[self.consumed..]
    }

    /// Reads as much again as is held, and keeps that; false at the end.
    pub(super) fn grow(&mut self) -> io::Result<bool> {
        self.held.drain(..self.consumed);
        self.consumed = 0;
        let before = self.held.len();
        let wanted = before.max(CHUNK) as u64;
        // A decompressor gives a little at a time.
        let read = match self.failed.take() {
            Some(error) => Err(error),
            None => (&mut self.from).take(wanted).read_to_end(&mut self.held),
        };
        match read {
            Ok(bytes) => Ok(bytes > 0),
            // What came before it counts.
            Err(error) if self.held.len() > before => {
                self.failed = Some(error);
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?.read(into)?;
        self.consume(bytes);
        Ok(bytes)
    }
}

impl<R: Read> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.buffer().is_empty() {
            self.grow()?;
        }
        Ok(self.buffer())
    }

    fn consume(&mut self, bytes: usize) {
        self.consumed = self.held.len().min(self.consumed + bytes);
    }
}
