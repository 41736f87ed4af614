//! The Docker CLI's folder and its `config.json`.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::docker_cli::Config;
use crate::ops::files::write_bytes;

/// The folder of the Docker CLI's configuration.
pub(super) fn docker_folder() -> anyhow::Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    let home = || set("HOME").map(|home| Path::new(&home).join(".docker"));
    let folder = set("DOCKER_CONFIG").map(PathBuf::from).or_else(home);
    folder.context("where Docker's folder is, neither DOCKER_CONFIG nor HOME tells: set one")
}

/// The file of its settings in there.
pub(super) fn config_file(docker: &Path) -> PathBuf {
    docker.join("config.json")
}

/// Reads the settings; there need be none.
pub(super) fn read_config(docker: &Path) -> anyhow::Result<Config> {
    let file = config_file(docker);
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Config::new(Some(text))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Config::new(None)),
        Err(error) => {
            Err(anyhow::Error::new(error).context(format!("cannot read {}", file.display())))
        }
    }
}

/// Writes the file whole, with its owner and mode. A new one is its user's alone, as the Docker CLI
/// makes it: it may hold credentials some day.
pub(super) fn write_config(file: &Path, text: &str) -> anyhow::Result<()> {
    let before = fs::metadata(file).ok();
    if before.is_none() {
        let mut options = fs::OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o600).open(file);
        made.with_context(|| format!("cannot write {}", file.display()))?;
    }
    write_bytes(file, text.as_bytes())?;
    if let (Some(before), Ok(after)) = (before, fs::metadata(file))
        && (before.uid(), before.gid()) != (after.uid(), after.gid())
    {
        // Of another user, as under sudo. What cannot be kept is no reason to fail.
        let _ = chown(file, Some(before.uid()), Some(before.gid()));
    }
    Ok(())
}
