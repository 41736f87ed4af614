//! From Go's regular expressions to Rust's. Only what `patternmatcher` makes
//! of a glob comes here; the two differ in character classes, where `[`, `&&`,
//! `--` and `~~` are letters to Go, and in what may be escaped.

use std::iter::Peekable;
use std::str::Chars;

/// The expression with the same meaning, or `None` where Go refuses it or
/// gives it a meaning that no file name has use for (`\Q`, `\pN`, `\x41`).
pub(super) fn from_go(go: &str) -> Option<String> {
    let mut out = String::with_capacity(go.len() + 16);
    let mut chars = go.chars().peekable();
    // Go does not repeat a repetition, nor nothing.
    let mut repeatable = true;
    while let Some(c) = chars.next() {
        let mut now_repeatable = true;
        match c {
            '\\' => match escape(&mut chars)? {
                Escaped::Char(c) => push_char(&mut out, c),
                Escaped::Set(set) => {
                    out.push('[');
                    out.push_str(set);
                    out.push(']');
                }
                Escaped::WordBoundary => out.push_str(r"(?-u:\b)"),
            },
            '[' => class(&mut chars, &mut out)?,
            '*' | '?' => {
                if !repeatable {
                    return None;
                }
                out.push(c);
                now_repeatable = false;
            }
            '{' => match repetition(chars.clone()) {
                Some((len, min, max)) => {
                    if !repeatable || min > max || max > 1000 {
                        return None;
                    }
                    out.push(c);
                    out.extend(chars.by_ref().take(len));
                    now_repeatable = false;
                }
                None => push_char(&mut out, c),
            },
            '|' => {
                out.push(c);
                now_repeatable = false;
            }
            '.' | '(' | ')' | '^' | '$' => out.push(c),
            _ => push_char(&mut out, c),
        }
        repeatable = now_repeatable;
    }
    Some(out)
}

/// `n}`, `n,}` or `n,m}`: its length, n and m.
fn repetition(chars: Peekable<Chars<'_>>) -> Option<(usize, u32, u32)> {
    let rest: String = chars.collect();
    let (range, _) = rest.split_once('}')?;
    let number = |digits: &str| {
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        let leading_zero = digits.len() > 1 && digits.starts_with('0');
        (plain && !leading_zero && !digits.is_empty()).then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (min, max) = match range.split_once(',') {
        None => (number(range)?, number(range)?),
        Some((min, "")) => (number(min)?, number(min)?),
        Some((min, max)) => (number(min)?, number(max)?),
    };
    Some((range.len() + 1, min, max))
}

enum Escaped {
    Char(char),
    /// The inside of a class.
    Set(&'static str),
    WordBoundary,
}

fn escape(chars: &mut Peekable<Chars<'_>>) -> Option<Escaped> {
    Some(match chars.next()? {
        'd' => Escaped::Set("0-9"),
        'D' => Escaped::Set("[^0-9]"),
        's' => Escaped::Set(r"\t\n\f\r\x20"),
        'S' => Escaped::Set(r"[^\t\n\f\r\x20]"),
        'w' => Escaped::Set("0-9A-Za-z_"),
        'W' => Escaped::Set("[^0-9A-Za-z_]"),
        'b' => Escaped::WordBoundary,
        'a' => Escaped::Char('\u{7}'),
        'f' => Escaped::Char('\u{c}'),
        'n' => Escaped::Char('\n'),
        'r' => Escaped::Char('\r'),
        't' => Escaped::Char('\t'),
        'v' => Escaped::Char('\u{b}'),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Escaped::Char(c),
        _ => return None,
    })
}

/// A class, its `[` already taken.
fn class(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        let c = chars.next()?;
        if c == ']' && !first {
            break;
        }
        first = false;
        if c == '[' && chars.peek() == Some(&':') {
            let rest: String = chars.clone().skip(1).collect();
            if let Some((name, _)) = rest.split_once(":]") {
                out.push_str(posix_class(name)?);
                chars.nth(name.chars().count() + 2);
                continue;
            }
        }
        let low = match c {
            '\\' => match escape(chars)? {
                Escaped::Char(c) => c,
                Escaped::Set(set) => {
                    out.push_str(set);
                    continue;
                }
                Escaped::WordBoundary => return None,
            },
            c => c,
        };
        push_char(out, low);
        let mut ahead = chars.clone();
        if ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']') {
            chars.next();
            let high = match chars.next()? {
                '\\' => match escape(chars)? {
                    Escaped::Char(c) => c,
                    Escaped::Set(_) | Escaped::WordBoundary => return None,
                },
                c => c,
            };
            if high < low {
                return None;
            }
            out.push('-');
            push_char(out, high);
        }
    }
    out.push(']');
    Some(())
}

fn posix_class(name: &str) -> Option<&'static str> {
    const CLASSES: [(&str, &str); 14] = [
        ("alnum", "[:alnum:]"),
        ("alpha", "[:alpha:]"),
        ("ascii", "[:ascii:]"),
        ("blank", "[:blank:]"),
        ("cntrl", "[:cntrl:]"),
        ("digit", "[:digit:]"),
        ("graph", "[:graph:]"),
        ("lower", "[:lower:]"),
        ("print", "[:print:]"),
        ("punct", "[:punct:]"),
        ("space", "[:space:]"),
        ("upper", "[:upper:]"),
        ("word", "[:word:]"),
        ("xdigit", "[:xdigit:]"),
    ];
    let (name, negated) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let (_, class) = CLASSES.iter().find(|(known, _)| *known == name)?;
    // A negated class within a class has no use in a file's name.
    (!negated).then_some(*class)
}

fn push_char(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || c == '/' {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    }
}
