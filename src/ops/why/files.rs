//! The files of build contexts: what changed from one to another, or since a
//! moment.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use crate::buildkit::filesync::pattern::{PatternMatcher, wildcard_matches};
use crate::explain::why::{Certainty, ContextFiles, FileChange, Files, How};
use crate::git::Repository;
use crate::ops::ignored::Ignored;
use crate::provenance::Copied;
use crate::temporary::Folder;

/// How far the clock of BuildKit and that of the disk may be apart.
const CLOCKS: SignedDuration = SignedDuration::from_millis(20);
/// The name of a build's own context.
const CONTEXT: &str = "context";

/// A context: a folder, or what a git revision has of one.
pub struct ContextFolder {
    /// Where it is.
    path: PathBuf,
    /// Whether it is of a git revision, which knows no more of a mode than
    /// whether a file is executable.
    is_of_git: bool,
    /// What it was copied into.
    _copy: Option<Folder>,
}

impl ContextFolder {
    /// A folder of the disk, or a git revision of the repository that `here` is
    /// in: there the folder that `here` is.
    ///
    /// # Errors
    /// It is neither, or cannot be read.
    pub fn open(name: &str, here: &Path) -> anyhow::Result<Self> {
        let path = Path::new(name);
        if path.is_dir() {
            return Ok(Self {
                path: path.to_owned(),
                is_of_git: false,
                _copy: None,
            });
        }
        let why = || {
            format!(
                "{name} is neither a folder nor a git revision of {}",
                here.display()
            )
        };
        let repository = Repository::find(here).with_context(why)?;
        let commit = repository.resolve(name).with_context(why)?;
        let here = here.canonicalize().with_context(why)?;
        let inside = here.strip_prefix(repository.top()).with_context(why)?;
        let copy = Folder::new("context").context("cannot make a folder for the context")?;
        repository.export_commit(&commit, copy.path())?;
        Ok(Self {
            path: copy.path().join(inside),
            is_of_git: true,
            _copy: Some(copy),
        })
    }

