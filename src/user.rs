//! Whose files these are. Under sudo a program is root's, and what it makes in
//! a user's cache folder is to be the user's all the same.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// The user's cache folder: `$XDG_CACHE_HOME`, or `~/.cache`.
pub fn cache_folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache")))
}

/// The user who called sudo, and the main group; `None` where nobody did.
pub fn caller() -> Option<(u32, u32)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let set = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    let (user, group) = (set("SUDO_UID")?, set("SUDO_GID")?);
    (user != 0).then_some((user, group))
}

/// Makes a folder and those above it, for the caller of sudo where there is
/// one and the folder lies in one of the caller's. What root owns above stays
/// root's.
///
/// # Errors
/// One cannot be made.
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    create_for(path, caller())
}

fn create_for(path: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    for folder in missing.into_iter().rev() {
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            made => made?,
        }
        give_within(folder, owner)?;
    }
    Ok(())
}

/// Gives what was made to the caller of sudo, where it lies in a folder of the
/// caller's. Links are not followed.
///
/// # Errors
/// Its owner cannot be changed.
pub fn give(path: &Path) -> io::Result<()> {
    give_within(path, caller())
}

/// The same for all that a folder holds.
///
/// # Errors
/// An owner cannot be changed.
pub fn give_all(folder: &Path) -> io::Result<()> {
    if caller().is_none() {
        return Ok(());
    }
    for entry in WalkDir::new(folder) {
        give(entry?.path())?;
    }
    Ok(())
}

fn give_within(path: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    let Some((user, group)) = owner else {
        return Ok(());
    };
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = fs::metadata(parent.unwrap_or(Path::new(".")))?;
    if parent.uid() != user {
        return Ok(());
    }
    lchown(path, Some(user), Some(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_made_by_root_in_a_users_are_the_users() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".cache/buildrace/sources");
        if !nix::unistd::geteuid().is_root() {
            create_for(&path, None).unwrap();
            assert!(path.is_dir());
            return;
        }
        lchown(home.path(), Some(4242), Some(4343)).unwrap();
        create_for(&path, Some((4242, 4343))).unwrap();
        for folder in path.ancestors().take(3) {
            let found = fs::metadata(folder).unwrap();
            assert_eq!((found.uid(), found.gid()), (4242, 4343), "{folder:?}");
        }

        // What is in root's own folders stays root's.
        let roots = tempfile::tempdir().unwrap();
        create_for(&roots.path().join("a/b"), Some((4242, 4343))).unwrap();
        assert_eq!(fs::metadata(roots.path().join("a/b")).unwrap().uid(), 0);
    }
}
