//! What there is of the private engine, as plain data.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::model::Release;

/// How far the private engine has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// There is nothing of it.
    Absent,
    /// Making its root file system was interrupted, or it is of another
    /// version of buildrace; `up` makes it anew.
    HalfMade,
    /// It is complete, and does not run.
    Stopped,
    /// It runs but does not answer; `up` restarts it.
    Stuck,
    /// It runs and answers.
    Running,
}

/// The private engine, as `engine status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The release of Debian that it is made of.
    pub release: Release,
    /// How far it has come.
    pub state: State,
    /// Version of its Docker Engine, once it is made.
    pub engine: Option<String>,
    /// Version of that engine's BuildKit, as far as it is known.
    pub buildkit: Option<String>,
    /// Version of the QEMU in it. Whether that one runs a platform, `emulators`
    /// tells.
    pub qemu: Option<String>,
    /// The folder that holds all of it.
    pub folder: PathBuf,
    /// The address that `DOCKER_HOST` may name it by.
    pub host: String,
    /// The file that its log is in.
    pub log: PathBuf,
    /// Id of the process whose end would end it, while it runs.
    pub pid: Option<i32>,
    /// Versions of the Debian packages it was made of, by name.
    pub packages: BTreeMap<String, String>,
    /// The Docker CLI of its root; it runs on this machine where the C
    /// library is new enough, else with `chroot`.
    pub docker_cli: Option<PathBuf>,
    /// The buildx plugin of that CLI.
    pub buildx: Option<PathBuf>,
    /// Names of the binfmt handlers that it registered.
    pub handlers: Vec<String>,
    /// What this machine runs programs of other architectures with, on every
    /// engine, by the architectures' OCI names: the interpreter's path.
    pub emulators: BTreeMap<String, PathBuf>,
}
