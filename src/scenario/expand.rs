//! Variables in a Dockerfile's `FROM` and global `ARG` instructions, expanded
//! as BuildKit expands them: `$X`, `${X}`, `${X:-word}`, `${X-word}`,
//! `${X:+word}`, `${X+word}`, `${X:?word}`, `${X?word}`, `${X#pattern}`,
//! `${X%pattern}`, `${X/pattern/word}`, quotes, escapes.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;

/// How deep `${X:-${Y:-…}}` may go.
const DEEPEST: usize = 16;
/// Most bytes that a word may become: a variable doubled again and again
/// would fill any memory, and no image has a name of that length.
pub(super) const LONGEST: usize = 64 << 10;
/// Most bytes of all values together.
const MOST: usize = 16 << 20;

/// Why a word is not expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unclear {
    /// It becomes longer than [`LONGEST`].
    #[error("it expands to more than {LONGEST} characters")]
    TooLong,
    /// BuildKit would not expand it, or what it makes of it is not known.
    #[error("{0}")]
    Other(String),
}

fn unclear(why: impl Into<String>) -> Unclear {
    Unclear::Other(why.into())
}

/// Values by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    values: BTreeMap<String, Result<String, Unclear>>,
    bytes: usize,
}

impl Variables {
    /// Gives a variable its value, or why that is not known.
    pub(super) fn set(&mut self, name: &str, value: Result<String, Unclear>) {
        let value = value.and_then(|value| {
            self.bytes += value.len();
            let fits = value.len() <= LONGEST && self.bytes <= MOST;
            if fits {
                Ok(value)
            } else {
                Err(Unclear::TooLong)
            }
        });
        self.values.insert(name.to_owned(), value);
    }
}

/// Expands one word. `escape` is the Dockerfile's escape character.
pub(super) fn expand(word: &str, escape: char, variables: &Variables) -> Result<String, Unclear> {
    let mut lexer = Lexer {
        rest: word.chars().peekable(),
        escape,
        variables,
        depth: 0,
        raw_escapes: false,
    };
    lexer.until(None)
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    escape: char,
    variables: &'a Variables,
    depth: usize,
    /// Whether escapes stay, as in patterns.
    raw_escapes: bool,
}

