//! Rounds of a suite.

use crate::options::{Rounds, rounds};
use crate::scenario::{Project, ScenarioError, Suite};

/// Rounds where nothing is said.
pub const ROUNDS: Rounds = Rounds::Fixed(3);

/// The rounds that a suite asks for.
///
/// # Errors
/// It does not say so in words that mean some.
pub fn rounds_of(project: &Project, suite: &Suite) -> Result<Option<Rounds>, ScenarioError> {
    let Some(at) = &suite.rounds else {
        return Ok(None);
    };
    let read = rounds(&at.value).map_err(|message| project.wrong_in_suites(at, &message));
    read.map(Some)
}
