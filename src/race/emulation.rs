//! The emulators of a race that compares several: which runs foreign programs is
//! chosen before each build, outside its clock.

/// Something that decides which QEMU runs foreign programs on this machine.
pub trait Emulation: Send + Sync {
    /// Has the QEMU of this version run them from now on.
    ///
    /// # Errors
    /// It could not be registered, or somebody else has changed what is; in a
    /// line.
    fn choose(&self, version: &str) -> Result<(), String>;
}
