//! Writes a root file system, or what one has over another, as a layer.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};
use walkdir::WalkDir;

/// Folders whose content belongs to a running system, not to an image.
const LIVE: [&str; 5] = ["dev", "proc", "run", "sys", "tmp"];

/// Writes `root` as a tar, without what `below` already has, and with
/// whiteouts for what `below` has and `root` has not.
pub(super) fn write<W: Write>(root: &Path, below: Option<&Path>, out: W) -> io::Result<W> {
    let mut tar = Builder::new(out);
    let mut hard_links: HashMap<(u64, u64), PathBuf> = HashMap::new();
    for (path, meta) in entries(root)? {
        if let Some(below) = below
            && same(root, below, &path, &meta)?
        {
            continue;
        }
        let mut header = Header::new_gnu();
        header.set_metadata(&meta);
        let source = root.join(&path);
        if meta.is_dir() {
            tar.append_data(&mut header, &path, io::empty())?;
        } else if meta.is_symlink() {
            header.set_size(0);
            tar.append_link(&mut header, &path, fs::read_link(&source)?)?;
        } else if meta.is_file() {
            let id = (meta.dev(), meta.ino());
            if let Some(first) = hard_links.get(&id) {
                header.set_entry_type(EntryType::Link);
                header.set_size(0);
                tar.append_link(&mut header, &path, first)?;
            } else {
                tar.append_data(&mut header, &path, File::open(&source)?)?;
                if meta.nlink() > 1 {
                    hard_links.insert(id, path);
                }
            }
        }
    }
    if let Some(below) = below {
        for path in removed(root, below)? {
            let mut name = std::ffi::OsString::from(".wh.");
            name.push(path.file_name().unwrap_or_default());
            let mut header = Header::new_gnu();
            header.set_size(0);
            header.set_mode(0o644);
            tar.append_data(&mut header, path.with_file_name(name), io::empty())?;
        }
    }
    tar.into_inner()
}

/// What is in a root, by path relative to it, parents first.
fn entries(root: &Path) -> io::Result<Vec<(PathBuf, Metadata)>> {
    let walk = WalkDir::new(root)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| !is_live(root, entry.path().parent()));
    walk.map(|entry| {
        let entry = entry?;
        let meta = fs::symlink_metadata(entry.path())?;
        let path = entry.path().strip_prefix(root).map_err(io::Error::other)?;
        Ok((path.to_owned(), meta))
    })
    .collect()
}

fn is_live(root: &Path, folder: Option<&Path>) -> bool {
    folder
        .and_then(|folder| folder.strip_prefix(root).ok())
        .is_some_and(|folder| LIVE.iter().any(|live| folder == Path::new(live)))
}

/// Whether `below` has the same at this path. A folder is the same whatever
/// is in it.
fn same(root: &Path, below: &Path, path: &Path, meta: &Metadata) -> io::Result<bool> {
    let other = match fs::symlink_metadata(below.join(path)) {
        Ok(other) => other,
        Err(error) if absent(&error) => return Ok(false),
        Err(error) => return Err(error),
    };
    if (meta.mode(), meta.uid(), meta.gid()) != (other.mode(), other.uid(), other.gid()) {
        return Ok(false);
    }
    if meta.is_dir() {
        return Ok(true);
    }
    if meta.is_symlink() {
        return Ok(fs::read_link(root.join(path))? == fs::read_link(below.join(path))?);
    }
    Ok((meta.size(), meta.mtime(), meta.mtime_nsec())
        == (other.size(), other.mtime(), other.mtime_nsec()))
}

/// What `below` has and `root` has not; of a whole folder only itself.
fn removed(root: &Path, below: &Path) -> io::Result<Vec<PathBuf>> {
    let mut removed: Vec<PathBuf> = Vec::new();
    for (path, _) in entries(below)? {
        if removed
            .last()
            .is_some_and(|parent| path.starts_with(parent))
        {
            continue;
        }
        match fs::symlink_metadata(root.join(&path)) {
            Err(error) if absent(&error) => removed.push(path),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Ok(removed)
}

fn absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn listing(bytes: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(bytes);
        archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let path = entry.path().unwrap().display().to_string();
                match entry.link_name().unwrap() {
                    Some(target) => format!("{path} -> {}", target.display()),
                    None => path,
                }
            })
            .collect()
    }

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in ["etc", "proc", "usr/share/old/deep"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        for file in [
            "etc/a",
            "proc/cpuinfo",
            "usr/share/old/deep/file",
            "usr/one",
        ] {
            fs::write(root.path().join(file), "content").unwrap();
        }
        symlink("a", root.path().join("etc/link")).unwrap();
        root
    }

    #[test]
    fn a_whole_root_has_its_links_and_no_live_files() {
        let root = root();
        fs::hard_link(root.path().join("usr/one"), root.path().join("usr/two")).unwrap();
        let tar = write(root.path(), None, Vec::new()).unwrap();
        let names = listing(&tar);
        assert!(
            names.contains(&"usr/two -> usr/one".to_owned()),
            "{names:?}"
        );
        assert!(names.contains(&"etc/link -> a".to_owned()), "{names:?}");
        assert!(
            names
                .iter()
                .any(|name| name.trim_end_matches('/') == "proc")
        );
        assert!(!names.contains(&"proc/cpuinfo".to_owned()), "{names:?}");
    }

    #[test]
    fn a_layer_on_another_has_only_what_changed_and_what_went() {
        let below = root();
        let above = tempfile::tempdir().unwrap();
        let copied = std::process::Command::new("cp")
            .args(["-aT"])
            .arg(below.path())
            .arg(above.path())
            .status()
            .unwrap();
        assert!(copied.success());
        let nothing = write(above.path(), Some(below.path()), Vec::new()).unwrap();
        assert_eq!(listing(&nothing), Vec::<String>::new());

        fs::write(above.path().join("etc/a"), "other content").unwrap();
        fs::write(above.path().join("etc/new"), "").unwrap();
        fs::remove_dir_all(above.path().join("usr/share/old")).unwrap();
        fs::remove_file(above.path().join("etc/link")).unwrap();
        let changes = write(above.path(), Some(below.path()), Vec::new()).unwrap();
        assert_eq!(
            listing(&changes),
            ["etc/a", "etc/new", "etc/.wh.link", "usr/share/.wh.old"]
        );
    }
}
