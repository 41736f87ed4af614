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

/// What is told where the lock is waited for.
pub const WAITING: &str = "waiting for another race";

/// Would be a QEMU in the root of a private engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qemu {
    /// Its version.
    pub version: String,
}

impl Qemu {
    /// Would find one.
    ///
    /// # Errors
    /// Always: there is none.
    pub fn find(_: &str) -> Result<Self, EngineError> {
        Err(EngineError::NeedsLinux)
    }
}

/// Would replace emulators.
#[derive(Debug)]
pub struct EmulatorSwitch(());

impl EmulatorSwitch {
    /// Would take hold of them.
    ///
    /// # Errors
    /// Always: there are none.
    pub fn hold() -> Result<Option<Self>, EngineError> {
        Err(EngineError::NeedsLinux)
    }

    /// Would note what is registered.
    ///
    /// # Errors
    /// Always: nothing is.
    pub fn take(&self, _: &[String]) -> Result<(), EngineError> {
        Err(EngineError::NeedsLinux)
    }

    /// Would register another.
    ///
    /// # Errors
    /// Always: none can be.
    pub fn choose(&self, _: &Qemu) -> Result<(), EngineError> {
        Err(EngineError::NeedsLinux)
    }

    /// Has nothing to register again.
    ///
    /// # Errors
    /// None.
    pub fn restore(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// The emulators of this machine, which nobody replaces.
#[derive(Debug)]
pub struct EmulatorsInUse(());

impl EmulatorsInUse {
    /// Holds them.
    ///
    /// # Errors
    /// None.
    pub fn hold() -> Result<Option<Self>, EngineError> {
        Ok(Some(Self(())))
    }
}

/// Whether a race that was killed has left another QEMU registered: none can.
pub fn is_left() -> bool {
    false
}

/// Has nothing to register again.
///
/// # Errors
/// None.
pub fn put_back_left() -> Result<(), EngineError> {
    Ok(())
}
