//! The private engine's root file system: made in a folder of its own, moved
//! into place when complete, so that what is in place is never half-made.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::paths::Paths;
use crate::engine::command::run;
use crate::engine::debian::{self, Archives, DebianRoot};
use crate::engine::{EngineError, Progress};
use crate::model::Release;
use crate::user;

/// Raised when the packages or the layout of the root change: an older root
/// is made anew.
const VERSION: u32 = 2;

const MARKER: &str = ".buildrace-root.json";

/// The engine, what it needs to build and to reach the network, the CLI that
/// tests compare with, and static emulators.
const PACKAGES: [&str; 12] = [
    "ca-certificates",
    "containerd",
    "docker-buildx",
    "docker-cli",
    "docker.io",
    "git",
    "iptables",
    "mount",
    "qemu-user",
    "qemu-user-binfmt",
    "runc",
    "slirp4netns",
];

/// What says that a root is complete; it is written last of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    version: u32,
    /// Versions of the packages that were asked for.
    pub(super) packages: BTreeMap<String, String>,
}

/// The marker of a complete root of this version, if there is one.
pub(super) fn read_marker(paths: &Paths) -> Result<Option<Marker>, EngineError> {
    let path = paths.root().join(MARKER);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(EngineError::file("cannot read", path)(error)),
    };
    Ok(serde_json::from_str::<Marker>(&text)
        .ok()
        .filter(|marker| marker.version == VERSION))
}

/// Writes the marker that says that a root is complete.
pub(super) fn write_marker(
    root: &Path,
    packages: BTreeMap<String, String>,
) -> Result<(), EngineError> {
    let path = root.join(MARKER);
    let marker = Marker {
        version: VERSION,
        packages,
    };
    serde_json::to_vec(&marker)
        .map_err(io::Error::from)
        .and_then(|bytes| fs::write(&path, bytes))
        .map_err(EngineError::file("cannot write", path))
}

/// Makes the root, in place of whatever is there.
pub(super) fn make(paths: &Paths, progress: &Progress) -> Result<(), EngineError> {
    let making = paths.making();
    for leftover in [&making, &paths.root()] {
        if leftover.exists() {
            progress(&format!("removing the half-made {}", leftover.display()));
            fs::remove_dir_all(leftover)
                .map_err(EngineError::file("cannot remove", leftover.as_path()))?;
        }
    }
    progress(&format!(
        "making the engine's root file system from packages of Debian {}",
        paths.release()
    ));
    user::create_dir_all(paths.folder())
        .and_then(|()| fs::create_dir_all(&making))
        .map_err(EngineError::file("cannot create", making.as_path()))?;
    let archives = match paths.release() {
        Release::Trixie => Archives::WithUpdates,
        Release::Sid => Archives::Sid,
    };
    let root = DebianRoot::begin(&making, debian::host_architecture()?, archives)?;
    root.install_base(&PACKAGES)?;
    root.clean()?;
    write_marker(root.path(), versions(root.path())?)?;
    fs::rename(root.path(), paths.root())
        .map_err(EngineError::file("cannot move into place", paths.root()))?;
    fs::remove_dir_all(&making).map_err(EngineError::file("cannot remove", making))
}

fn versions(root: &Path) -> Result<BTreeMap<String, String>, EngineError> {
    let listing = run(
        "asking the versions of Debian packages",
        Command::new("chroot")
            .arg(root)
            .args([
                "dpkg-query",
                "--show",
                "--showformat=${Package} ${Version}\\n",
            ])
            .args(PACKAGES),
    )?;
    Ok(listing
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect())
}

/// The version that a Debian package's version is of: `10.0.13` of
/// `1:10.0.13+ds-0+deb13u1`.
pub(super) fn upstream_version(debian: &str) -> String {
    let version = debian.split_once(':').map_or(debian, |(_, rest)| rest);
    let end = version.find(['+', '-', '~']).unwrap_or(version.len());
    version[..end].to_owned()
}
