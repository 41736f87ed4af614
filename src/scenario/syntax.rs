//! Which instructions does the text of a Dockerfile hold, and in which lines?
//!
//! BuildKit is the judge of what a Dockerfile is. This reading serves advice,
//! lines and base images, so it refuses nothing: it follows BuildKit's parser
//! (`frontend/dockerfile/parser`) in how lines become instructions, and leaves
//! it to BuildKit what an instruction may say.

use std::sync::LazyLock;

use regex::Regex;

use super::heredoc;

/// What a Dockerfile's text says.
#[derive(Debug, Clone)]
pub(super) struct Syntax {
    /// The frontend that reads it where it names one, with its line.
    pub(super) frontend: Option<(usize, String)>,
    /// The escape character: a backslash, or what `# escape=` names.
    pub(super) escape: char,
    /// The instructions, in the order of the text.
    pub(super) instructions: Vec<Instruction>,
    /// What of it could not be read, in one line, with its line.
    pub(super) unclear: Option<(usize, String)>,
}

/// An instruction of a Dockerfile, its continuation lines joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    /// The line that it begins in, from 1.
    pub(super) line: usize,
    /// Its first word in upper case: `RUN`.
    pub(super) word: String,
    /// Its flags, with what follows the first `=`: `("platform", "linux/arm64")`.
    pub(super) flags: Vec<(String, String)>,
    /// What comes after them, on one line and without heredocs' contents.
    pub(super) rest: String,
}

impl Instruction {
    /// The values of all flags of this name.
    pub(super) fn flag<'f>(&'f self, name: &'f str) -> impl DoubleEndedIterator<Item = &'f str> {
        let named = self.flags.iter().filter(move |(flag, _)| flag == name);
        named.map(|(_, value)| value.as_str())
    }

    /// It on one line, without heredocs' contents.
    pub(super) fn text(&self) -> String {
        let mut words = vec![self.word.clone()];
        words.extend(self.flags.iter().map(|(flag, value)| match value.as_str() {
            "" => format!("--{flag}"),
            value => format!("--{flag}={value}"),
        }));
        words.push(self.rest.clone());
        words.join(" ")
    }

    /// The instruction that an `ONBUILD` keeps for the stages made from its own.
    pub(super) fn trigger(&self) -> Option<Self> {
        (self.word == "ONBUILD").then(|| split(&self.rest, '\\', self.line))
    }
}

/// Whether lines end in carriage returns alone. BuildKit takes all of it for
/// one line, and an engine of version 26.1 comes down over it.
pub(super) fn ends_in_returns(text: &str) -> bool {
    let text = text.trim_end();
    // Where there is a newline, a line that is no instruction but a comment,
    // or the FROM that others depend on, still swallows what follows.
    let swallows = |line: &str| {
        let line = line.trim();
        let word = line.get(..4).unwrap_or_default();
        line.contains('\r') && (word.eq_ignore_ascii_case("FROM") || line.starts_with('#'))
    };
    let whole = !text.contains('\n') && text.contains('\r');
    whole || text.split('\n').any(swallows)
}

/// Reads the text of a Dockerfile.
pub(super) fn read(text: &str) -> Syntax {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        lines: text.split_inclusive('\n').collect(),
        next: 0,
        escape: '\\',
        directives_end: false,
    };
    let mut instructions = Vec::new();
    let mut unclear = None;
    while let Some((line, logical)) = reader.logical_line() {
        let instruction = split(&logical, reader.escape, line);
        if let Err(heredoc) = reader.skip_heredocs(&instruction, &logical) {
            unclear.get_or_insert((line, format!("nothing ends the heredoc {heredoc:?}")));
        }
        instructions.push(instruction);
    }
    Syntax {
        frontend: frontend(text),
        escape: reader.escape,
        instructions,
        unclear,
    }
}

struct Reader<'t> {
    /// With their newlines.
    lines: Vec<&'t str>,
    next: usize,
    escape: char,
    /// Whether something else than `# name=value` was there.
    directives_end: bool,
}

