use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;

/// Sources that can be removed although a folder of theirs is read-only.
struct Sources(TempDir);

impl Sources {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        let lib = self.path().join("lib");
        fs::set_permissions(lib, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Sources with everything that a copy could lose.
fn sources() -> Sources {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("lib/empty")).unwrap();
    fs::write(root.join("lib/version.txt"), "version dev\n").unwrap();
    fs::write(root.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::hard_link(root.join("run.sh"), root.join("again.sh")).unwrap();
    fs::write(root.join(OsStr::from_bytes(b"\xff\xfe.txt")), "bytes").unwrap();
    symlink("lib/version.txt", root.join("link")).unwrap();
    symlink("/nowhere\n", root.join("dangling")).unwrap();
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    let mode = |path: &str, mode| {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("run.sh", 0o755);
    mode("lib/version.txt", 0o444);
    mode("lib/empty", 0o1777);
    mode("lib", 0o555);
    let old = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    for path in ["run.sh", "lib/empty", "lib"] {
        fs::File::open(root.join(path))
            .unwrap()
            .set_modified(old)
            .unwrap();
    }
    Sources(folder)
}

/// What file sync looks at, by path.
fn picture(root: &Path) -> BTreeMap<PathBuf, (u32, i64, i64, Vec<u8>)> {
    WalkDir::new(root)
        .into_iter()
        .map(|entry| {
            let path = entry.unwrap().into_path();
            let metadata = path.symlink_metadata().unwrap();
            let content = if metadata.is_symlink() {
                fs::read_link(&path)
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes()
            } else if metadata.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            let seen = (
                metadata.mode(),
                metadata.mtime(),
                metadata.mtime_nsec(),
                content,
            );
            (path.strip_prefix(root).unwrap().to_owned(), seen)
        })
        .collect()
}

#[test]
fn a_copy_looks_like_the_sources() {
    let sources = sources();
    let copy = SourceCopy::create(sources.path()).unwrap();
    let mut expected = picture(sources.path());
    // To BuildKit a socket is an empty file.
    let socket = expected.get_mut(Path::new("socket")).unwrap();
    socket.0 = 0o100_000 | (socket.0 & 0o7777);
    assert_eq!(picture(copy.path()), expected);
}

#[test]
fn sources_behind_a_symlink_are_those_that_it_leads_to() {
    let sources = sources();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    symlink(sources.path(), &link).unwrap();
    let copy = SourceCopy::create(&link).unwrap();
    let digest = sources_digest(sources.path()).unwrap();
    assert_eq!(sources_digest(copy.path()).unwrap(), digest);
    assert_eq!(sources_digest(&link).unwrap(), digest);
}

#[test]
fn a_copy_is_gone_when_dropped() {
    let sources = sources();
    let copy = SourceCopy::create(sources.path()).unwrap();
    let path = copy.path().to_owned();
    assert!(path.exists());
    drop(copy);
    assert!(!path.exists());
}

#[test]
fn a_pipe_is_copied_and_never_read() {
    let sources = sources();
    let pipe = sources.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let copy = SourceCopy::create(sources.path()).unwrap();
    let copied = copy.path().join("pipe").symlink_metadata().unwrap();
    assert!(copied.file_type().is_fifo());
    assert_eq!(copied.mode(), pipe.symlink_metadata().unwrap().mode());
    let digest = |folder: &Path| sources_digest(folder).unwrap();
    assert_eq!(digest(copy.path()), digest(sources.path()));
    fs::remove_file(&pipe).unwrap();
    assert_ne!(digest(copy.path()), digest(sources.path()));
}

#[test]
fn the_digest_tells_contents_names_and_modes_but_not_times() {
    let sources = sources();
    let copy = SourceCopy::create(sources.path()).unwrap();
    let digest = |copy: &SourceCopy| sources_digest(copy.path()).unwrap();
    let before = digest(&copy);
    assert_eq!(before, sources_digest(sources.path()).unwrap());
    let script = copy.path().join("run.sh");
    fs::File::open(&script)
        .unwrap()
        .set_modified(SystemTime::now())
        .unwrap();
    assert_eq!(digest(&copy), before);

    let mut seen = vec![before];
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    seen.push(digest(&copy));
    fs::write(&script, "#!/bin/sh\n#").unwrap();
    seen.push(digest(&copy));
    fs::rename(&script, copy.path().join("start.sh")).unwrap();
    seen.push(digest(&copy));
    fs::remove_file(copy.path().join("link")).unwrap();
    symlink("run.sh", copy.path().join("link")).unwrap();
    seen.push(digest(&copy));
    let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), 5, "{seen:?}");
}
