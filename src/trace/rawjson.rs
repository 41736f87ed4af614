//! Recorded status streams in the form of `docker buildx build
//! --progress=rawjson`: JSON values one after another, pretty-printed by
//! buildx, one a line by us.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use serde::Deserialize;

use super::between::{Between, MAX_TEXT};
use super::input::Input;
use super::status::SolveStatus;
use super::step::bounded;

/// Bytes of a line of such text.
const MAX_LINE: u64 = 64 * 1024;
/// Bytes of other text before the recording that are passed over.
const MAX_PREFACE: u64 = 1024 * 1024;

/// Bytes of one value. BuildKit's clients take messages of 16 MiB, in which
/// output is in bytes that JSON has in base64.
const MAX_VALUE: u64 = 32 * 1024 * 1024;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RawJsonError {
    /// A value is no status of a build.
    #[error("value {value} is not a build's status: {message}")]
    Malformed {
        /// Number of the value, from 1; in a file of ours the line.
        value: u64,
        /// What is wrong with it.
        message: String,
    },
    /// A value is larger than any update of a build.
    #[error(
        "value {value} is larger than {} MiB, and no update of a build is",
        MAX_VALUE >> 20
    )]
    TooLarge {
        /// Number of the value, from 1.
        value: u64,
    },
    /// The stream could not be read.
    #[error("value {value} could not be read: {error}")]
    Io {
        /// Number of the value, from 1.
        value: u64,
        /// Why. Not chained as a source: the text has it already.
        error: io::Error,
    },
}

/// What a recording ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// After a whole value.
    Whole,
    /// Within a value: the recording was cut off. The part of that value is
    /// dropped.
    CutOff,
    /// In other text, up to 4 KiB of which are kept: buildx writes a failed
    /// build's error after its status.
    Text(String),
}

/// Yields the updates of a recording, holding one at a time.
#[derive(Debug)]
pub struct Reader<R> {
    input: Input<R>,
    values: u64,
    tail: Option<Tail>,
    failed: bool,
    /// Bytes of text passed over, and the first line of it.
    preface: (u64, Option<String>),
    /// Other text since the last value.
    between: Between,
    /// What is wrong with a value that follows other text, as a line of that
    /// may begin like one: an error if more values come.
    doubtful: Option<RawJsonError>,
}

impl<R: Read> Reader<R> {
    /// Reads a recording.
    pub fn new(input: R) -> Self {
        Self {
            input: Input::new(input),
            values: 0,
            tail: None,
            failed: false,
            preface: (0, None),
            between: Between::default(),
            doubtful: None,
        }
    }

    /// Other text that stood before the value that was read last, after the
    /// one before it: of several builds in one recording, a failed one's error.
    pub fn take_text(&mut self) -> Option<String> {
        self.between.take()
    }

