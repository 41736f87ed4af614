//! The end of a step's log, in bounded memory however much the step prints.

use std::collections::VecDeque;

/// Bytes kept of a step's log.
const MAX_BYTES: usize = 8 * 1024;
/// Lines kept for people of a step's log.
const MAX_LINES: usize = 20;
/// Characters kept of one line.
const MAX_LINE_CHARS: usize = 1000;

/// The last bytes that a step wrote, stdout and stderr as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogTail {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl LogTail {
    /// Takes what comes next.
    pub fn push(&mut self, data: &[u8]) {
        let data = match data.len().checked_sub(MAX_BYTES) {
            Some(surplus) if surplus > 0 => {
                self.cut = true;
                &data[surplus..]
            }
            _ => data,
        };
        let surplus = (self.bytes.len() + data.len()).saturating_sub(MAX_BYTES);
        if surplus > 0 {
            self.bytes.drain(..surplus);
            self.cut = true;
        }
        self.bytes.extend(data);
    }

    /// Whether the step wrote anything.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The last lines, oldest first, at most 20 and 1,000 characters each.
    /// Control characters are as the step wrote them: escape them where they
    /// are shown. A line that is not whole begins or ends in `…`.
    pub fn lines(&self) -> Vec<String> {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<&str> = text.lines().collect();
        let mut first_is_cut = self.cut;
        if lines.len() > MAX_LINES {
            lines.drain(..lines.len() - MAX_LINES);
            first_is_cut = false;
        } else if first_is_cut && lines.len() > 1 {
            lines.remove(0);
            first_is_cut = false;
        }
        lines
            .into_iter()
            .enumerate()
            .map(|(index, line)| {
                let mut kept = String::new();
                if index == 0 && first_is_cut {
                    kept.push('…');
                }
                kept.extend(line.chars().take(MAX_LINE_CHARS));
                if line.chars().nth(MAX_LINE_CHARS).is_some() {
                    kept.push('…');
                }
                kept
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_lines() {
        let mut log = LogTail::default();
        for piece in ["one\ntw", "o\n", "three"] {
            log.push(piece.as_bytes());
        }
        assert_eq!(log.lines(), ["one", "two", "three"]);
    }

    #[test]
    fn only_the_end_is_kept() {
        let mut log = LogTail::default();
        for line in 0..100_000 {
            log.push(format!("line {line}\n").as_bytes());
        }
        let lines = log.lines();
        assert_eq!(lines.len(), MAX_LINES);
        assert_eq!(lines.last().unwrap(), "line 99999");
        assert!(log.bytes.len() <= MAX_BYTES);
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let mut log = LogTail::default();
        log.push(&vec![b'x'; 1 << 20]);
        log.push(&[0xff; 100]);
        let lines = log.lines();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("…x") && lines[0].ends_with('…'));
        assert!(lines[0].chars().count() <= MAX_LINE_CHARS + 2);
    }
}
