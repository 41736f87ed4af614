//! Repositories made by the real git, away from anybody's configuration.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Repository, command};

/// A repository that is removed when dropped.
pub struct Fixture {
    folder: TempDir,
}

impl Fixture {
    /// Without commits, on `main`.
    pub fn empty() -> Self {
        let fixture = Self {
            folder: TempDir::new().unwrap(),
        };
        fixture.git(["init", "--quiet", "-b", "main"]);
        fixture
    }

    /// With a commit "First" on `main`.
    pub fn new() -> Self {
        let fixture = Self::empty();
        fixture.commit("First");
        fixture
    }

    /// A clone by `file://`, which honours `--depth`.
    pub fn clone_of(other: &Self, options: &[&str]) -> Self {
        let fixture = Self {
            folder: TempDir::new().unwrap(),
        };
        let url = format!("file://{}", other.path().display());
        let mut arguments = vec!["clone", "--quiet"];
        arguments.extend(options);
        arguments.extend([url.as_str(), "."]);
        fixture.git(arguments);
        fixture
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn repository(&self) -> Repository {
        Repository::find(self.path()).unwrap()
    }

    pub fn write(&self, path: impl AsRef<Path>, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Commits all that there is, and a file of the message's name.
    pub fn commit(&self, message: &str) -> String {
        self.write(format!("{message}.txt"), message);
        self.git(["add", "--all"]);
        self.git(["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(["rev-parse", "HEAD"])
    }

    /// Adds `other` as the submodule `path`, and commits that.
    pub fn add_submodule(&self, other: &Self, path: &str) {
        let url = other.path().to_str().unwrap();
        self.git(["submodule", "--quiet", "add", url, path]);
        self.commit("Submodule");
    }

    pub fn git<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        git(self.path(), arguments)
    }
}

/// Runs git for a test's own purposes.
pub fn git<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> String {
    let mut git = command::git(folder);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
        .args([
            "-c",
            "protocol.file.allow=always",
            "-c",
            "advice.detachedHead=false",
        ])
        .args(arguments);
    let output = git
        .output()
        .expect("these tests need the git program on PATH");
    assert!(
        output.status.success(),
        "{git:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The environment of a process that knows of no CI.
pub fn no_env(_: &str) -> Option<String> {
    None
}

/// What there is to know about a path: mode, modification time, content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub mode: u32,
    pub modified: (i64, i64),
    /// A file's content, a symlink's target; a folder has none.
    pub content: Vec<u8>,
}

/// Everything below a folder, and the folder itself.
pub fn everything(folder: &Path) -> BTreeMap<PathBuf, Seen> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| {
            use std::os::unix::ffi::OsStringExt;
            let path = entry.unwrap().into_path();
            let metadata = path.symlink_metadata().unwrap();
            let content = if metadata.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_vec()
            } else if metadata.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            let seen = Seen {
                mode: metadata.permissions().mode(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                content,
            };
            (path.strip_prefix(folder).unwrap().to_owned(), seen)
        })
        .collect()
}

/// The paths of files and symlinks below a folder, `.git` left out.
pub fn names(folder: &Path) -> Vec<PathBuf> {
    everything(folder)
        .into_keys()
        .filter(|path| !folder.join(path).is_dir() || folder.join(path).is_symlink())
        .filter(|path| !path.iter().any(|part| part == ".git"))
        .collect()
}
