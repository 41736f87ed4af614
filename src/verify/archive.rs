//! An OCI image layout in a tar: `index.json`, and blobs named by their
//! digests (OCI image specification, "Image Layout").

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::Path;

use oci_spec::image::{Descriptor, Digest, DigestAlgorithm};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::entries::walk;
use super::error::{VerifyError, malformed, too_large};
use super::limits::Limits;
use super::path::clean;
use crate::escape;

/// An open archive, and where in it things are.
#[derive(Debug)]
pub(crate) struct Archive<'l> {
    name: String,
    file: File,
    index: Option<Span>,
    /// By SHA-256, hex.
    blobs: HashMap<String, Span>,
    /// The bounds that it is read within.
    pub(super) limits: &'l Limits,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    length: u64,
}

impl<'l> Archive<'l> {
    /// Opens an archive and finds what is where. No content is read yet.
    pub(super) fn open(path: &Path, limits: &'l Limits) -> Result<Self, VerifyError> {
        let name = escape::bounded(&path.display().to_string());
        let (file, length) = open_file(path).map_err(|source| VerifyError::Open {
            archive: name.clone(),
            source,
        })?;
        Self::within(name, file, length, limits)
    }

    /// The archive that the first `length` bytes of a file are, which is called
    /// `name`.
    pub(crate) fn within(
        name: String,
        file: File,
        length: u64,
        limits: &'l Limits,
    ) -> Result<Self, VerifyError> {
        let mut archive = Self {
            name,
            file,
            index: None,
            blobs: HashMap::new(),
            limits,
        };
        archive
            .find_blobs(length)
            .map_err(|error| archive.failed("the entries", &error))?;
        Ok(archive)
    }

    fn find_blobs(&mut self, length: u64) -> io::Result<()> {
        let mut tar = tar::Archive::new(&self.file);
        let (index, blobs, limits) = (&mut self.index, &mut self.blobs, self.limits);
        let mut entries = 0;
        walk(tar.entries_with_seek()?, |entry, _| {
            entries += 1;
            if entries > limits.archive_entries {
                let bound = limits.archive_entries;
                return Err(too_large(format_args!("{bound} entries")));
            }
            // Seeking past the end of a file is no error.
            if entry.start.saturating_add(entry.size) > length {
                return Err(malformed("the archive ends within an entry"));
            }
            let span = Span {
                start: entry.start,
                length: entry.size,
            };
            let name = clean(&entry.name)?;
            if !entry.kind.is_file() {
                return Ok(());
            }
            if name == b"index.json" {
                *index = Some(span);
            } else if let Some(digest) = name.strip_prefix(b"blobs/sha256/")
                && let Ok(digest) = std::str::from_utf8(digest)
            {
                blobs.insert(digest.to_owned(), span);
            }
            Ok(())
        })
    }

    /// An error in a part of this archive.
    pub(crate) fn failed(&self, part: impl Into<String>, error: &io::Error) -> VerifyError {
        VerifyError::reading(&self.name, part, error)
    }

    /// `index.json`, which nothing says the digest of.
    pub(crate) fn index<T: DeserializeOwned>(&self) -> Result<T, VerifyError> {
        self.index
            .ok_or_else(|| malformed("there is none: this is no OCI image layout"))
            .and_then(|span| self.read_document(span))
            .and_then(|document| parse(&document))
            .map_err(|error| self.failed("index.json", &error))
    }

    /// The document that a descriptor describes, checked against its digest.
    pub(crate) fn document<T: DeserializeOwned>(
        &self,
        descriptor: &Descriptor,
    ) -> Result<T, VerifyError> {
        let read = || {
            let document = self.read_document(self.find(descriptor)?)?;
            if hex::encode(Sha256::digest(&document)) != descriptor.digest().digest() {
                return Err(malformed("its content has another digest"));
            }
            parse(&document)
        };
        read().map_err(|error| self.failed(blob(descriptor.digest()), &error))
    }

    /// The bytes that a descriptor describes, their digest unchecked.
    pub(crate) fn blob(&self, descriptor: &Descriptor) -> io::Result<Take<&File>> {
        self.find(descriptor).and_then(|span| self.read(span))
    }

    fn find(&self, descriptor: &Descriptor) -> io::Result<Span> {
        let digest = descriptor.digest();
        if *digest.algorithm() != DigestAlgorithm::Sha256 {
            return Err(malformed("only blobs named by SHA-256 are read"));
        }
        let span = *self
            .blobs
            .get(digest.digest())
            .ok_or_else(|| malformed("the archive does not hold it"))?;
        if span.length != descriptor.size() {
            return Err(malformed(format_args!(
                "it has {} bytes, and {} by its descriptor",
                span.length,
                descriptor.size()
            )));
        }
        Ok(span)
    }

    fn read(&self, span: Span) -> io::Result<Take<&File>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(span.start))?;
        Ok(file.take(span.length))
    }

    fn read_document(&self, span: Span) -> io::Result<Vec<u8>> {
        let bound = self.limits.document_bytes;
        if span.length > bound {
            return Err(too_large(format_args!("{bound} bytes")));
        }
        let mut document = Vec::new();
        self.read(span)?.read_to_end(&mut document)?;
        Ok(document)
    }
}

/// How a blob is named in an error.
pub(crate) fn blob(digest: &Digest) -> String {
    format!("blob {}", escape::bounded(digest.as_ref()))
}

fn open_file(path: &Path) -> io::Result<(File, u64)> {
    // Before it is opened: opening a pipe would wait for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(malformed("not a regular file"));
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

fn parse<T: DeserializeOwned>(document: &[u8]) -> io::Result<T> {
    serde_json::from_slice(document).map_err(malformed)
}
