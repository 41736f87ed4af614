//! In place of `lifecycle` on systems that have no namespaces of their own:
//! there is no private engine.

use super::paths::Paths;
use super::status::Status;
use crate::engine::{EngineError, Progress};

/// Would say how far the private engine has come.
///
/// # Errors
/// Always: there is none.
pub fn status(_: &Paths) -> Result<Status, EngineError> {
    Err(EngineError::NeedsLinux)
}

/// Would make and start it.
///
/// # Errors
/// Always: none can be made.
pub fn up(_: &Paths, _: &[String], _: &Progress) -> Result<Status, EngineError> {
    Err(EngineError::NeedsLinux)
}

/// Would stop it.
///
/// # Errors
/// Always: there is none to stop.
pub fn down(_: &Paths, _: &Progress) -> Result<bool, EngineError> {
    Err(EngineError::NeedsLinux)
}

/// Would remove it.
///
/// # Errors
/// Always: there is none to remove.
pub fn remove(_: &Paths, _: &Progress) -> Result<bool, EngineError> {
    Err(EngineError::NeedsLinux)
}