impl<'t> Reader<'t> {
    fn line(&mut self) -> Option<&'t str> {
        let line = self.lines.get(self.next)?;
        self.next += 1;
        Some(line.trim_end_matches(['\r', '\n']))
    }

    /// The next line that is neither empty nor a comment, with those that
    /// continue it, and its number from 1.
    fn logical_line(&mut self) -> Option<(usize, String)> {
        loop {
            let line = self.line()?.trim_start();
            let number = self.next;
            self.directive(line);
            let line = if is_comment(line) { "" } else { line };
            let (part, mut continues) = self.continued(line);
            if part.is_empty() && !continues {
                continue;
            }
            let mut logical = part.to_owned();
            while continues {
                let Some(line) = self.line() else { break };
                // Comments and empty lines do not end it.
                if is_comment(line) || line.trim_start().is_empty() {
                    continue;
                }
                let part;
                (part, continues) = self.continued(line);
                logical.push_str(part);
            }
            if !logical.trim().is_empty() {
                return Some((number, logical));
            }
        }
    }

    /// A line without the escape at its end that continues it, if one does. An
    /// escape before that one takes its meaning away.
    fn continued<'l>(&self, line: &'l str) -> (&'l str, bool) {
        let trimmed = line.trim_end_matches([' ', '\t']);
        match trimmed.strip_suffix(self.escape) {
            Some(before) if !before.ends_with(self.escape) => (before, true),
            _ => (line, false),
        }
    }

    fn directive(&mut self, line: &str) {
        if self.directives_end {
            return;
        }
        match directive(line, "#") {
            Some((name, value)) if name == "escape" => {
                self.escape = if value == "`" { '`' } else { '\\' };
            }
            Some(_) => {}
            None => self.directives_end = true,
        }
    }

    /// Passes over the contents of an instruction's heredocs. Where one has no
    /// end there is none, and what would be its content is read as usual.
    fn skip_heredocs(&mut self, instruction: &Instruction, logical: &str) -> Result<(), String> {
        let trigger = instruction.trigger();
        let of = trigger.as_ref().unwrap_or(instruction);
        let may = matches!(of.word.as_str(), "RUN" | "COPY" | "ADD");
        if !may || !logical.contains("<<") || is_json(&of.rest) {
            return Ok(());
        }
        let begin = self.next;
        for heredoc in heredoc::in_line(logical) {
            loop {
                let Some(line) = self.line() else {
                    self.next = begin;
                    return Err(heredoc.name);
                };
                let line = if heredoc.chomps {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if line == heredoc.name {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn is_json(rest: &str) -> bool {
    rest.starts_with('[') && serde_json::from_str::<Vec<String>>(rest).is_ok()
}

/// Name in lower case and value of `# name=value`.
fn directive(line: &str, comment: &str) -> Option<(String, String)> {
    static DIRECTIVE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^([a-zA-Z][a-zA-Z0-9]*)[\t-\r ]*=[\t-\r ]*(.+?)[\t-\r ]*$")
            .expect("a pattern without input in it")
    });
    let parts = DIRECTIVE.captures(line.strip_prefix(comment)?.trim_start())?;
    let name = parts[1].to_ascii_lowercase();
    let known = matches!(name.as_str(), "syntax" | "escape" | "check");
    known.then(|| (name, parts[2].to_owned()))
}

/// The frontend that `# syntax=`, `// syntax=` or `{"syntax": …}` names.
fn frontend(text: &str) -> Option<(usize, String)> {
    let shebang = usize::from(text.starts_with("#!"));
    let lines = || text.lines().enumerate().skip(shebang);
    for comment in ["#", "//"] {
        let directives = lines().map_while(|(at, line)| Some((at, directive(line, comment)?)));
        for (at, (name, value)) in directives {
            if name == "syntax" {
                let image = value.split(' ').next().unwrap_or_default();
                return Some((at + 1, image.to_owned()));
            }
        }
    }
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    Some((1, json.get("syntax")?.as_str()?.to_owned()))
}

/// Splits a line into the instruction's word, its flags and the rest.
fn split(logical: &str, escape: char, line: usize) -> Instruction {
    let logical = logical.trim();
    let end = logical.find(is_space).unwrap_or(logical.len());
    let (word, rest) = logical.split_at(end);
    let (flags, rest) = split_flags(rest, escape);
    let flags = flags.into_iter().map(|flag| {
        let flag = flag.trim_start_matches('-');
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        (name.to_owned(), value.to_owned())
    });
    Instruction {
        line,
        word: word.to_ascii_uppercase(),
        flags: flags.collect(),
        rest: rest.trim().to_owned(),
    }
}

/// The words at the beginning that begin with `--`, quotes and escapes taken
/// away, and what follows. A `--` alone ends them.
fn split_flags(text: &str, escape: char) -> (Vec<String>, &str) {
    let mut flags = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if !rest.starts_with("--") {
            return (flags, rest);
        }
        let (word, length) = flag(rest, escape);
        rest = &rest[length..];
        if word == "--" {
            return (flags, rest);
        }
        flags.push(word);
    }
}

/// The first word without quotes and escapes, and how long it was.
fn flag(text: &str, escape: char) -> (String, usize) {
    let mut word = String::new();
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match quote {
            None if character.is_whitespace() => return (word, at),
            None if matches!(character, '"' | '\'') => quote = Some(character),
            Some(end) if character == end => quote = None,
            _ if character == escape => word.extend(characters.next().map(|(_, next)| next)),
            _ => word.push(character),
        }
    }
    (word, text.len())
}

/// What separates words in BuildKit's parser.
pub(super) fn is_space(character: char) -> bool {
    matches!(character, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

#[cfg(test)]
#[path = "syntax_tests.rs"]
mod tests;
