//! Text that stands in a recording between what it says of steps, or after the last of it.

use super::client_error::is_error;
use super::step::bounded;

/// Bytes kept of such text.
pub(super) const MAX_TEXT: usize = 4 * 1024;

/// Text that stands between values of a recording, or after the last.
#[derive(Debug, Clone, Default)]
pub(super) struct Between {
    /// Its first bytes, up to a bound.
    begin: String,
    /// The last line that is an error's, if it is not in the beginning.
    error: Option<String>,
    /// Whether the last line goes on.
    in_line: bool,
}

impl Between {
    pub(super) fn push(&mut self, line: &[u8]) {
        let ends = line.ends_with(b"\n");
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\r', '\n']);
        if self.begin.len() < MAX_TEXT {
            if !self.begin.is_empty() && !self.in_line {
                self.begin.push('\n');
            }
            let room = MAX_TEXT.saturating_sub(self.begin.len());
            self.begin.push_str(bounded(text, room));
        } else if !self.in_line && is_error(text) {
            self.error = Some(bounded(text, MAX_TEXT / 2).to_owned());
        }
        self.in_line = !ends;
    }

    /// Whether nothing was said.
    pub(super) fn is_empty(&self) -> bool {
        self.begin.is_empty()
    }

    /// Whether the last line goes on.
    pub(super) fn is_in_line(&self) -> bool {
        self.in_line
    }

    pub(super) fn take(&mut self) -> Option<String> {
        let Self { begin, error, .. } = std::mem::take(self);
        let text = match error {
            Some(error) => format!("{}\n{error}", bounded(&begin, MAX_TEXT - error.len() - 1)),
            None => begin.trim_end().to_owned(),
        };
        (!text.is_empty()).then_some(text)
    }
}
