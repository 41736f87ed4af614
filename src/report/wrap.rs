//! Lines of bounded width, for outputs that do not wrap words themselves.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

// Not by textwrap: it adds up the widths of an emoji's parts, and counts 6
// columns where a terminal shows 2.

/// The text in lines of at most `width` columns, broken between words but for
/// a number and its seconds; line breaks of the text stay. A word that is wider
/// has a line of its own.
///
/// GitHub's runner takes a line that begins with `::` for a command, wherever
/// it comes from: of such the first character is written out.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        let mut words = paragraph.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let word = match words.next_if(|unit| is_unit_of(word, unit)) {
                Some(unit) => Cow::Owned(format!("{word} {unit}")),
                None => Cow::Borrowed(word),
            };
            if !line.is_empty() && line.width() + 1 + word.width() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
    }
    for line in &mut lines {
        if line.starts_with("::") {
            line.replace_range(..1, "\\x3a");
        }
    }
    lines
}

/// Whether these are the two halves of `0.64 s`, and what punctuation follows.
fn is_unit_of(number: &str, unit: &str) -> bool {
    let unit = unit.trim_end_matches(|c: char| !c.is_alphanumeric());
    unit == "s" && number.ends_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn a_number_stays_with_its_unit() {
        assert_eq!(
            wrap("faster (8.61 s), and s", 12),
            ["faster", "(8.61 s),", "and s"]
        );
    }

    #[test]
    fn no_line_is_a_command_of_githubs_runner() {
        let text = "a step ::stop-commands::x\n  ::error::y";
        for width in 1..30 {
            for line in wrap(text, width) {
                assert!(!line.trim_start().starts_with("::"), "{line}");
            }
        }
        assert_eq!(wrap("x ::a", 4), ["x", "\\x3a:a"]);
    }
}