    /// How the recording ends; `None` until it was read to its end.
    pub fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref()
    }

    /// Skips white space; the byte that follows, `None` at the end.
    fn next_byte(&mut self) -> io::Result<Option<u8>> {
        loop {
            let buffer = match self.input.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            let Some(&byte) = buffer.first() else {
                return Ok(None);
            };
            // Editors mark UTF-8 so.
            if self.values == 0 && buffer.starts_with(b"\xef\xbb\xbf") {
                self.input.consume(3);
                continue;
            }
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            let blank = buffer
                .iter()
                .take_while(|b| b.is_ascii_whitespace())
                .count();
            self.input.consume(blank);
        }
    }

    /// Passes over a line that stands before the first value: buildx writes
    /// its warnings to the same place. False where that is no preface any more.
    fn skip_line(&mut self) -> io::Result<bool> {
        let (skipped, first) = &mut self.preface;
        if self.values > 0 || *skipped >= MAX_PREFACE {
            return Ok(false);
        }
        let mut line = Vec::new();
        let left = MAX_PREFACE - *skipped;
        let read = (&mut self.input).take(left).read_until(b'\n', &mut line)?;
        *skipped += read as u64;
        first.get_or_insert_with(|| {
            let text = String::from_utf8_lossy(&line);
            bounded(text.trim_end(), MAX_TEXT).to_owned()
        });
        Ok(true)
    }

    /// Passes over a line of other text after the first value.
    fn pass_line(&mut self) -> io::Result<()> {
        let mut line = Vec::new();
        let limited = &mut (&mut self.input).take(MAX_LINE);
        limited.read_until(b'\n', &mut line)?;
        self.between.push(&line);
        Ok(())
    }

    /// A value of which all is held, or comes when more is read; `None` where
    /// it is something else, and nothing of it is consumed.
    fn whole_value(&mut self) -> io::Result<Option<SolveStatus>> {
        loop {
            let held = self.input.buffer();
            let mut values = serde_json::Deserializer::from_slice(held).into_iter();
            match values.next() {
                Some(Ok(status)) => {
                    let length = values.byte_offset();
                    self.input.consume(length);
                    return Ok(Some(status));
                }
                Some(Err(error)) if error.is_eof() && (held.len() as u64) < MAX_VALUE => {
                    if !self.input.grow()? {
                        return Ok(None);
                    }
                }
                _ => return Ok(None),
            }
        }
    }

    fn parsed(
        &mut self,
        value: u64,
        status: SolveStatus,
    ) -> Option<Result<SolveStatus, RawJsonError>> {
        match self.doubtful.take() {
            Some(error) => self.fail(error),
            None => {
                self.values = value;
                Some(Ok(status))
            }
        }
    }

    /// Reads a value; `None` where it is none, but a line of other text.
    fn value(&mut self, value: u64) -> Option<Option<Result<SolveStatus, RawJsonError>>> {
        match self.whole_value() {
            Ok(Some(status)) => return Some(self.parsed(value, status)),
            Ok(None) => {}
            Err(error) => return Some(self.unreadable(value, error)),
        }
        // Of an object the parser reads no byte beyond the closing brace.
        let mut bounded = (&mut self.input).take(MAX_VALUE);
        let mut parser = serde_json::Deserializer::from_reader(&mut bounded);
        let parsed = SolveStatus::deserialize(&mut parser);
        Some(match parsed {
            Ok(status) => self.parsed(value, status),
            Err(_) if bounded.limit() == 0 => self.fail(RawJsonError::TooLarge { value }),
            Err(error) if error.is_eof() => self.end(Tail::CutOff),
            Err(error) if error.is_io() => self.unreadable(value, error.into()),
            Err(error) => {
                // `{not a value}`: a line of other text.
                let is_text = error.line() == 1 && error.column() <= 3;
                let error = RawJsonError::Malformed {
                    value,
                    message: error.to_string(),
                };
                if !is_text && self.between.is_empty() {
                    return Some(self.fail(error));
                }
                if !is_text {
                    self.doubtful.get_or_insert(error);
                }
                let passed = match self.values {
                    0 => self.skip_line().map(|_| ()),
                    _ => self.pass_line(),
                };
                return passed.err().map(|error| self.unreadable(value, error));
            }
        })
    }

    /// A compressed file that was cut off ends in an error, too.
    fn unreadable(
        &mut self,
        value: u64,
        error: io::Error,
    ) -> Option<Result<SolveStatus, RawJsonError>> {
        match error.kind() {
            ErrorKind::UnexpectedEof => self.end(Tail::CutOff),
            _ => self.fail(RawJsonError::Io { value, error }),
        }
    }

    fn end(&mut self, tail: Tail) -> Option<Result<SolveStatus, RawJsonError>> {
        self.tail = Some(tail);
        None
    }

    fn fail(&mut self, error: RawJsonError) -> Option<Result<SolveStatus, RawJsonError>> {
        self.failed = true;
        Some(Err(error))
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<SolveStatus, RawJsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.tail.is_some() || self.failed {
            return None;
        }
        let value = self.values + 1;
        loop {
            match self.next_byte() {
                Ok(Some(b'{')) if !self.between.is_in_line() => {
                    if let Some(read) = self.value(value) {
                        return read;
                    }
                }
                Ok(None) => {
                    let preface = self.preface.1.take().filter(|_| self.values == 0);
                    let text = preface.or_else(|| self.between.take());
                    return self.end(text.map_or(Tail::Whole, Tail::Text));
                }
                Ok(Some(_)) => {
                    let passed = match self.values {
                        0 => self.skip_line(),
                        _ => self.pass_line().map(|()| true),
                    };
                    match passed {
                        Ok(true) => {}
                        Ok(false) => {
                            let text = self.preface.1.take().unwrap_or_default();
                            return self.end(Tail::Text(text));
                        }
                        Err(error) => return self.unreadable(value, error),
                    }
                }
                Err(error) => return self.unreadable(value, error),
            }
        }
    }
}

