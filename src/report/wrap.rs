//! Lines of bounded width, for outputs that do not wrap words themselves.

use unicode_width::UnicodeWidthStr;

/// The text in lines of at most `width` columns, broken between words; line
/// breaks of the text stay. A word that is wider has a line of its own.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.width() + 1 + word.width() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}
