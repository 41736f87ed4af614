//! Which heredocs does an instruction begin? A shell's words decide, as in
//! BuildKit's parser: `<<EOF` counts outside quotes alone.

use std::iter::Peekable;
use std::str::Chars;

/// A heredoc that an instruction begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heredoc {
    /// The line that ends it.
    pub(super) name: String,
    /// Whether tabs before its lines are taken away: `<<-EOF`.
    pub(super) chomps: bool,
}

/// The heredocs of a line, in order. None where its quotes are not in pairs:
/// BuildKit sees none there, either.
pub(super) fn in_line(line: &str) -> Vec<Heredoc> {
    let mut words = Words {
        rest: line.chars().peekable(),
        done: Vec::new(),
        word: String::new(),
    };
    match words.split() {
        Some(()) => words
            .done
            .iter()
            .filter_map(|word| parse_word(word))
            .collect(),
        None => Vec::new(),
    }
}

/// `<<EOF`, `<<-EOF`, `3<<EOF`, `<<"EOF"`.
fn parse_word(word: &str) -> Option<Heredoc> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = rest.strip_prefix("<<")?;
    let (chomps, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let rest = rest.trim_start();
    let name = unquoted(rest)?;
    let is_name = !rest.contains('<') && !name.is_empty() && !name.contains(char::is_whitespace);
    is_name.then_some(Heredoc { name, chomps })
}

fn unquoted(word: &str) -> Option<String> {
    let mut name = String::new();
    let mut quote = None;
    let mut characters = word.chars();
    while let Some(character) = characters.next() {
        match quote {
            Some(end) if character == end => quote = None,
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None if character == '\\' => name.extend(characters.next()),
            _ => name.push(character),
        }
    }
    quote.is_none().then_some(name)
}

/// Splits a line into words, quotes and escapes left in them.
struct Words<'l> {
    rest: Peekable<Chars<'l>>,
    done: Vec<String>,
    word: String,
}

impl Words<'_> {
    /// `None` where something is not closed.
    fn split(&mut self) -> Option<()> {
        while let Some(character) = self.rest.next() {
            match character {
                c if c.is_whitespace() => self.end(),
                '\'' | '"' => self.quoted(character)?,
                '\\' => {
                    self.word.push('\\');
                    self.word.extend(self.rest.next());
                }
                '$' if self.rest.peek() == Some(&'{') => self.braces()?,
                '<' => {
                    self.word.push('<');
                    if self.rest.next_if_eq(&'<').is_some() {
                        self.word.push('<');
                        // The name may stand apart.
                        while self
                            .rest
                            .next_if(|c| matches!(c, ' ' | '\t' | '\r'))
                            .is_some()
                        {}
                    }
                }
                other => self.word.push(other),
            }
        }
        self.end();
        Some(())
    }

    fn end(&mut self) {
        if !self.word.is_empty() {
            self.done.push(std::mem::take(&mut self.word));
        }
    }

    fn quoted(&mut self, quote: char) -> Option<()> {
        self.word.push(quote);
        loop {
            let character = self.rest.next()?;
            self.word.push(character);
            if character == quote {
                return Some(());
            }
            if character == '\\' && quote == '"' {
                self.word.extend(self.rest.next());
            }
        }
    }

    /// `${…}`: its white space separates words, like that of any variable.
    fn braces(&mut self) -> Option<()> {
        self.word.push('$');
        let mut open = 0;
        loop {
            let character = self.rest.next()?;
            match character {
                c if c.is_whitespace() => self.end(),
                '\'' | '"' => self.quoted(character)?,
                '{' | '}' => {
                    self.word.push(character);
                    open += if character == '{' { 1 } else { -1 };
                    if open == 0 {
                        return Some(());
                    }
                }
                other => self.word.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<(String, bool)> {
        let heredocs = in_line(line).into_iter();
        heredocs.map(|it| (it.name, it.chomps)).collect()
    }

    #[test]
    fn heredocs_are_found_outside_quotes_alone() {
        for (line, expected) in [
            ("RUN <<EOF", &[("EOF", false)][..]),
            ("RUN cat <<A && cat <<-B", &[("A", false), ("B", true)]),
            ("RUN 3<<IN cat <&3", &[("IN", false)]),
            (
                "COPY <<'a.txt' <<\"b.txt\" /x/",
                &[("a.txt", false), ("b.txt", false)],
            ),
            ("RUN cat << EOF > /x", &[("EOF", false)]),
            ("RUN echo '<<EOF' \"<<EOF\" \\<<EOF", &[]),
            ("RUN cat <<<EOF", &[]),
            ("RUN echo $((1<<2))", &[]),
            ("RUN echo ${A:-<<} <<B", &[("B", false)]),
            ("RUN echo it's <<EOF", &[]),
            ("RUN cat <<", &[]),
            ("RUN cat x<<EOF", &[]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|(n, c)| ((*n).to_owned(), *c))
                .collect();
            assert_eq!(names(line), expected, "{line}");
        }
    }
}