    /// What would be committed of a folder, to be held against a revision: a folder
    /// has more, `.git` and what git ignores.
    ///
    /// # Errors
    /// It is in no repository, or git fails.
    pub fn of_worktree(folder: &Path) -> anyhow::Result<Self> {
        let repository = Repository::find(folder)?;
        let inside = folder.canonicalize()?;
        let inside = inside.strip_prefix(repository.top())?;
        let copy = Folder::new("context").context("cannot make a folder for the context")?;
        repository.export_worktree(copy.path())?;
        Ok(Self {
            path: copy.path().join(inside),
            is_of_git: true,
            _copy: Some(copy),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is what git has of a folder.
    pub fn is_of_git(&self) -> bool {
        self.is_of_git
    }
}

/// The files of a context, without what `.dockerignore` leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Listing(BTreeMap<Vec<u8>, Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// Type and permissions.
    mode: u32,
    /// SHA-256 of a file's content, or of where a link leads.
    content: Option<[u8; 32]>,
}

impl Listing {
    /// Reads a context. `dockerfile` is where its own list of what to leave out
    /// may be.
    ///
    /// # Errors
    /// Something in it cannot be read.
    fn read(context: &Path, dockerfile: &Path) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        for_each(context, dockerfile, |path, at, metadata| {
            // The folder itself is none of its files.
            if path.is_empty() {
                return Ok(());
            }
            let content = content(at, metadata)?;
            let mode = metadata.mode();
            files.insert(path, Entry { mode, content });
            Ok(())
        })?;
        Ok(Self(files))
    }

    /// As git keeps it: of permissions only whether a file is executable.
    fn with_modes_of_git(mut self) -> Self {
        for entry in self.0.values_mut() {
            let kind = entry.mode & !0o7777;
            let is_executable = entry.content.is_some() && entry.mode & 0o100 != 0;
            entry.mode = kind | if is_executable { 0o755 } else { 0o644 };
        }
        // It has no folders.
        self.0.retain(|_, entry| entry.content.is_some());
        self
    }

    /// What changed from this one to another.
    fn changes(&self, after: &Self) -> Vec<(Vec<u8>, How)> {
        let mut changes = Vec::new();
        for (path, entry) in &after.0 {
            let how = match self.0.get(path) {
                None => How::Added,
                Some(before) if before == entry => continue,
                Some(before) if before.content != entry.content => How::Content,
                Some(_) => How::Mode,
            };
            changes.push((path.clone(), how));
        }
        let gone = self.0.keys().filter(|path| !after.0.contains_key(*path));
        changes.extend(gone.map(|path| (path.clone(), How::Removed)));
        changes.sort();
        changes
    }
}

/// Calls `each` with every file, folder and link of a context.
fn for_each(
    context: &Path,
    dockerfile: &Path,
    mut each: impl FnMut(Vec<u8>, &Path, &Metadata) -> io::Result<()>,
) -> anyhow::Result<()> {
    let ignored = Ignored::with_exceptions(dockerfile, context);
    let relative = |entry: &DirEntry| entry.path().strip_prefix(context).map(Path::to_owned);
    let is_wanted = |entry: &DirEntry| {
        let path = relative(entry).unwrap_or_default();
        let is_whole = entry.file_type().is_dir() && !ignored.takes_back();
        path.as_os_str().is_empty() || !is_whole || !ignored.leaves_out(&path)
    };
    let walk = WalkDir::new(context).into_iter().filter_entry(is_wanted);
    for entry in walk {
        let entry = entry.with_context(|| format!("cannot read {}", context.display()))?;
        let Ok(path) = relative(&entry) else { continue };
        if ignored.leaves_out(&path) {
            continue;
        }
        let read = entry.metadata().map_err(io::Error::from);
        let bytes = path.as_os_str().as_bytes().to_vec();
        read.and_then(|metadata| each(bytes, entry.path(), &metadata))
            .with_context(|| format!("cannot read {}", entry.path().display()))?;
    }
    Ok(())
}

fn content(at: &Path, metadata: &Metadata) -> io::Result<Option<[u8; 32]>> {
    let kind = metadata.file_type();
    if kind.is_symlink() {
        let target = std::fs::read_link(at)?;
        return Ok(Some(Sha256::digest(target.as_os_str().as_bytes()).into()));
    }
    if !kind.is_file() {
        return Ok(None);
    }
    let mut hash = Sha256::new();
    let mut file = std::fs::File::open(at)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Some(hash.finalize().into())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// The files of two builds' contexts, as far as they are known.
#[derive(Debug, Clone, Default)]
pub struct FilesBetween {
    changes: Vec<(Vec<u8>, How)>,
    certainty: Certainty,
    /// What was touched since the earlier build began, up to now.
    recent: Vec<Vec<u8>>,
}

impl FilesBetween {
    /// Both contexts are there.
    ///
    /// # Errors
    /// Something in them cannot be read.
    pub fn of_contexts(
        before: &ContextFolder,
        after: &ContextFolder,
        dockerfile: &Path,
    ) -> anyhow::Result<Self> {
        let is_of_git = before.is_of_git || after.is_of_git;
        let listed = |context: &ContextFolder| {
            let listing = Listing::read(&context.path, dockerfile)?;
            anyhow::Ok(match is_of_git {
                true => listing.with_modes_of_git(),
                false => listing,
            })
        };
        Ok(Self::of_listings(&listed(before)?, &listed(after)?))
    }

    /// The same of two folders.
    ///
    /// # Errors
    /// As [`Self::of_contexts`].
    pub fn of_folders(folders: [&Path; 2], dockerfile: &Path) -> anyhow::Result<Self> {
        let [before, after] = folders.map(|folder| Listing::read(folder, dockerfile));
        Ok(Self::of_listings(&before?, &after?))
    }

    /// The same of two listings.
    fn of_listings(before: &Listing, after: &Listing) -> Self {
        Self {
            changes: before.changes(after),
            certainty: Certainty::Exact,
            recent: Vec::new(),
        }
    }

    /// These files are known to have changed, and no other.
    pub fn of_edit(paths: &[impl AsRef<Path>]) -> Self {
        let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
        let changes = paths
            .iter()
            .map(|path| (bytes(path.as_ref()), How::Content));
        Self {
            changes: changes.collect(),
            certainty: Certainty::Exact,
            recent: Vec::new(),
        }
    }

    /// The context as it is now: what was touched after the earlier build began
    /// and before this one did. It shows in a file's change time, which nobody
    /// sets.
    ///
    /// # Errors
    /// Something in it cannot be read.
    pub fn touched(
        context: &Path,
        dockerfile: &Path,
        since: Timestamp,
        until: Timestamp,
    ) -> anyhow::Result<Self> {
        let mut touched = BTreeMap::new();
        let mut recent = Vec::new();
        for_each(context, dockerfile, |path, _, metadata| {
            let nanos = i32::try_from(metadata.ctime_nsec()).unwrap_or(0);
            if let Ok(time) = Timestamp::new(metadata.ctime(), nanos)
                && time > since - CLOCKS
            {
                recent.push(path.clone());
                if time < until + CLOCKS {
                    touched.insert(path, metadata.is_dir());
                }
            }
            Ok(())
        })?;
        let parents: Vec<Vec<u8>> = touched
            .keys()
            .filter_map(|path| {
                let end = path.iter().rposition(|byte| *byte == b'/')?;
                Some(path[..end].to_vec())
            })
            .collect();
        // A folder changes with what is made and removed in it.
        let is_told = |path: &Vec<u8>, is_folder: bool| {
            !path.is_empty() && (!is_folder || !parents.contains(path))
        };
        let changes = touched
            .into_iter()
            .filter(|(path, is_folder)| is_told(path, *is_folder));
        Ok(Self {
            changes: changes.map(|(path, _)| (path, How::Touched)).collect(),
            certainty: Certainty::TimeStamps,
            recent,
        })
    }
}

impl ContextFiles for FilesBetween {
    fn changed(&self, context: &str, copied: &[Copied]) -> Option<Files> {
        if context != CONTEXT {
            return None;
        }
        let is_copied = |path: &[u8]| copied.iter().any(|copied| takes(copied, path));
        let changes = self.changes.iter().filter(|(path, _)| is_copied(path));
        let changes: Vec<FileChange> = changes
            .map(|(path, how)| FileChange {
                path: String::from_utf8_lossy(path).into_owned(),
                how: *how,
            })
            .collect();
        // What was touched since, or lost something, may have changed before.
        let may_have = |path: &Vec<u8>| {
            let is_around = |copied: &Copied| is_parent(path, &copied.source);
            is_copied(path) || copied.iter().any(is_around)
        };
        let is_open = changes.is_empty() && self.recent.iter().any(may_have);
        Some(Files {
            changes,
            certainty: match is_open {
                true => Certainty::Unknown,
                false => self.certainty,
            },
            everything: false,
            is_named: false,
        })
    }
}

/// Whether a folder of a context is one that what is copied is in.
fn is_parent(folder: &[u8], source: &str) -> bool {
    let source = source.trim_matches('/').trim_start_matches("./");
    let parts: Vec<&[u8]> = folder.split(|byte| *byte == b'/').collect();
    let patterns: Vec<&str> = source.split('/').collect();
    folder.is_empty()
        || (parts.len() < patterns.len()
            && parts.iter().zip(&patterns).all(|(part, pattern)| {
                pattern.as_bytes() == *part || wildcard_matches(pattern.as_bytes(), part)
            }))
}

/// Whether a path of a context is among what is copied.
fn takes(copied: &Copied, path: &[u8]) -> bool {
    let source = copied.source.trim_matches('/').trim_start_matches("./");
    let source = match source {
        "." => "",
        source => source,
    };
    let depth = match source {
        "" => 0,
        source => source.split('/').count(),
    };
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    if parts.len() < depth {
        // A folder that what is copied is in.
        return false;
    }
    let patterns = source.split('/').take(depth);
    let is_below = patterns.zip(&parts).all(|(pattern, part)| {
        pattern.as_bytes() == *part || wildcard_matches(pattern.as_bytes(), part)
    });
    let below = parts[depth..].join(&b'/');
    let matches = |patterns: &[String]| {
        let matcher = PatternMatcher::new(patterns);
        let relative = match below.is_empty() {
            true => parts.last().copied().unwrap_or_default(),
            false => &below,
        };
        matcher.is_ok_and(|matcher| matcher.matches(relative).unwrap_or(false))
    };
    let is_included = copied.include.is_empty() || matches(&copied.include);
    let is_excluded = !copied.exclude.is_empty() && matches(&copied.exclude);
    is_below && is_included && !is_excluded
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn context(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::TempDir::new().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn copied(source: &str) -> Copied {
        Copied {
            source: source.to_owned(),
            ..Copied::default()
        }
    }

    fn told(files: &FilesBetween, source: &str) -> Vec<(String, How)> {
        let files = files.changed(CONTEXT, &[copied(source)]).unwrap();
        let changes = files.changes.into_iter();
        changes.map(|change| (change.path, change.how)).collect()
    }

    #[test]
    fn what_changed_is_told_of_what_is_copied() {
        let before = context(&[
            ("go.mod", "1"),
            ("cmd/main.go", "1"),
            ("cmd/run.sh", "1"),
            ("old", ""),
            ("ignored/x", "1"),
            (".dockerignore", "ignored\n"),
        ]);
        let after = context(&[
            ("go.mod", "1"),
            ("cmd/main.go", "2"),
            ("cmd/run.sh", "1"),
            ("new", ""),
            ("ignored/x", "2"),
            (".dockerignore", "ignored\n"),
        ]);
        fs::set_permissions(
            after.path().join("cmd/run.sh"),
            Permissions::from_mode(0o755),
        )
        .unwrap();
        let open = |folder: &tempfile::TempDir| {
            ContextFolder::open(folder.path().to_str().unwrap(), folder.path()).unwrap()
        };
        let none = Path::new("Dockerfile");
        let files = FilesBetween::of_contexts(&open(&before), &open(&after), none).unwrap();
        let of = |path: &str, how| (path.to_owned(), how);
        assert_eq!(
            told(&files, "/"),
            [
                of("cmd/main.go", How::Content),
                of("cmd/run.sh", How::Mode),
                of("new", How::Added),
                of("old", How::Removed),
            ]
        );
        assert_eq!(told(&files, "/go.mod"), []);
        assert_eq!(told(&files, "/c*/*.go"), [of("cmd/main.go", How::Content)]);
        assert_eq!(told(&files, "/cmd").len(), 2);
        let sources = Copied {
            exclude: vec!["*.sh".into()],
            ..copied("/cmd/")
        };
        assert_eq!(files.changed(CONTEXT, &[sources]).unwrap().changes.len(), 1);
        assert_eq!(files.changed("other", &[copied("/")]), None);
    }

    #[test]
    fn what_was_touched_between_two_builds_is_told() {
        let folder = context(&[("a", "1"), ("b/c", "1"), ("d/e", "1")]);
        // Change times are those of the kernel's last tick.
        std::thread::sleep(std::time::Duration::from_millis(30));
        let since = Timestamp::now();
        std::thread::sleep(std::time::Duration::from_millis(30));
        fs::set_permissions(folder.path().join("a"), Permissions::from_mode(0o700)).unwrap();
        fs::remove_file(folder.path().join("d/e")).unwrap();
        fs::write(folder.path().join("b/new"), "").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30));
        let until = Timestamp::now();
        std::thread::sleep(std::time::Duration::from_millis(30));
        fs::write(folder.path().join("b/c"), "2").unwrap();
        let none = Path::new("Dockerfile");
        let files = FilesBetween::touched(folder.path(), none, since, until).unwrap();
        let names: Vec<String> = told(&files, "").into_iter().map(|(path, _)| path).collect();
        assert_eq!(names, ["a", "b/new", "d"]);
    }
}