impl Lexer<'_> {
    /// Expands up to `end`, which it takes, or to the end of the word.
    fn until(&mut self, end: Option<char>) -> Result<String, Unclear> {
        let mut out = String::new();
        loop {
            if out.len() > LONGEST {
                return Err(Unclear::TooLong);
            }
            let Some(character) = self.rest.next() else {
                return match end {
                    None => Ok(out),
                    Some(end) => Err(unclear(format!("expected {end:?} at the end of the word"))),
                };
            };
            if Some(character) == end {
                return Ok(out);
            }
            match character {
                '$' => out.push_str(&self.variable()?),
                // Quotes inside double quotes are what they are.
                '\'' if end != Some('"') => self.single_quoted(&mut out)?,
                '"' => out.push_str(&self.until(Some('"'))?),
                c if c == self.escape => {
                    // An escape that escapes nothing is dropped.
                    if let Some(next) = self.rest.next() {
                        let kept = end == Some('"') && !matches!(next, '"' | '$') && next != c;
                        if kept || self.raw_escapes {
                            out.push(c);
                        }
                        out.push(next);
                    }
                }
                c => out.push(c),
            }
        }
    }

    fn single_quoted(&mut self, out: &mut String) -> Result<(), Unclear> {
        loop {
            match self.rest.next() {
                Some('\'') => return Ok(()),
                Some(c) => out.push(c),
                None => return Err(unclear("expected \"'\" at the end of the word")),
            }
        }
    }

    /// What follows a `$`.
    fn variable(&mut self) -> Result<String, Unclear> {
        if self.rest.next_if_eq(&'{').is_none() {
            let name = self.name();
            return if name.is_empty() {
                Ok("$".to_owned())
            } else {
                self.value_or_nothing(&name)
            };
        }
        self.braced()
    }

    /// What follows a `${`.
    fn braced(&mut self) -> Result<String, Unclear> {
        let name = self.name();
        if name.is_empty() {
            return Err(unclear("expected a name after \"${\""));
        }
        let mut operator = self.rest.next();
        let colon = operator == Some(':');
        if colon {
            operator = self.rest.next();
        }
        // With the colon, an empty value counts as none.
        let set = match self.variables.values.get(&name) {
            None => false,
            Some(Ok(value)) => !colon || !value.is_empty(),
            Some(Err(_)) => true,
        };
        match operator {
            Some('}') if !colon => self.value_or_nothing(&name),
            Some('-') => match self.word('}', false)? {
                word if !set => Ok(word),
                _ => self.value_or_nothing(&name),
            },
            Some('+') => self
                .word('}', false)
                .map(|word| if set { word } else { String::new() }),
            Some('?') => match self.word('}', false)? {
                _ if set => self.value_or_nothing(&name),
                message if message.is_empty() => {
                    Err(unclear(format!("variable {name} is not set")))
                }
                message => Err(unclear(format!("variable {name}: {message}"))),
            },
            Some(end @ ('#' | '%')) if !colon => {
                let pattern = self.word('}', true)?;
                let longest = pattern.strip_prefix(end);
                let value = self.value_or_nothing(&name)?;
                let (pattern, is_longest) = (longest.unwrap_or(&pattern), longest.is_some());
                without(&value, pattern, end == '#', is_longest)
            }
            Some('/') if !colon => self.replaced(&name),
            Some(other) => Err(unclear(format!(
                "${{{name}{}{other}…}} is not supported: expected one of -, +, ?, #, %, /",
                if colon { ":" } else { "" }
            ))),
            None => Err(unclear(format!("expected '}}' after \"${{{name}\""))),
        }
    }

    /// What follows a `${X/`.
    fn replaced(&mut self, name: &str) -> Result<String, Unclear> {
        let all = self.rest.next_if_eq(&'/').is_some();
        let pattern = self.word('/', true)?;
        let by = self.word('}', true)?;
        let value = self.value_or_nothing(name)?;
        let pattern = self::pattern(&tokens(&pattern)?, true, false)?;
        let limit = if all { 0 } else { 1 };
        let replaced = pattern.replacen(&value, limit, regex::NoExpand(&by));
        Ok(replaced.into_owned())
    }

    /// What stands before `end` in `${X:-word}` or `${X/word/word}`.
    fn word(&mut self, end: char, raw_escapes: bool) -> Result<String, Unclear> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(unclear("variables are nested too deep"));
        }
        let outer = std::mem::replace(&mut self.raw_escapes, raw_escapes);
        let word = self.until(Some(end));
        self.raw_escapes = outer;
        self.depth -= 1;
        word
    }

    /// A name; the shell's own parameters have names too, and no value here.
    fn name(&mut self) -> String {
        let mut name = String::new();
        if let Some(special) = self.rest.next_if(|c| "@*#?-$!".contains(*c)) {
            name.push(special);
            return name;
        }
        let digits = self.rest.peek().is_some_and(char::is_ascii_digit);
        while let Some(c) = self
            .rest
            .next_if(|c| c.is_ascii_digit() || (!digits && (c.is_ascii_alphabetic() || *c == '_')))
        {
            name.push(c);
        }
        name
    }

    fn value_or_nothing(&self, name: &str) -> Result<String, Unclear> {
        let value = self.variables.values.get(name).cloned();
        value.unwrap_or_else(|| Ok(String::new()))
    }
}

/// What a shell's pattern consists of.
#[derive(Clone, Copy)]
enum Token {
    Any,
    One,
    Itself(char),
}

fn tokens(pattern: &str) -> Result<Vec<Token>, Unclear> {
    let mut tokens = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' => Token::Any,
            '?' => Token::One,
            '\\' => match characters.next() {
                Some(c @ ('*' | '?' | '\\' | '}' | '/')) => Token::Itself(c),
                _ => return Err(unclear(format!("pattern {pattern:?} has a wrong escape"))),
            },
            other => Token::Itself(other),
        });
    }
    Ok(tokens)
}

fn pattern(tokens: &[Token], longest: bool, at_start: bool) -> Result<Regex, Unclear> {
    let mut pattern = String::from(if at_start { "^" } else { "" });
    for token in tokens {
        match token {
            Token::Any if longest => pattern.push_str(".*"),
            Token::Any => pattern.push_str(".*?"),
            Token::One => pattern.push('.'),
            Token::Itself(character) => {
                pattern.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
            }
        }
    }
    Regex::new(&pattern).map_err(|_| unclear("the pattern is too long"))
}

