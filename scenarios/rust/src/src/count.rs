//! Counts of what has been read so far.

/// Bytes, words and lines, and the checksum of all.
#[derive(Debug, PartialEq)]
pub struct Count {
    pub bytes: u64,
    pub words: u64,
    pub lines: u64,
    pub sum: u32,
    in_word: bool,
}

impl Count {
    pub fn new() -> Self {
        Count {
            bytes: 0,
            words: 0,
            lines: 0,
            sum: adler::START,
            in_word: false,
        }
    }

    /// Counts further bytes; a word may go on in the next.
    pub fn add(&mut self, bytes: &[u8]) {
        self.sum = adler::add(self.sum, bytes);
        self.bytes += bytes.len() as u64;
        for byte in bytes {
            let in_word = !byte.is_ascii_whitespace();
            self.words += u64::from(in_word && !self.in_word);
            self.lines += u64::from(*byte == b'\n');
            self.in_word = in_word;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_two_parts_is_one() {
        let mut count = Count::new();
        count.add(b"two wo");
        count.add(b"rds\n");
        assert_eq!((count.bytes, count.words, count.lines), (10, 2, 1));
    }
}
