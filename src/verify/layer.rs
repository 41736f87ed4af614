//! What a layer changes: files that it puts and files that it takes away (OCI
//! image specification, "Image Layer Filesystem Changeset").

use std::collections::BTreeSet;
use std::io::{self, Read};

use tar::EntryType;

use super::compression::decompressed;
use super::entries::{Entry, walk};
use super::error::{malformed, too_large};
use super::limits::Limits;
use super::path::{MAX_BYTES, clean, push, split};
use super::program::{Content, HEAD_BYTES};

/// A file of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A folder; what is in it has paths of its own.
    Folder,
    /// A regular file, by what its first bytes say.
    File(Content),
    /// A symlink and what it points to, as written.
    Symlink(Box<[u8]>),
    /// A device or a pipe.
    Special,
}

/// What is put at a path.
#[derive(Debug)]
pub(super) enum Put {
    /// A file, whatever was there before.
    Node(Node),
    /// What is at another path.
    HardLink(Vec<u8>),
}

/// A layer as it is read.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// Paths that are taken from the layers below, whiteouts.
    pub(super) removed: BTreeSet<Vec<u8>>,
    /// Folders of which the layers below show nothing, opaque whiteouts.
    pub(super) emptied: BTreeSet<Vec<u8>>,
    /// What it has itself, in its order.
    pub(super) put: Vec<(Vec<u8>, Put)>,
}

/// What is left of the bounds of an image or an archive.
#[derive(Debug)]
pub(super) struct Budget<'b> {
    /// Entries that may still come.
    pub(super) files: usize,
    /// Bytes of names that may still come.
    pub(super) name_bytes: usize,
    /// Decompressed bytes that may still come, of the whole archive.
    pub(super) bytes: &'b mut u64,
    /// The bounds themselves, for messages.
    pub(super) limits: &'b Limits,
}

impl<'b> Budget<'b> {
    /// All that an image may have, and what is left for the archive.
    pub(super) fn new(limits: &'b Limits, bytes: &'b mut u64) -> Self {
        Self {
            files: limits.files,
            name_bytes: limits.name_bytes,
            bytes,
            limits,
        }
    }

    fn spend_entry(&mut self) -> io::Result<()> {
        self.files = self
            .files
            .checked_sub(1)
            .ok_or_else(|| too_large(format_args!("{} files in an image", self.limits.files)))?;
        Ok(())
    }

    /// Counts a name.
    pub(super) fn spend_name(&mut self, name: &[u8]) -> io::Result<()> {
        self.name_bytes = self.name_bytes.checked_sub(name.len()).ok_or_else(|| {
            too_large(format_args!(
                "{} bytes of names in an image",
                self.limits.name_bytes
            ))
        })?;
        Ok(())
    }
}

impl Layer {
    /// Reads a layer to its end.
    pub(super) fn read(compressed: impl Read, budget: &mut Budget<'_>) -> io::Result<Self> {
        let limit = budget.limits.layer_bytes.min(*budget.bytes);
        let mut tar = tar::Archive::new(decompressed(compressed, limit)?);
        let mut layer = Self::default();
        walk(tar.entries()?, |entry, content| {
            layer.add(entry, content, budget)
        })?;
        // Checksums come last, after the padding of the tar.
        let mut rest = tar.into_inner();
        io::copy(&mut rest, &mut io::sink())?;
        *budget.bytes -= rest.read_so_far();
        Ok(layer)
    }

    fn add(
        &mut self,
        entry: Entry,
        content: &mut dyn Read,
        budget: &mut Budget<'_>,
    ) -> io::Result<()> {
        budget.spend_entry()?;
        budget.spend_name(&entry.name)?;
        let path = clean(&entry.name)?;
        let Some((folder, name)) = split(&path) else {
            return Ok(());
        };
        if let Some(hidden) = name.strip_prefix(b".wh.") {
            if hidden == b".wh..opq" {
                self.emptied.insert(folder.to_vec());
            } else if !hidden.starts_with(b".wh.") {
                // Other names with the prefix twice are AUFS's own.
                let mut removed = folder.to_vec();
                push(&mut removed, hidden);
                self.removed.insert(removed);
            }
            return Ok(());
        }
        let put = match entry.kind {
            EntryType::Directory => Put::Node(Node::Folder),
            // Tars older than POSIX mark folders so.
            EntryType::Regular if entry.name.ends_with(b"/") => Put::Node(Node::Folder),
            EntryType::Regular | EntryType::Continuous => {
                let mut head = Vec::with_capacity(HEAD_BYTES);
                content.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
                if (head.len() as u64) < entry.size.min(HEAD_BYTES as u64) {
                    return Err(malformed("it ends within a file"));
                }
                Put::Node(Node::File(Content::from_head(&head)))
            }
            EntryType::Symlink => {
                if entry.target.len() > MAX_BYTES {
                    return Err(too_large(format_args!("{MAX_BYTES} bytes in one symlink")));
                }
                budget.spend_name(&entry.target)?;
                Put::Node(Node::Symlink(entry.target.into()))
            }
            EntryType::Link => {
                budget.spend_name(&entry.target)?;
                Put::HardLink(clean(&entry.target)?)
            }
            _ => Put::Node(Node::Special),
        };
        self.put.push((path, put));
        Ok(())
    }
}
