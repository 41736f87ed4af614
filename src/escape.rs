//! Making text from outside safe to show: one function for each kind of
//! output. Step names, logs, errors and file names are written by whoever
//! wrote a Dockerfile, so none of them reaches a terminal, a Markdown page, an
//! SVG or a spreadsheet as it is.

mod markdown;
#[cfg(test)]
#[path = "escape/markdown_tests.rs"]
mod markdown_tests;

use std::path::Path;

pub use markdown::{markdown, markdown_block, markdown_code, markdown_within};

/// Most characters of one outside text in a report; what is longer is cut
/// and ends in `…`.
pub const MAX_CHARS: usize = 400;

/// The text with control characters written out and bounded to `max`
/// characters, on one line, safe to print to a terminal.
///
/// Escape sequences are not removed but shown (`\x1b[31m`), so that a reader
/// sees what the text held. Characters that reorder or hide their neighbours
/// (bidirectional controls, zero-width ones) are written out too, and so is
/// `##[`, which GitHub's runner takes for a command anywhere in a line
/// (`ActionCommand.TryParse` in actions/runner).
pub fn terminal(text: &str, max: usize) -> String {
    let mut escaped = String::with_capacity(text.len().min(max));
    let mut length = 0;
    for (at, c) in text.char_indices() {
        let before = escaped.len();
        if text[at..].starts_with("##[") {
            escaped.push_str("\\x23");
        } else {
            push_visible(&mut escaped, c);
        }
        length += escaped[before..].chars().count();
        if length > max {
            return cut(&escaped, max);
        }
    }
    escaped
}

/// The text on one line of at most [`MAX_CHARS`] characters and `…`, with a
/// space for each control character. What other programs said is quoted so in
/// messages, which are made safe for a terminal when they are printed.
pub fn one_line(text: &str) -> String {
    let clean: String = text
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_CHARS + 1)
        .collect();
    match clean.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
}

/// Outside text in a message: as [`terminal`] makes it safe, bounded to
/// [`MAX_CHARS`] characters.
pub fn bounded(text: &str) -> String {
    terminal(text, MAX_CHARS)
}

/// A path in a message, as [`bounded`] makes it safe.
pub fn path(path: &Path) -> String {
    bounded(&path.to_string_lossy())
}

/// Text for HTML and SVG, in an element or a quoted attribute: control
/// characters written out, bounded to [`MAX_CHARS`] characters.
pub fn html(text: &str) -> String {
    entities(&bounded(text))
}

/// A cell of a CSV file that a spreadsheet may open: control characters
/// written out and, where the text could be taken for a formula, an apostrophe
/// put before it. Quoting is the CSV writer's work.
pub fn csv(text: &str) -> String {
    let plain = bounded(text);
    if plain
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
    {
        format!("'{plain}")
    } else {
        plain
    }
}

/// JSON that goes to a screen, with `##[` written as `##\u005b`: GitHub's runner
/// takes it for a command anywhere in a line. It can stand in a string only, and
/// means the same to a parser. The runner's other command, `::`, must begin a
/// line, which no string does.
pub fn json(text: &str) -> String {
    text.replace("##[", "##\\u005b")
}

/// A value in a workflow of GitHub Actions: as it is where it is a plain path or
/// name, else as [`yaml_text`].
pub fn yaml(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.');
    // `true` and its like are no text.
    let is_word = text == "." || text.contains('/') || text.len() > 5;
    let is_short = text.len() <= MAX_CHARS;
    match begins && is_word && is_short && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => yaml_text(text),
    }
}

/// The text in double quotes, as JSON and YAML have them, bounded to [`MAX_CHARS`]
/// characters. GitHub's `${{` is written so that it means itself.
pub fn yaml_text(text: &str) -> String {
    let plain = bounded(text).replace("${{", "${{ '${{' }}");
    let quoted = plain.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{quoted}\"")
}

/// The text on one line, control characters written out, at most `max`
/// columns of a terminal wide.
pub fn columns(text: &str, max: usize) -> String {
    use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

    let plain = bounded(text);
    if plain.width() <= max {
        return plain;
    }
    let mut kept = String::new();
    let mut width = 0;
    for c in plain.chars() {
        width += c.width().unwrap_or(0);
        if width >= max {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c.is_control() && u32::from(c) < 0x100 => {
            out.push_str(&format!("\\x{:02x}", u32::from(c)));
        }
        c if is_invisible(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        c => out.push(c),
    }
}

/// Characters that change how others are shown, or hide.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The first `max` characters, the last of them `…`.
fn cut(text: &str, max: usize) -> String {
    let mut kept: String = text.chars().take(max.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

fn entities(plain: &str) -> String {
    let mut escaped = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn json_on_a_screen_is_the_same_json_and_no_command(
            text in "(##\\[|#|\\[|::|error|\n|\\\\|\"|.){0,30}"
        ) {
            let value = serde_json::json!({ &text: [&text, { "a": &text }] });
            let shown = json(&serde_json::to_string_pretty(&value).unwrap());
            let parsed: serde_json::Value = serde_json::from_str(&shown).unwrap();
            prop_assert_eq!(parsed, value);
            prop_assert!(!shown.contains("##["), "{}", shown);
            prop_assert!(shown.lines().all(|line| !line.trim_start().starts_with("::")));
        }
    }

    #[test]
    fn escape_sequences_are_shown_not_obeyed() {
        assert_eq!(
            terminal("\u{1b}[31mred\u{9b}0m\r\n", 80),
            "\\x1b[31mred\\x9b0m\\r\\n"
        );
        assert_eq!(terminal("a\u{202e}b\u{200b}", 80), "a\\u{202e}b\\u{200b}");
    }

    #[test]
    fn no_command_of_githubs_runner_is_left() {
        assert_eq!(terminal("x ###[error]y", 80), "x #\\x23#[error]y");
        assert_eq!(terminal("# ## [x]", 80), "# ## [x]");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(terminal("abcdef", 6), "abcdef");
        assert_eq!(terminal("abcdefg", 6), "abcde…");
        assert_eq!(columns("日本語日本語", 6), "日本…");
    }

    #[test]
    fn yaml_holds_the_text_and_no_expression() {
        for plain in [
            ".",
            "dockerfiles/go-hello/cross.Dockerfile",
            "Dockerfile",
            "a/b",
        ] {
            assert_eq!(yaml(plain), plain);
        }
        for (text, written) in [
            ("", "\"\""),
            ("true", "\"true\""),
            ("1.5", "\"1.5\""),
            ("-", "\"-\""),
            ("a: b", "\"a: b\""),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\nb: c", r#""a\\nb: c""#),
            ("x${{ secrets.A }}", "\"x${{ '${{' }} secrets.A }}\""),
        ] {
            assert_eq!(yaml(text), written);
        }
    }

    #[test]
    fn spreadsheets_see_no_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\u{ff1d}1"] {
            assert!(csv(text).starts_with('\''), "{text:?}");
        }
        assert_eq!(csv("go-hello"), "go-hello");
    }

    proptest! {
        #[test]
        fn nothing_dangerous_is_left(text in "\\PC*|[\\x00-\\xff]{0,600}|.{0,600}") {
            for escaped in [terminal(&text, 80), html(&text), csv(&text)] {
                prop_assert!(!escaped.chars().any(char::is_control), "{escaped:?}");
            }
            prop_assert!(terminal(&text, 80).chars().count() <= 80);
            let html = html(&text);
            prop_assert!(!html.contains(['<', '>', '"', '\'']), "{html:?}");
        }
    }
}
