//! Unpacks what `docker save` writes. The archive is from outside: nothing of it
//! becomes a file but blobs, each named by the digest that its content has, and
//! there is an end to how many and how large they are.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use tar::EntryType;

use crate::model::ImageLayout;

/// Most entries of an archive.
const MOST_ENTRIES: usize = 10_000;
/// Most bytes of all blobs together.
const MOST_BYTES: u64 = 64 << 30;
/// Most bytes of `index.json`, and of each index, manifest and configuration.
pub(super) const MOST_DOCUMENT: u64 = 4 << 20;
/// Most bytes of an entry's extended header.
const MOST_EXTENSION: u64 = 1 << 20;
/// Bytes read at once.
const PIECE: usize = 256 << 10;

/// What an archive holds, its blobs in a folder by now.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    /// Its `index.json`, which nothing says the digest of.
    pub(super) index: Option<Vec<u8>>,
    /// The blobs' lengths by their digests.
    pub(super) blobs: BTreeMap<String, u64>,
}

/// Unpacks the blobs of an archive into `blobs/sha256` of a folder.
pub(super) fn unpack(archive: impl Read, folder: &Path) -> io::Result<Unpacked> {
    unpack_within(archive, folder, MOST_ENTRIES, MOST_BYTES)
}

fn unpack_within(
    archive: impl Read,
    folder: &Path,
    most_entries: usize,
    most_bytes: u64,
) -> io::Result<Unpacked> {
    fs::create_dir_all(folder.join("blobs").join("sha256"))?;
    let mut unpacked = Unpacked::default();
    let mut bytes = 0u64;
    let mut archive = tar::Archive::new(archive);
    // Raw: the crate would read a long name whole, however long it is, and no
    // name that matters here is long.
    for (at, entry) in archive.entries()?.raw(true).enumerate() {
        if at >= most_entries {
            return Err(too_large(format!("{most_entries} entries")));
        }
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::XHeader | EntryType::XGlobalHeader => {
                let extension = whole(&mut entry, MOST_EXTENSION)?;
                if extension.windows(6).any(|text| text == b" size=") {
                    return Err(too_large("8 GiB in one file".into()));
                }
            }
            EntryType::Regular | EntryType::Continuous => {
                let size = entry.size();
                bytes = bytes.saturating_add(size);
                if bytes > most_bytes {
                    return Err(too_large(format!("{most_bytes} bytes")));
                }
                let name = entry.header().path_bytes().into_owned();
                let name = String::from_utf8_lossy(&name);
                let name = name.trim_start_matches("./");
                if name == "index.json" {
                    unpacked.index = Some(whole(&mut entry, MOST_DOCUMENT)?);
                } else if let Some(hex) = name.strip_prefix("blobs/sha256/") {
                    unpacked.blob(&format!("sha256:{hex}"), &mut entry, size, folder)?;
                }
            }
            _ => {}
        }
    }
    Ok(unpacked)
}

impl Unpacked {
    fn blob(
        &mut self,
        digest: &str,
        content: &mut impl Read,
        size: u64,
        folder: &Path,
    ) -> io::Result<()> {
        let path = ImageLayout::blob(folder, digest)
            .ok_or_else(|| malformed(format!("{digest:?} names a blob in it, and is no digest")))?;
        // Several images of an archive may share it.
        if self.blobs.contains_key(digest) {
            return Ok(());
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; PIECE];
        let mut left = size;
        while left > 0 {
            let read = match content.read(&mut piece) {
                Ok(0) => return Err(malformed(format!("it ends within {digest}"))),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hash.update(&piece[..read]);
            file.write_all(&piece[..read])?;
            left = left.saturating_sub(read as u64);
        }
        let found = hex::encode(hash.finalize());
        if ImageLayout::sha256(digest) != Some(&found) {
            return Err(malformed(format!(
                "the content of {digest} has another digest"
            )));
        }
        self.blobs.insert(digest.to_owned(), size);
        Ok(())
    }
}

/// All of an entry that is not longer than `most`.
fn whole(entry: &mut tar::Entry<'_, impl Read>, most: u64) -> io::Result<Vec<u8>> {
    if entry.size() > most {
        return Err(too_large(format!("{most} bytes in one document")));
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content)?;
    Ok(content)
}

pub(super) fn malformed(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

pub(super) fn too_large(bound: String) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("it has more than {bound}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive of these files.
    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            // Not `set_path`, which refuses the names that are tried here.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, *content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn digest(content: &[u8]) -> String {
        hex::encode(Sha256::digest(content))
    }

    fn try_unpack(files: &[(&str, &[u8])]) -> (tempfile::TempDir, io::Result<Unpacked>) {
        let folder = tempfile::tempdir().unwrap();
        let unpacked = unpack_within(archive(files).as_slice(), folder.path(), 5, 1000);
        (folder, unpacked)
    }

    #[test]
    fn blobs_become_files_and_nothing_else_does() {
        let name = format!("blobs/sha256/{}", digest(b"layer"));
        let files: [(&str, &[u8]); 5] = [
            (&name, b"layer"),
            ("index.json", b"{}"),
            ("../outside", b"x"),
            ("manifest.json", b"[]"),
            // As archives of several images have it.
            (&name, b"layer"),
        ];
        let (folder, unpacked) = try_unpack(&files);
        let unpacked = unpacked.unwrap();
        assert_eq!(unpacked.index.as_deref(), Some(&b"{}"[..]));
        assert_eq!(
            unpacked.blobs,
            BTreeMap::from([(format!("sha256:{}", digest(b"layer")), 5)])
        );
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), b"layer");
        let written = walkdir::WalkDir::new(folder.path()).into_iter().flatten();
        assert_eq!(
            written.filter(|entry| entry.file_type().is_file()).count(),
            1
        );
    }

    #[test]
    fn what_is_not_what_its_name_says_is_refused() {
        let right = format!("blobs/sha256/{}", digest(b"layer"));
        for (name, content, said) in [
            (right.as_str(), &b"other"[..], "has another digest"),
            ("blobs/sha256/../../outside", b"x", "is no digest"),
            ("blobs/sha256//etc/passwd", b"x", "is no digest"),
            ("blobs/sha256/", b"x", "is no digest"),
        ] {
            let (_folder, unpacked) = try_unpack(&[(name, content)]);
            let error = unpacked.unwrap_err().to_string();
            assert!(error.contains(said), "{name}: {error}");
        }
    }

    #[test]
    fn there_is_an_end_to_it() {
        let large = [b'x'; 1001];
        let name = format!("blobs/sha256/{}", digest(&large));
        let (_folder, unpacked) = try_unpack(&[(&name, &large)]);
        assert!(unpacked.unwrap_err().to_string().contains("1000 bytes"));
        let (_folder, unpacked) = try_unpack(&[("a", &b""[..]); 6]);
        assert!(unpacked.unwrap_err().to_string().contains("5 entries"));
        // A layer of more than 8 GiB, as Go writes it.
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_pax_extensions([("size", &b"8589934592"[..])])
            .unwrap();
        let archive = tar.into_inner().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let error = unpack(archive.as_slice(), folder.path()).unwrap_err();
        assert!(error.to_string().contains("8 GiB"), "{error}");
        // Cut off within a blob.
        let name = format!("blobs/sha256/{}", digest(&[b'x'; 900]));
        let whole = self::archive(&[(&name, &[b'x'; 900])]);
        let folder = tempfile::tempdir().unwrap();
        assert!(unpack(&whole[..1000], folder.path()).is_err());
    }
}
