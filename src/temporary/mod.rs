//! Temporary folders, and what dead processes left of theirs.
//!
//! All temporary folders of a process are in one: `buildrace-PID-…` in the
//! system's temporary folder. In it is a file that the process holds locked
//! as long as it lives, so that anybody can tell a folder that is in use from
//! one whose owner was killed, whatever process has that id by now.

mod owner;

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use walkdir::WalkDir;

pub use owner::Owner;

/// What the names of temporary folders begin with.
pub const PREFIX: &str = "buildrace-";
/// The file that the owner of a folder holds.
pub const LOCK: &str = "in-use.lock";
/// A folder without that file is being made, or was made by a buildrace that
/// had none: after this long nobody needs it any more.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// The folder of this process, while there is a folder in it.
static OF_PROCESS: Mutex<Weak<Held>> = Mutex::new(Weak::new());

/// A folder in the folder of this process. It is removed when dropped, also
/// what it holds that may not be written.
#[derive(Debug)]
pub struct Folder {
    // In this order: the folder of the process goes last.
    folder: TempDir,
    _within: Arc<Held>,
}

impl Folder {
    /// Makes one; `what` is what it is for, in its name.
    ///
    /// # Errors
    /// The system's temporary folder cannot be written.
    pub fn new(what: &str) -> io::Result<Self> {
        let within = of_process()?;
        let folder = tempfile::Builder::new()
            .prefix(&format!("{what}-"))
            .tempdir_in(within.path())?;
        Ok(Self {
            folder,
            _within: within,
        })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        make_removable(self.path());
    }
}

fn of_process() -> io::Result<Arc<Held>> {
    let mut known = OF_PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(held) = known.upgrade() {
        return Ok(held);
    }
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let held = Arc::new(Held::new(&std::env::temp_dir(), &prefix)?);
    *known = Arc::downgrade(&held);
    Ok(held)
}

/// Where temporary folders of this process are now, if there are any.
pub fn folder_of_process() -> Option<PathBuf> {
    let known = OF_PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    known.upgrade().map(|held| held.path().to_owned())
}

/// Removes the temporary folders of this process, in use or not: it ends at
/// once, and nobody else would.
pub fn remove_at_once() {
    if let Some(folder) = folder_of_process() {
        let _ = remove(&folder);
    }
}

/// A folder that this process holds. It is removed when dropped.
#[derive(Debug)]
pub struct Held {
    folder: TempDir,
    _lock: Option<File>,
}

impl Held {
    /// Makes a folder in `parent` and holds it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(parent: &Path, prefix: &str) -> io::Result<Self> {
        loop {
            let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
            let file = File::create_new(folder.path().join(LOCK))?;
            match file.try_lock() {
                // Who looks for leftovers may just have found it.
                Err(TryLockError::WouldBlock) => continue,
                Ok(()) if !folder.path().join(LOCK).exists() => continue,
                // A file system without locks: nobody takes the folder away.
                Err(TryLockError::Error(_)) => {
                    return Ok(Self {
                        folder,
                        _lock: None,
                    });
                }
                Ok(()) => {
                    return Ok(Self {
                        folder,
                        _lock: Some(file),
                    });
                }
            }
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Whether the owner of a folder lives. `None` where it is not known.
pub fn is_in_use(folder: &Path, lock: &str) -> Option<bool> {
    let lock = folder.join(lock);
    if fs::symlink_metadata(&lock).is_ok() {
        return is_locked(&lock);
    }
    let made = fs::symlink_metadata(folder).and_then(|found| found.modified());
    let age = made
        .ok()
        .and_then(|made| SystemTime::now().duration_since(made).ok());
    age.filter(|age| *age > FORGOTTEN).map(|_| false)
}

/// Whether somebody holds a file locked. `None` where it is not known, among
/// others since there is no such file.
pub fn is_locked(path: &Path) -> Option<bool> {
    // A device or a pipe is no lock of ours, and opening it may wait.
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
        return None;
    }
    let file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Ok(()) => Some(false),
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

/// Folders in `parent` with names that begin with `prefix`, which this user's
/// processes made and left when they were killed.
pub fn left_in(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let own = nix::unistd::geteuid().as_raw();
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut left: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .filter(|entry| {
            let found = fs::symlink_metadata(entry.path());
            found.is_ok_and(|found| found.is_dir() && found.uid() == own)
        })
        .map(|entry| entry.path())
        .filter(|path| is_in_use(path, LOCK) == Some(false))
        .collect();
    left.sort();
    left
}

/// Bytes of the files in a folder, as far as they can be read.
pub fn bytes_in(path: &Path) -> u64 {
    let entries = WalkDir::new(path).into_iter().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(|found| found.is_file())
        .map(|found| found.len())
        .sum()
}

/// Removes a folder, also what it holds that may not be written.
///
/// # Errors
/// Something in it cannot be removed.
pub fn remove(folder: &Path) -> io::Result<()> {
    make_removable(folder);
    fs::remove_dir_all(folder)
}

/// Lets folders be emptied that sources have read-only. Links are not
/// followed.
fn make_removable(folder: &Path) {
    let folders = WalkDir::new(folder).into_iter().flatten();
    for entry in folders.filter(|entry| entry.file_type().is_dir()) {
        // What cannot be removed is left, and found by `buildrace clean`.
        let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_is_not_left() {
        let parent = TempDir::new().unwrap();
        let held = Held::new(parent.path(), PREFIX).unwrap();
        assert!(left_in(parent.path(), PREFIX).is_empty());
        assert_eq!(is_in_use(held.path(), LOCK), Some(true));

        // As a process that was killed leaves it: with nobody who holds it.
        let dead = parent.path().join("buildrace-1-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        let read_only = dead.join("sources");
        fs::create_dir(&read_only).unwrap();
        fs::write(read_only.join("a"), "12345").unwrap();
        fs::set_permissions(&read_only, fs::Permissions::from_mode(0o500)).unwrap();
        assert_eq!(left_in(parent.path(), PREFIX), std::slice::from_ref(&dead));
        assert_eq!(bytes_in(&dead), 5);
        remove(&dead).unwrap();
        assert!(held.path().exists());
    }

    #[test]
    fn what_others_may_be_making_stays() {
        let parent = TempDir::new().unwrap();
        // Without a lock it may be a moment old.
        fs::create_dir(parent.path().join("buildrace-1-new")).unwrap();
        fs::create_dir(parent.path().join("somebody's")).unwrap();
        std::os::unix::fs::symlink("/", parent.path().join("buildrace-link")).unwrap();
        assert!(left_in(parent.path(), PREFIX).is_empty());
    }

    #[test]
    fn folders_of_a_process_are_in_one() {
        let (one, other) = (Folder::new("a").unwrap(), Folder::new("b").unwrap());
        assert_eq!(one.path().parent(), other.path().parent());
        let within = one.path().parent().unwrap().to_owned();
        assert_eq!(folder_of_process(), Some(within.clone()));
        assert_eq!(is_in_use(&within, LOCK), Some(true));
        let gone = one.path().to_owned();
        drop(one);
        assert!(!gone.exists() && other.path().exists());
    }
}
