//! The entries of a tar, one after another, in bounded memory.
//!
//! The `tar` crate reads a long name whole, however long an archive says it
//! is; so its raw entries are read, and the extensions that matter are put
//! together here: long names of GNU tar, and paths of pax (POSIX.1-2017,
//! "pax Extended Header"), which is what Go's `archive/tar` writes, and so
//! BuildKit.

use std::io::{self, Read};

use tar::{Entries, EntryType};

use super::error::{malformed, too_large};

/// Bytes of one extension header: a path and, of pax, extended attributes.
const MAX_EXTENSION: u64 = 1 << 20;

/// What an entry is, without its content.
#[derive(Debug)]
pub(super) struct Entry {
    /// The path that the archive gives it, as written.
    pub(super) name: Vec<u8>,
    /// What it links to, as written.
    pub(super) target: Vec<u8>,
    /// Whether it is a file, a folder, a link or something else.
    pub(super) kind: EntryType,
    /// Bytes of its content.
    pub(super) size: u64,
    /// Where in the archive its content starts.
    pub(super) start: u64,
}

/// Calls `visit` with each entry and a reader of its content.
pub(super) fn walk<'a, R: Read + 'a>(
    entries: Entries<'a, R>,
    mut visit: impl FnMut(Entry, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut extension = Extension::default();
    for entry in entries.raw(true) {
        let mut entry = entry?;
        let header = entry.header();
        let kind = header.entry_type();
        match kind {
            EntryType::XGlobalHeader => {}
            EntryType::GNULongName => extension.name = Some(text(&mut entry)?),
            EntryType::GNULongLink => extension.target = Some(text(&mut entry)?),
            EntryType::XHeader => extension.read_pax(&content(&mut entry)?)?,
            // The `tar` crate does not read these raw, and Go never writes them.
            EntryType::GNUSparse => return Err(malformed("sparse files are not read")),
            _ => {
                let known = std::mem::take(&mut extension);
                if known.size.is_some_and(|size| size != entry.size()) {
                    return Err(too_large("8 GiB in one file"));
                }
                let name = known.name.unwrap_or_else(|| header.path_bytes().into());
                let written = || header.link_name_bytes().unwrap_or_default().into();
                let about = Entry {
                    name,
                    target: known.target.unwrap_or_else(written),
                    kind,
                    size: entry.size(),
                    start: entry.raw_file_position(),
                };
                visit(about, &mut entry)?;
            }
        }
    }
    if extension.is_some() {
        return Err(malformed("it ends between an entry's headers"));
    }
    Ok(())
}

/// What headers before an entry say of it.
#[derive(Debug, Default)]
struct Extension {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Extension {
    fn is_some(&self) -> bool {
        self.name.is_some() || self.target.is_some() || self.size.is_some()
    }

    /// Records of the form `LENGTH KEY=VALUE\n`, where the length, decimal, is
    /// that of the whole record, and a value may hold any byte.
    fn read_pax(&mut self, mut records: &[u8]) -> io::Result<()> {
        let bad = || malformed("a pax header is malformed");
        while !records.is_empty() {
            let space = records.iter().position(|b| *b == b' ').ok_or_else(bad)?;
            let length: usize = std::str::from_utf8(&records[..space])
                .ok()
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(bad)?;
            let record = records.get(space + 1..length).ok_or_else(bad)?;
            let record = record.strip_suffix(b"\n").ok_or_else(bad)?;
            let equals = record.iter().position(|b| *b == b'=').ok_or_else(bad)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.name = Some(value.to_vec()),
                b"linkpath" => self.target = Some(value.to_vec()),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
                    self.size = Some(size.ok_or_else(bad)?);
                }
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(malformed("sparse files are not read"));
                }
                _ => {}
            }
            records = &records[length..];
        }
        Ok(())
    }
}

fn content<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Vec<u8>> {
    let size = entry.size();
    if size > MAX_EXTENSION {
        return Err(too_large(format_args!(
            "{MAX_EXTENSION} bytes in one extended header"
        )));
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content)?;
    if content.len() as u64 != size {
        return Err(malformed("it ends within an entry"));
    }
    Ok(content)
}

/// A name that ends with a NUL.
fn text<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Vec<u8>> {
    let mut text = content(entry)?;
    let length = text.iter().position(|b| *b == 0).unwrap_or(text.len());
    text.truncate(length);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_of_pax_may_hold_any_byte() {
        let mut extension = Extension::default();
        extension
            .read_pax(b"18 SCHILY.x=a\n=\n\xff\n9 path=b\n14 linkpath=c\n")
            .unwrap();
        assert_eq!(extension.name.as_deref(), Some(&b"b"[..]));
        assert_eq!(extension.target.as_deref(), Some(&b"c"[..]));
    }

    proptest! {
        #[test]
        fn pax_never_panics(records in prop::collection::vec(any::<u8>(), 0..64), length in 0_u64..200) {
            let mut extension = Extension::default();
            let _ = extension.read_pax(&records);
            let mut numbered = format!("{length} path=").into_bytes();
            numbered.extend(records);
            let _ = extension.read_pax(&numbered);
        }
    }
}
