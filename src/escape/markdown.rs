//! Text from outside for Markdown as GitHub and GitLab render it.
//!
//! What a reader sees in the source is what was meant, as far as that is safe.
//! Punctuation gets a backslash only where Markdown would take it for more than
//! a character. A word that would become a link or a mention stands in a code
//! span. An entity would stop neither: those are found in the rendered text.

use super::{bounded, terminal};

/// Most characters of a line in a code block.
const MAX_LINE: usize = 4000;

/// Text for Markdown, in a paragraph or a table cell: control characters
/// written out, HTML and Markdown punctuation taken as plain, links and
/// mentions defused, bounded to [`MAX_CHARS`](super::MAX_CHARS) characters
/// before escaping.
pub fn markdown(text: &str) -> String {
    escaped(bounded(text).trim_start(), true)
}

/// The same behind other text on its line: blanks at its start stay, and no
/// list or heading begins there.
pub fn markdown_within(text: &str) -> String {
    escaped(&bounded(text), false)
}

fn escaped(plain: &str, begins_line: bool) -> String {
    let mut escaped = String::with_capacity(plain.len());
    for (at, word) in plain.split(' ').enumerate() {
        if at > 0 {
            escaped.push(' ');
        }
        if becomes_link(word) {
            let (before, bare, behind) = without_punctuation(word);
            escaped.push_str(before);
            escaped.push_str(&markdown_code(bare));
            escaped.push_str(behind);
        } else {
            push_plain(&mut escaped, word, begins_line && at == 0);
        }
    }
    escaped
}

/// A word that would become a link, apart from the punctuation of its sentence: a
/// comma behind an address is none of it, nor are the parentheses around it.
fn without_punctuation(word: &str) -> (&str, &str, &str) {
    let inner = word.strip_prefix('(').unwrap_or(word);
    let is_opened = inner.len() < word.len();
    let bare = inner.trim_end_matches(|c| ",;.:".contains(c) || (is_opened && c == ')'));
    match becomes_link(bare) {
        true => {
            let begin = word.len() - inner.len();
            (&word[..begin], bare, &word[begin + bare.len()..])
        }
        false => ("", word, ""),
    }
}

/// Text for a Markdown code span, delimiters included. Backticks in it cannot
/// end the span, and a `|` cannot end a table cell.
pub fn markdown_code(text: &str) -> String {
    let plain = bounded(text);
    if plain.is_empty() {
        return plain;
    }
    if plain.contains('|') {
        // A table is cut into cells before anybody looks for code spans. A code
        // element takes entities, so that no pipe is left.
        return format!("<code>{}</code>", code_entities(&plain));
    }
    let fence = "`".repeat(longest_run(&plain, '`') + 1);
    // One blank is taken away at both ends, where both have one.
    let touches = |end: Option<char>| matches!(end, Some('`' | ' '));
    let blank = match touches(plain.chars().next()) || touches(plain.chars().next_back()) {
        true if !plain.trim_matches(' ').is_empty() => " ",
        _ => "",
    };
    format!("{fence}{blank}{plain}{blank}{fence}")
}

/// A code block of Markdown, a line for each of `lines`, highlighted as what
/// `language` names. No line can end the block.
pub fn markdown_block<'t>(language: &str, lines: impl IntoIterator<Item = &'t str>) -> String {
    let lines = lines.into_iter();
    let lines: Vec<String> = lines.map(|line| terminal(line, MAX_LINE)).collect();
    let longest = lines.iter().map(|line| longest_run(line, '`')).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

/// Whether a word of plain text would become a link, or notify somebody.
pub(super) fn becomes_link(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let is_address = lower.contains("://") || lower.contains("www.");
    is_address || mentions(word) || refers(&lower)
}

/// `@name`, unless it stands behind a letter, or an address of e-mail.
fn mentions(word: &str) -> bool {
    word.match_indices('@').any(|(at, _)| {
        let rest = &word[at + 1..];
        let before = word[..at].chars().next_back();
        let is_within = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        rest.contains('.') || (!is_within && rest.starts_with(|c: char| c.is_alphanumeric()))
    })
}

/// `#1` and `gh-1`, which name an issue.
fn refers(lower: &str) -> bool {
    ["#", "gh-"].into_iter().any(|mark| {
        let mut marks = lower.match_indices(mark);
        marks.any(|(at, _)| lower[at + mark.len()..].starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// A word with a backslash or an entity for what Markdown would obey.
fn push_plain(escaped: &mut String, word: &str, is_first: bool) {
    for (at, c) in word.char_indices() {
        let rest = &word[at + c.len_utf8()..];
        let ends = rest.is_empty();
        let is_obeyed = match c {
            '\\' | '`' | '*' | '|' | '~' | '$' => true,
            // What is between brackets is a link before an address alone, as long
            // as no line can define what the brackets stand for.
            '[' => (is_first && at == 0) || rest.starts_with('^'),
            ']' => rest.starts_with(['(', '[', ':']),
            // Within a word it emphasises nothing.
            '_' => {
                let before = word[..at].chars().next_back();
                let neighbours = [before, rest.chars().next()];
                !neighbours
                    .iter()
                    .all(|c| c.is_some_and(char::is_alphanumeric))
            }
            // Lists, headings, rules and underlines, at the start only.
            '-' | '+' | '=' | '#' if is_first && at == 0 => ends || rest.starts_with(c),
            '.' | ')' if is_first && ends => word[..at].bytes().all(|b| b.is_ascii_digit()),
            _ => false,
        };
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' if begins_entity(rest) => escaped.push_str("&amp;"),
            c if is_obeyed => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
}

/// Whether an `&` with this behind it would be read as another character.
fn begins_entity(rest: &str) -> bool {
    let name = rest.split_once(';').map_or("", |(name, _)| name);
    let is_of_name = |c: char| c == '#' || c.is_ascii_alphanumeric();
    !name.is_empty() && name.chars().all(is_of_name)
}

fn longest_run(text: &str, of: char) -> usize {
    let runs = text.split(|c| c != of);
    runs.map(|run| run.chars().count()).max().unwrap_or(0)
}

/// Entities for everything that Markdown still reads inside `<code>`.
fn code_entities(plain: &str) -> String {
    let mut escaped = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            c if c.is_ascii_punctuation() && !matches!(c, '/' | '.' | ',' | ';' | '-') => {
                escaped.push_str(&format!("&#{};", u32::from(c)));
            }
            _ => escaped.push(c),
        }
    }
    escaped
}
