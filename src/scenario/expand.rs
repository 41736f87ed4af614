//! Variables in a Dockerfile's `FROM` and global `ARG` instructions, expanded
//! as BuildKit expands them: `$X`, `${X}`, `${X:-word}`, `${X-word}`,
//! `${X:+word}`, `${X+word}`, `${X:?word}`, `${X?word}`, quotes, escapes.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Values by name.
pub(super) type Variables = BTreeMap<String, String>;

/// How deep `${X:-${Y:-…}}` may go.
const DEEPEST: usize = 16;

/// Expands one word. `escape` is the Dockerfile's escape character.
pub(super) fn expand(word: &str, escape: char, variables: &Variables) -> Result<String, String> {
    let mut lexer = Lexer {
        rest: word.chars().peekable(),
        escape,
        variables,
        depth: 0,
    };
    lexer.until(None)
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    escape: char,
    variables: &'a Variables,
    depth: usize,
}

impl Lexer<'_> {
    /// Expands up to `end`, which it takes, or to the end of the word.
    fn until(&mut self, end: Option<char>) -> Result<String, String> {
        let mut out = String::new();
        loop {
            let Some(character) = self.rest.next() else {
                return match end {
                    None => Ok(out),
                    Some(end) => Err(format!("expected {end:?} at the end of the word")),
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
                        if end == Some('"') && !matches!(next, '"' | '$') && next != c {
                            out.push(c);
                        }
                        out.push(next);
                    }
                }
                c => out.push(c),
            }
        }
    }

    fn single_quoted(&mut self, out: &mut String) -> Result<(), String> {
        loop {
            match self.rest.next() {
                Some('\'') => return Ok(()),
                Some(c) => out.push(c),
                None => return Err("expected \"'\" at the end of the word".to_owned()),
            }
        }
    }

    /// What follows a `$`.
    fn variable(&mut self) -> Result<String, String> {
        if self.rest.next_if_eq(&'{').is_none() {
            let name = self.name();
            return Ok(if name.is_empty() {
                "$".to_owned()
            } else {
                self.value(&name).unwrap_or_default()
            });
        }
        let name = self.name();
        if name.is_empty() {
            return Err("expected a name after \"${\"".to_owned());
        }
        let mut operator = self.rest.next();
        let colon = operator == Some(':');
        if colon {
            operator = self.rest.next();
        }
        let value = self.value(&name);
        // With the colon, an empty value counts as none.
        let set = value.as_ref().is_some_and(|v| !colon || !v.is_empty());
        match operator {
            Some('}') if !colon => Ok(value.unwrap_or_default()),
            Some('-') => self
                .word()
                .map(|word| if set { value.unwrap_or_default() } else { word }),
            Some('+') => self
                .word()
                .map(|word| if set { word } else { String::new() }),
            Some('?') => match self.word()? {
                _ if set => Ok(value.unwrap_or_default()),
                message if message.is_empty() => Err(format!("variable {name} is not set")),
                message => Err(format!("variable {name}: {message}")),
            },
            Some(other) => Err(format!(
                "${{{name}{}{other}…}} is not supported: expected one of -, +, ?",
                if colon { ":" } else { "" }
            )),
            None => Err(format!("expected '}}' after \"${{{name}\"")),
        }
    }

    /// The word of `${X:-word}`.
    fn word(&mut self) -> Result<String, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("variables are nested too deep".to_owned());
        }
        let word = self.until(Some('}'));
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

    fn value(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn variables() -> Variables {
        [("VERSION", "1.24"), ("EMPTY", ""), ("A1", "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
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
            "${A1/x/y}",
        ] {
            assert!(expand(word, '\\', &variables()).is_err(), "{word}");
        }
        let deep = format!("{}x{}", "${N:-".repeat(100_000), "}".repeat(100_000));
        assert!(expand(&deep, '\\', &variables()).is_err());
    }

    proptest! {
        #[test]
        fn no_word_makes_it_panic(word in "[ -~é$={}'\"\\\\:?+-]{0,40}", escape in prop::sample::select(vec!['\\', '`'])) {
            let _ = expand(&word, escape, &variables());
        }
    }
}
