//! Reading the builds of a recording: in which form it is shows what it holds, not its name.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, bail};

use super::unreadable::why_unreadable;
use crate::bundle;
use crate::compression::decompressed;
use crate::escape;
use crate::explain::StoredTrace;
use crate::trace::rawjson::{Reader, Tail};
use crate::trace::{Builds, Recorded, Trace, plain};

/// Bytes of a recording that are searched for the first line of a build.
const HEAD: u64 = 1024 * 1024;

/// Reads the builds in a recording of any buildx, or of ours, compressed or not, or in a bundle.
///
/// # Errors
/// The file cannot be read, or holds no build; what it holds instead, and how to record a
/// build.
pub fn read_recording(path: Option<&Path>) -> anyhow::Result<Vec<Recorded>> {
    let name = path.map_or("standard input".into(), |path| path.display().to_string());
    let cannot_read = || format!("cannot read {name}");
    let file: Box<dyn Read> = match path {
        Some(path) => Box::new(File::open(path).with_context(cannot_read)?),
        None => Box::new(io::stdin()),
    };
    let file = match bundle::read(&escape::terminal(&name, 1000), file)? {
        bundle::Found::Builds(builds) => return Ok(builds),
        bundle::Found::Other(file) => file,
    };
    let (head, rest) = head_of(decompressed(file).with_context(cannot_read)?);
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        bail!(
            "{name} is UTF-16 text, as Windows PowerShell's `2>` writes it: expected UTF-8, which \
             `cmd /c` and PowerShell 7 write"
        );
    }
    let form = form(&head);
    let input = Cursor::new(&head).chain(rest);
    let builds = match form {
        Form::RawJson => of_rawjson(Reader::new(input)),
        Form::Plain => plain::builds(input).map_err(Into::into),
    };
    let builds = builds.with_context(cannot_read)?;
    if builds.iter().all(|build| build.trace.steps().is_empty()) {
        bail!("{}", why_unreadable(&name, &head));
    }
    Ok(builds)
}

/// The first bytes, and a reader of those that follow.
fn head_of<'r>(mut input: Box<dyn Read + 'r>) -> (Vec<u8>, Box<dyn Read + 'r>) {
    let mut head = Vec::new();
    match (&mut input).take(HEAD).read_to_end(&mut head) {
        Ok(_) => (head, input),
        // What came before it counts.
        Err(error) => (head, Box::new(Failing(Some(error)))),
    }
}

/// Where nothing more can be read.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or(ErrorKind::UnexpectedEof.into()))
    }
}

/// How a recording is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `--progress=rawjson`.
    RawJson,
    /// `--progress=plain`.
    Plain,
}

/// The form of the first line that is a build's.
fn form(head: &[u8]) -> Form {
    let mut at = 0;
    let mut begins_as_json = false;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let rest = &head[at..];
        at += line.len();
        if is_status(rest) {
            return Form::RawJson;
        }
        if plain::is_step_line(line) {
            return Form::Plain;
        }
        begins_as_json |= line.starts_with(b"{");
    }
    match begins_as_json {
        true => Form::RawJson,
        false => Form::Plain,
    }
}

/// Whether text begins as an update of a build's status does.
fn is_status(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let Some(inner) = text.trim_ascii_start().strip_prefix(b"{") else {
        return false;
    };
    let inner = inner.trim_ascii_start();
    let keys: [&[u8]; 4] = [
        b"\"vertexes\"",
        b"\"statuses\"",
        b"\"logs\"",
        b"\"warnings\"",
    ];
    keys.iter().any(|key| inner.starts_with(key))
}

/// Tells the builds of a status stream apart.
fn of_rawjson(mut reader: Reader<impl Read>) -> anyhow::Result<Vec<Recorded>> {
    let mut builds = Builds::new();
    while let Some(status) = reader.next() {
        if let Some(text) = reader.take_text() {
            builds.push_text(&text);
        }
        builds.push(&status?);
    }
    if let Some(Tail::Text(text)) = reader.tail() {
        builds.push_text(text);
    }
    Ok(builds.end(matches!(reader.tail(), Some(Tail::CutOff) | None)))
}

/// Folds the recording of one build into a trace.
pub fn fold(mut reader: Reader<impl Read>) -> anyhow::Result<StoredTrace> {
    let mut trace = Trace::new();
    for status in reader.by_ref() {
        trace.push(&status?);
    }
    let cut_off = matches!(reader.tail(), Some(Tail::CutOff) | None);
    Ok(StoredTrace { trace, cut_off })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_that_of_the_first_line_that_is_a_builds() {
        let stamp = "2026-11-28T21:36:51.1234567Z";
        for (head, expected) in [
            ("{}\n{\"vertexes\": []}\n".to_owned(), Form::RawJson),
            ("\u{feff}{\n  \"logs\": []}\n".to_owned(), Form::RawJson),
            (
                "WARNING: x\n{\"vertexes\":[]}\n#1 [internal] x\n".to_owned(),
                Form::RawJson,
            ),
            (
                "#1 [internal] x\n{\"vertexes\":[]}\n".to_owned(),
                Form::Plain,
            ),
            (
                format!("{stamp} ##[group]x\r\n{stamp} #1 [internal] x\r\n"),
                Form::Plain,
            ),
            (
                "{}\n{\"a\": 1}\n#0 building with x\n".to_owned(),
                Form::Plain,
            ),
            ("{\"a\": 1}\n".to_owned(), Form::RawJson),
            ("fix #12\n#12 a heading\n".to_owned(), Form::Plain),
        ] {
            assert_eq!(form(head.as_bytes()), expected, "{head}");
        }
    }
}