/// A value without the shortest, or longest, match of a pattern at its start
/// or end.
fn without(value: &str, written: &str, at_start: bool, longest: bool) -> Result<String, Unclear> {
    let mut tokens = tokens(written)?;
    let turn = |text: &str| text.chars().rev().collect::<String>();
    if !at_start {
        tokens.reverse();
    }
    let pattern = pattern(&tokens, longest, true)?;
    // The end of a text is the start of it turned round.
    let searched = if at_start {
        value.to_owned()
    } else {
        turn(value)
    };
    let rest = pattern.find(&searched).map_or(0, |found| found.end());
    let rest = &searched[rest..];
    Ok(if at_start {
        rest.to_owned()
    } else {
        turn(rest)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        for (name, value) in [
            ("VERSION", "1.24"),
            ("EMPTY", ""),
            ("A1", "x"),
            ("IMAGE", "a/b/debian:trixie-slim"),
        ] {
            variables.set(name, Ok(value.to_owned()));
        }
        variables
    }

    #[test]
    fn words_expand_as_in_buildkit() {
        for (word, expected) in [
            ("golang:$VERSION-trixie", "golang:1.24-trixie"),
            ("golang:${VERSION}trixie", "golang:1.24trixie"),
            ("${NONE:-fallback}", "fallback"),
            ("${EMPTY:-fallback}", "fallback"),
            ("${EMPTY-fallback}", ""),
            ("${NONE-fallback}", "fallback"),
            ("${VERSION:+set}", "set"),
            ("${NONE:+set}", ""),
            ("${EMPTY+set}", "set"),
            ("${NONE:-a${A1}b}", "axb"),
            ("${NONE:-${NEITHER:-deep}}", "deep"),
            ("$NONE", ""),
            ("'$VERSION'", "$VERSION"),
            ("\"it's $VERSION\"", "it's 1.24"),
            ("\\$VERSION", "$VERSION"),
            ("\"a\\b\\\"c\"", "a\\b\"c"),
            ("$A1$VERSION", "x1.24"),
            ("a$", "a$"),
            ("$1x", "x"),
            ("a\\", "a"),
            ("${IMAGE#*/}", "b/debian:trixie-slim"),
            ("${IMAGE##*/}", "debian:trixie-slim"),
            ("${IMAGE%-*}", "a/b/debian:trixie"),
            ("${IMAGE%%/*}", "a"),
            ("${IMAGE%x}", "a/b/debian:trixie-slim"),
            ("${IMAGE/b/c}", "a/c/debian:trixie-slim"),
            ("${IMAGE//b/$A1}", "a/x/dexian:trixie-slim"),
            ("${IMAGE/a\\/b\\//}", "debian:trixie-slim"),
            ("${VERSION/./-}", "1-24"),
            ("${VERSION/?4/5}", "1.5"),
            ("${NONE#x}", ""),
        ] {
            assert_eq!(
                expand(word, '\\', &variables()).as_deref(),
                Ok(expected),
                "{word}"
            );
        }
    }

    #[test]
    fn what_does_not_expand_is_an_error() {
        for word in [
            "${",
            "${}",
            "${A1",
            "${A1:-x",
            "'a",
            "\"a",
            "${A1:}",
            "${NONE:?say it}",
            "${A1/x}",
            "${A1:#x}",
        ] {
            assert!(expand(word, '\\', &variables()).is_err(), "{word}");
        }
        let deep = format!("{}x{}", "${N:-".repeat(100_000), "}".repeat(100_000));
        assert!(expand(&deep, '\\', &variables()).is_err());
    }

    #[test]
    fn what_doubles_itself_comes_to_an_end() {
        let mut variables = Variables::default();
        variables.set("A0", Ok("x".repeat(10)));
        for at in 1..64 {
            let before = at - 1;
            let word = format!("${{A{before}}}${{A{before}}}");
            let value = expand(&word, '\\', &variables);
            variables.set(&format!("A{at}"), value);
        }
        assert!(expand("${A3}", '\\', &variables).is_ok());
        assert_eq!(expand("${A63}", '\\', &variables), Err(Unclear::TooLong));
        assert_eq!(expand("${A63:+x}", '\\', &variables).unwrap(), "x");
        // Many long values are no better than a long one.
        for at in 0..100_000 {
            variables.set(&format!("B{at}"), Ok("x".repeat(LONGEST)));
        }
        assert_eq!(expand("$B99999", '\\', &variables), Err(Unclear::TooLong));
    }

    proptest! {
        #[test]
        fn no_word_makes_it_panic(word in "[ -~é$={}'\"\\\\:?+#%/*-]{0,40}", escape in prop::sample::select(vec!['\\', '`'])) {
            let _ = expand(&word, escape, &variables());
        }
    }
}
