//! What there is of the private engine, as plain data.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

/// What there is of the private engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing.
    Absent,
    /// Making its root file system was interrupted, or it is of another
    /// version of buildrace; `up` makes it anew.
    HalfMade,
    /// Complete, not running.
    Stopped,
    /// It runs but does not answer; `up` restarts it.
    Stuck,
    /// It runs and answers.
    Running,
}

/// The private engine, as `engine status` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// What there is of it.
    pub state: State,
    /// Folder that holds all of it.
    pub folder: PathBuf,
    /// Its address, for `DOCKER_HOST`.
    pub host: String,
    /// Its log.
    pub log: PathBuf,
    /// Process id of what keeps it running.
    pub pid: Option<i32>,
    /// Versions of its packages, by name.
    pub packages: BTreeMap<String, String>,
    /// The Docker CLI of its root; it runs on this machine where the C
    /// library is new enough, else with `chroot`.
    pub docker_cli: Option<PathBuf>,
    /// buildx, as a plugin of that CLI.
    pub buildx: Option<PathBuf>,
    /// Names of the binfmt handlers that it registered.
    pub handlers: Vec<String>,
}
