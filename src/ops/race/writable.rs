//! Whether results could be written afterwards, asked before anything is
//! measured.

use std::path::Path;

use anyhow::Context;

use crate::ops::results;
use crate::options::RaceOptions;

/// Fails before anything is measured where results or reports could not be
/// written afterwards; leaves no trace of having tried. Of a store, noise floors
/// are fetched.
pub async fn check_writable(args: &RaceOptions) -> anyhow::Result<()> {
    let folders = [
        ("results", &args.results.folder),
        ("reports", &args.reports),
    ];
    for (what, folder) in folders {
        check_folder(folder).with_context(|| {
            format!(
                "cannot write {what} into {} (--{what} DIR names another folder)",
                folder.display()
            )
        })?;
    }
    results::prepare(&args.results).await
}

/// Whether `folder`, or the nearest folder above it that exists, takes new
/// entries.
fn check_folder(folder: &Path) -> std::io::Result<()> {
    let folder = std::path::absolute(folder)?;
    for place in folder.ancestors() {
        match std::fs::metadata(place) {
            Ok(found) if !found.is_dir() => {
                return Err(std::io::Error::other(format!(
                    "{} is not a folder",
                    place.display()
                )));
            }
            Ok(_) => {
                let writable = nix::unistd::AccessFlags::W_OK | nix::unistd::AccessFlags::X_OK;
                return nix::unistd::access(place, writable).map_err(std::io::Error::from);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Keeps results out of somebody's repository: folders for them that are not
/// there yet get a `.gitignore`, as test and build tools leave one in theirs.
/// Without it `git status`, and the next check, would take them for a change.
pub fn keep_out_of_git(args: &RaceOptions) -> anyhow::Result<()> {
    // What goes into a store is no folder of the repository.
    let results = args.results.store.is_none().then_some(&args.results.folder);
    for folder in results.into_iter().chain([&args.reports]) {
        if folder.exists() {
            continue;
        }
        let file = folder.join(".gitignore");
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&file, "*\n"))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
