//! The log of a build's status as BuildKit stores it: what its Control API sent
//! as `StatusResponse`s, each after its length in four bytes, the lowest first
//! (`HistoryQueue.ImportStatus` in `solver/llbsolver/history.go`).

use std::io::{self, ErrorKind, Read};

use prost::Message;

use super::status::solve_status;
use super::wire;
use crate::trace::SolveStatus;

/// What BuildKit calls such a log.
pub const STATUS_LOG: &str = "application/vnd.buildkit.status.v0";

/// Bytes of one update. BuildKit's clients take messages of 16 MiB.
const MAX_UPDATE: u64 = 32 << 20;

/// Yields the updates of a stored log, holding one at a time. After an error
/// there is no more.
#[derive(Debug)]
pub struct StoredLog<R> {
    input: R,
    failed: bool,
}

impl<R: Read> StoredLog<R> {
    /// Reads a log. Each update takes two reads or more: buffer it.
    pub fn new(input: R) -> Self {
        Self {
            input,
            failed: false,
        }
    }

    fn read(&mut self) -> io::Result<Option<SolveStatus>> {
        let mut length = Vec::new();
        (&mut self.input).take(4).read_to_end(&mut length)?;
        let length = match <[u8; 4]>::try_from(length.as_slice()) {
            Ok(length) => u64::from(u32::from_le_bytes(length)),
            Err(_) if length.is_empty() => return Ok(None),
            Err(_) => return Err(cut_off()),
        };
        if length > MAX_UPDATE {
            let bound = MAX_UPDATE >> 20;
            let message = format!("an update of more than {bound} MiB, and no build has one");
            return Err(io::Error::new(ErrorKind::InvalidData, message));
        }
        let mut update = Vec::new();
        (&mut self.input).take(length).read_to_end(&mut update)?;
        if update.len() as u64 != length {
            return Err(cut_off());
        }
        let update = wire::StatusResponse::decode(update.as_slice()).map_err(|error| {
            io::Error::new(
                ErrorKind::InvalidData,
                format!("no update of a build: {error}"),
            )
        })?;
        Ok(Some(solve_status(update)))
    }
}

fn cut_off() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "it ends within an update")
}

impl<R: Read> Iterator for StoredLog<R> {
    type Item = io::Result<SolveStatus>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let read = self.read().transpose();
        self.failed = matches!(read, Some(Err(_)));
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn log(names: &[&str]) -> Vec<u8> {
        let updates = names.iter().map(|name| wire::StatusResponse {
            vertexes: vec![wire::Vertex {
                name: name.as_bytes().to_vec(),
                ..Default::default()
            }],
            ..Default::default()
        });
        let bytes = updates.flat_map(|update| {
            let length = u32::try_from(update.encoded_len()).unwrap();
            [&length.to_le_bytes()[..], &update.encode_to_vec()].concat()
        });
        bytes.collect()
    }

    #[test]
    fn updates_are_read_one_after_another() {
        let lengths = ["a", ""].map(|name| log(&[name]).len());
        let log = log(&["a", "", "c\u{e9}"]);
        let names: Vec<String> = StoredLog::new(log.as_slice())
            .map(|status| status.unwrap().vertexes[0].name.clone())
            .collect();
        assert_eq!(names, ["a", "", "c\u{e9}"]);
        // Cut within an update it is an error, the last that comes.
        let ends = [0, lengths[0], lengths[0] + lengths[1]];
        for cut in 0..log.len() {
            let read: Vec<_> = StoredLog::new(&log[..cut]).collect();
            let is_whole = ends.contains(&cut);
            assert_eq!(read.iter().all(Result::is_ok), is_whole, "{cut}");
            assert!(read.iter().rev().skip(1).all(Result::is_ok), "{cut}");
        }
    }

    #[test]
    fn an_absurd_length_is_refused_before_it_is_read() {
        let endless = [0xff_u8; 4].chain(io::repeat(0));
        let error = StoredLog::new(endless).next().unwrap().unwrap_err();
        assert!(error.to_string().contains("more than 32 MiB"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let read: Vec<_> = StoredLog::new(bytes.as_slice()).collect();
            prop_assert!(read.iter().rev().skip(1).all(Result::is_ok));
        }
    }
}
