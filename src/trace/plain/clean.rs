//! A line of a log without what was put around it: time stamps of a CI system, its marks,
//! colours, movements of a cursor.
//!
//! GitHub Actions and Azure Pipelines put `2026-11-28T21:36:51.1234567Z ` before a line,
//! `gh run view --log` the job and the step before that, with tabs. GitLab's runner
//! (`FF_TIMESTAMPS`) writes `2026-11-28T21:36:51.123456Z 00O `: the number of a stream, `O`
//! or `E`, and `+` where the line goes on with the one before. Jenkins' timestamper has
//! brackets around the time.

use jiff::Timestamp;

/// Bytes of the longest time stamp that is read.
const MAX_STAMP: usize = 40;

/// A line without what was put around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// The time stamp before it.
    pub(super) at: Option<Timestamp>,
    /// What it says, without the end of the line.
    pub(super) text: String,
    /// Whether it goes on with the line before.
    pub(super) continues: bool,
}

impl Line {
    pub(super) fn clean(line: &[u8]) -> Self {
        let text = without_controls(&String::from_utf8_lossy(line));
        let mut line = stamped(&text)
            .or_else(|| stamped(text.splitn(3, '\t').nth(2)?))
            .unwrap_or_else(|| Self {
                text: text.clone(),
                ..Self::default()
            });
        line.text = without_section(&line.text)
            .trim_end_matches(['\r', '\n'])
            .to_owned();
        line
    }
}

/// A line that begins with a time stamp.
fn stamped(text: &str) -> Option<Line> {
    let text = text.trim_start_matches('\r');
    let (stamp, rest) = match text.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => text.split_once(' ').unwrap_or((text.trim_end(), "")),
    };
    // A number alone is no time.
    if !stamp.starts_with(|c: char| c.is_ascii_digit()) || stamp.len() > MAX_STAMP {
        return None;
    }
    let at = stamp.parse().ok()?;
    let rest = match text.starts_with('[') {
        true => rest.strip_prefix(' ').unwrap_or(rest),
        false => rest,
    };
    let (continues, rest) = match gitlab_stream(rest) {
        Some((continues, rest)) => (continues, rest),
        None => (false, rest),
    };
    Some(Line {
        at: Some(at),
        text: rest.to_owned(),
        continues,
    })
}

/// Whether the line goes on with the one before, and the line, where GitLab's mark of a
/// stream stands before it: `00O `, `01E+`.
fn gitlab_stream(text: &str) -> Option<(bool, &str)> {
    let (mark, rest) = text.split_at_checked(4)?;
    let &[first, second, stream, joint] = mark.as_bytes() else {
        return None;
    };
    let is_mark = first.is_ascii_hexdigit()
        && second.is_ascii_hexdigit()
        && matches!(stream, b'O' | b'E')
        && matches!(joint, b' ' | b'+');
    is_mark.then_some((joint == b'+', rest))
}

/// A line without the mark of one of GitLab's sections, `section_start:1560896352:build`
/// and a carriage return.
fn without_section(text: &str) -> &str {
    let mut text = text.trim_start_matches('\r');
    while text.starts_with("section_start:") || text.starts_with("section_end:") {
        let Some((_, rest)) = text.split_once('\r') else {
            return text;
        };
        text = rest.trim_start_matches('\r');
    }
    text
}

/// Text without escape sequences (ECMA-48), marks of byte order and control characters but
/// tabs, line ends and carriage returns.
fn without_controls(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\x1b' => skip_sequence(&mut rest),
            '\t' | '\r' | '\n' => kept.push(c),
            '\u{feff}' => {}
            c if c.is_control() => {}
            c => kept.push(c),
        }
    }
    kept
}

/// Skips what follows an escape character.
fn skip_sequence(rest: &mut std::str::Chars<'_>) {
    match rest.next() {
        // Control sequences, as of colours: to their final byte.
        Some('[') => {
            let _ = rest.find(|c| ('\x40'..='\x7e').contains(c));
        }
        // Strings, as titles of windows and Buildkite's marks: to their end.
        Some(']' | '_' | 'P' | '^' | 'X') => {
            let mut before = '\0';
            let _ = rest.find(|&c| {
                let is_end = c == '\x07' || (before == '\x1b' && c == '\\');
                before = c;
                is_end
            });
        }
        // Those with one more byte, as for sets of characters.
        Some('(' | ')' | '#' | '%' | ' ') => {
            rest.next();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(line: &str) -> (Option<String>, String, bool) {
        let line = Line::clean(line.as_bytes());
        let at = line.at.map(|at| at.to_string());
        (at, line.text, line.continues)
    }

    #[test]
    fn what_ci_systems_and_terminals_put_around_a_line_is_taken_away() {
        let github = "2026-11-28T21:36:51.1234567Z";
        let gitlab = "2026-11-28T21:36:51.123456Z";
        for (line, at, text, continues) in [
            ("#7 DONE 1.2s\n".to_owned(), None, "#7 DONE 1.2s", false),
            ("#7 DONE 1.2s\r\n".to_owned(), None, "#7 DONE 1.2s", false),
            (
                format!("{github} #7 DONE 1.2s\r\n"),
                Some(github),
                "#7 DONE 1.2s",
                false,
            ),
            // The first line of a file.
            (
                format!("\u{feff}{github} ##[group]Build"),
                Some(github),
                "##[group]Build",
                false,
            ),
            (
                format!("build\tUNKNOWN STEP\t\u{feff}{github} #7 CACHED"),
                Some(github),
                "#7 CACHED",
                false,
            ),
            (format!("{github} \n"), Some(github), "", false),
            (format!("{github}\n"), Some(github), "", false),
            (
                format!("{gitlab} 00O #7 DONE 1.2s"),
                Some(gitlab),
                "#7 DONE 1.2s",
                false,
            ),
            (
                format!("{gitlab} 01E+ and more"),
                Some(gitlab),
                " and more",
                true,
            ),
            (
                format!(
                    "{gitlab} 00O section_start:1560896352:step_script\r\x1b[0K\x1b[0K\x1b[36;1m#1 x\x1b[0;m"
                ),
                Some(gitlab),
                "#1 x",
                false,
            ),
            (
                format!("[{gitlab}] #7 DONE"),
                Some(gitlab),
                "#7 DONE",
                false,
            ),
            (
                "\x1b_bk;t=1700000000000\x07#7 DONE\x1b[?25h".to_owned(),
                None,
                "#7 DONE",
                false,
            ),
            ("\x1b]0;title\x1b\\#7 x".to_owned(), None, "#7 x", false),
            // A date that somebody prints.
            ("2026-11-28 #7 x".to_owned(), None, "2026-11-28 #7 x", false),
            ("12 #7 x".to_owned(), None, "12 #7 x", false),
            ("\x1b[".to_owned(), None, "", false),
        ] {
            let at = at.map(|at: &str| at.parse::<Timestamp>().unwrap().to_string());
            assert_eq!(clean(&line), (at, text.to_owned(), continues), "{line:?}");
        }
    }
}
