//! Files that hold a pointer of Git LFS in the place of their content, as they
//! do where git-lfs is not set up.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// What every pointer begins with.
const FIRST: &[u8] = b"version https://git-lfs.github.com/spec/";
/// No pointer is larger.
const LARGEST: u64 = 1024;

/// The pointers below a folder, relative to it. What cannot be read is none.
pub fn pointers(root: &Path) -> BTreeSet<PathBuf> {
    let entries = WalkDir::new(root).into_iter().flatten();
    let small = entries.filter(|entry| {
        entry.file_type().is_file()
            && entry
                .metadata()
                .is_ok_and(|metadata| (FIRST.len() as u64..=LARGEST).contains(&metadata.len()))
    });
    let pointers = small.filter(|entry| {
        let mut begin = [0; FIRST.len()];
        let read = File::open(entry.path()).and_then(|mut file| file.read_exact(&mut begin));
        read.is_ok() && begin == FIRST
    });
    pointers
        .filter_map(|entry| Some(entry.path().strip_prefix(root).ok()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_known_by_how_it_begins() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
        write("a/pointer", pointer);
        write("a/content", "x");
        write("readme", &format!("as in {pointer}"));
        let found: Vec<_> = pointers(folder.path()).into_iter().collect();
        assert_eq!(found, [Path::new("a/pointer")]);
    }
}
