//! What is raced, and how it was chosen.

use std::collections::BTreeMap;

use super::eligibility::Choice;
use crate::buildkit::Secret;
use crate::model::Invocation;
use crate::options::Rounds;
use crate::scenario::{Project, Scenario};

/// What is raced.
pub struct RaceInput<'a> {
    /// The folder that results name paths from.
    pub project: &'a Project,
    /// The scenarios, as they stand on the disk.
    pub scenarios: Vec<Scenario>,
    /// Secrets of `RUN --mount=type=secret`.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// Rounds where the command line names none.
    pub rounds: Rounds,
    /// Whether a run that stops when it is clear also stops when nothing points
    /// to a slow-down.
    pub stops_when_open: bool,
    /// The command line to repeat, without what [`RaceOptions`] holds.
    pub command: Invocation,
    /// How the scenarios were chosen.
    pub choice: Choice,
}

impl RaceInput<'_> {
    /// The secrets of its builds, by their ids.
    pub fn build_secrets(&self) -> BTreeMap<String, Secret> {
        let secrets = self.secrets.iter();
        secrets
            .map(|(id, bytes)| (id.clone(), Secret::new(bytes.clone())))
            .collect()
    }
}