/// Writes an update on a line of its own.
pub fn write(status: &SolveStatus, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, status)?;
    output.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::super::status::{Vertex, VertexLog};
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> (Vec<SolveStatus>, Option<Tail>, Option<String>) {
        let mut reader = Reader::new(text);
        let mut statuses = Vec::new();
        let mut error = None;
        for item in reader.by_ref() {
            match item {
                Ok(status) => statuses.push(status),
                Err(err) => error = Some(err.to_string()),
            }
        }
        (statuses, reader.tail().cloned(), error)
    }

    #[test]
    fn values_may_be_on_one_line_or_on_many() {
        let (statuses, tail, error) =
            read(b"{\"vertexes\": [\n{\"digest\":\"a\"}]}\n{\"logs\":null}{}  \n");
        assert_eq!(statuses.len(), 3);
        assert_eq!(statuses[0].vertexes[0].digest, "a");
        assert_eq!((tail, error), (Some(Tail::Whole), None));
    }

    #[test]
    fn the_error_that_buildx_adds_is_told_apart() {
        let (statuses, tail, error) = read(b"{}\nERROR: failed to solve: x\n");
        assert_eq!(statuses.len(), 1);
        assert_eq!(tail, Some(Tail::Text("ERROR: failed to solve: x".into())));
        assert_eq!(error, None);
    }

    #[test]
    fn warnings_before_the_recording_are_passed_over() {
        let (statuses, tail, error) = read(b"WARNING: no output\n \nWARNING: x\n{}\n{}\n");
        assert_eq!((statuses.len(), tail, error), (2, Some(Tail::Whole), None));
        let (statuses, tail, error) = read(b"#1 [internal] load build definition\n#1 DONE\n");
        let text = Tail::Text("#1 [internal] load build definition".into());
        assert_eq!((statuses.len(), tail, error), (0, Some(text), None));
    }

    /// Yields an endless value without holding it.
    #[test]
    fn a_value_without_an_end_is_not_read_to_its_end() {
        let endless = b"{}\n{\"vertexes\":[{\"name\":\"".chain(io::repeat(b'x'));
        let mut reader = Reader::new(endless);
        assert!(reader.next().unwrap().is_ok());
        let error = reader.next().unwrap().unwrap_err().to_string();
        assert_eq!(
            error,
            "value 2 is larger than 32 MiB, and no update of a build is"
        );
        assert!(reader.next().is_none());
    }

    #[test]
    fn text_between_values_is_told_apart_and_passed_over() {
        let mut reader = Reader::new(
            &b"{}\nDockerfile:10\n---\n 10 | >>> RUN {\nERROR: failed to solve: x\n{}\n{}\n"[..],
        );
        let mut texts = Vec::new();
        while let Some(status) = reader.next() {
            status.unwrap();
            texts.push(reader.take_text());
        }
        let text = "Dockerfile:10\n---\n10 | >>> RUN {\nERROR: failed to solve: x".to_owned();
        assert_eq!(texts, [None, Some(text), None]);
        assert_eq!(reader.tail(), Some(&Tail::Whole));
    }

    #[test]
    fn of_much_text_the_error_is_kept() {
        let lines = "   1 | RUN x\n".repeat(2000);
        let (_, tail, error) = read(format!("{{}}\n{lines}ERROR: failed to solve: x\n").as_bytes());
        let Some(Tail::Text(text)) = tail else {
            panic!("{tail:?}");
        };
        assert!(text.ends_with("\nERROR: failed to solve: x") && text.len() <= MAX_TEXT);
        assert_eq!(error, None);
    }

    #[test]
    fn a_mark_of_utf8_is_passed_over() {
        let (statuses, tail, error) = read(b"\xef\xbb\xbf{\n\"vertexes\": []\n}\n{}\n");
        assert_eq!((statuses.len(), tail, error), (2, Some(Tail::Whole), None));
    }

    #[test]
    fn text_that_begins_like_a_value_ends_no_recording() {
        let text = "{}\nERROR: denied:\n{\"vertexes\": x}\n";
        let (statuses, tail, error) = read(text.as_bytes());
        assert!(matches!(tail, Some(Tail::Text(text)) if text.starts_with("ERROR: denied:")));
        assert_eq!((statuses.len(), error), (1, None));
        // What comes after is not left out in silence.
        let (statuses, _, error) = read(format!("{text}{{}}\n").as_bytes());
        assert_eq!(statuses.len(), 1);
        assert!(error.unwrap().starts_with("value 2 is not"));
        // What is no JSON at all is nothing but a line.
        let (statuses, tail, error) = read(b"{x}\n{}\n{ y\n{}\n{z {}\n{}\n");
        assert_eq!((statuses.len(), error), (3, None));
        assert!(matches!(tail, Some(Tail::Text(_))));
    }

    #[test]
    fn what_is_no_status_is_an_error_with_its_number() {
        let (statuses, tail, error) = read(b"{}\n{\"vertexes\": 3}\n{}\n");
        assert_eq!((statuses.len(), tail), (1, None));
        assert!(error.unwrap().starts_with("value 2 is not"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(names in proptest::collection::vec(".{0,20}", 0..6), data: Vec<u8>, cut: prop::sample::Index) {
            let statuses: Vec<SolveStatus> = names.into_iter().map(|name| SolveStatus {
                vertexes: vec![Vertex { name, ..Vertex::default() }],
                logs: vec![VertexLog { data: data.clone(), ..VertexLog::default() }],
                ..SolveStatus::default()
            }).collect();
            let mut bytes = Vec::new();
            for status in &statuses {
                write(status, &mut bytes).unwrap();
            }
            prop_assert_eq!(bytes.iter().filter(|b| **b == b'\n').count(), statuses.len());
            let (read_back, tail, error) = read(&bytes);
            prop_assert_eq!(&read_back, &statuses);
            prop_assert_eq!((tail, error), (Some(Tail::Whole), None));

            // Cut anywhere, what came before is whole.
            bytes.truncate(cut.index(bytes.len() + 1));
            let (read_back, _, error) = read(&bytes);
            prop_assert_eq!(error, None);
            prop_assert_eq!(&statuses[..read_back.len()], &read_back[..]);
        }

        #[test]
        fn any_bytes_end(bytes: Vec<u8>) {
            read(&bytes);
        }
    }
}
