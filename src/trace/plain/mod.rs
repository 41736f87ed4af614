//! Recorded builds in the form of `docker buildx build --progress=plain`, which is also what
//! the log of a CI job holds of them.
//!
//! Such a log is made for people, and says less than the status stream: of each step its
//! name, how long it was worked on to 0.1 s, whether it came from the cache, and how it
//! ended. What a step takes from is inferred from names (`inputs.rs`). When steps ran is
//! known where a CI system put time stamps before the lines (`place.rs`); else only in
//! which order they ended.

mod build;
mod clean;
mod inputs;
mod line;
mod place;

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use super::Recorded;
use build::Build;
use clean::Line;
use line::{Said, step_line};

/// Bytes of a line that are read.
const MAX_LINE: u64 = 64 * 1024;
/// Steps of all builds in a log; BuildKit's largest builds have some hundreds. Of each some
/// kilobytes of output are kept.
const MAX_STEPS: usize = 20_000;

/// Why a plain log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PlainError {
    /// The file could not be read.
    #[error("line {line} could not be read: {error}")]
    Io {
        /// Number of the line, from 1.
        line: u64,
        /// Why. Not chained as a source: the text has it already.
        error: io::Error,
    },
    /// There are more steps than a log of builds has.
    #[error("line {line} is of step {} of its builds, and at most {MAX_STEPS} are read", MAX_STEPS + 1)]
    TooManySteps {
        /// Number of the line, from 1.
        line: u64,
    },
}

/// The builds of a plain log in their order; none where it holds no line of a step that
/// ended. Other text is passed over.
///
/// # Errors
/// The log cannot be read, or has more steps than are read.
pub fn builds(input: impl Read) -> Result<Vec<Recorded>, PlainError> {
    let mut log = Log::default();
    let mut lines = Lines::new(input);
    let cut_off = loop {
        match lines.next() {
            Ok(Some(line)) => log.push(&line),
            Ok(None) => break false,
            // A compressed file that was cut off.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break true,
            Err(error) => {
                let line = lines.number + 1;
                return Err(PlainError::Io { line, error });
            }
        }
        if log.steps > MAX_STEPS {
            let line = lines.number;
            return Err(PlainError::TooManySteps { line });
        }
    };
    Ok(log.end(cut_off))
}

/// Whether a line is one that BuildKit's plain printer wrote, whatever a CI system put
/// around it.
pub fn is_step_line(line: &[u8]) -> bool {
    let line = Line::clean(line);
    match step_line(&line.text) {
        Some((number, Said::Other(said))) => build::is_first_name(number, said),
        Some(_) => true,
        None => false,
    }
}

/// The lines of a log.
struct Lines<R> {
    input: BufReader<R>,
    /// Number of the line that was read last, from 1.
    number: u64,
    /// The last one, to which the next may belong.
    held: Option<Line>,
    /// Why no more can be read.
    failed: Option<io::Error>,
}

impl<R: Read> Lines<R> {
    fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(128 * 1024, input),
            number: 0,
            held: None,
            failed: None,
        }
    }

    fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            let next = match self.read() {
                Ok(next) => next,
                // What came before it counts.
                Err(error) => {
                    let Some(held) = self.held.take() else {
                        return Err(error);
                    };
                    self.failed = Some(error);
                    return Ok(Some(held));
                }
            };
            match (next, &mut self.held) {
                (None, held) => return Ok(held.take()),
                (Some(next), Some(held)) if next.continues => {
                    let room = usize::try_from(MAX_LINE).unwrap_or(usize::MAX);
                    if held.text.len() < room {
                        held.text.push_str(&next.text);
                    }
                }
                (Some(next), held) => {
                    if let Some(before) = held.replace(next) {
                        return Ok(Some(before));
                    }
                }
            }
        }
    }

    /// The next line, of which more than can be read is passed over.
    fn read(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let read = (&mut self.input)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if read as u64 == MAX_LINE && !line.ends_with(b"\n") {
            self.input.skip_until(b'\n')?;
        }
        Ok(Some(Line::clean(&line)))
    }
}

/// The builds that were read so far.
#[derive(Debug, Default)]
struct Log {
    done: Vec<Recorded>,
    current: Build,
    /// Steps of all builds.
    steps: usize,
}

impl Log {
    fn push(&mut self, line: &Line) {
        match step_line(&line.text) {
            Some((number, said)) => {
                if self.current.is_another(number, said) {
                    self.next_build(false);
                }
                let before = self.current.len();
                self.current.push(number, said, line);
                self.steps += self.current.len() - before;
            }
            None => self.current.push_text(&line.text),
        }
    }

    fn next_build(&mut self, cut_off: bool) {
        let ended = std::mem::take(&mut self.current);
        self.done.extend(ended.recorded(cut_off));
    }

    fn end(mut self, cut_off: bool) -> Vec<Recorded> {
        self.next_build(cut_off);
        self.done
    }
}

#[cfg(test)]
pub(crate) mod printed;
#[cfg(test)]
mod tests;
