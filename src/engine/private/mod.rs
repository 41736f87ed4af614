//! A private engine for a machine that has none: Debian's Docker Engine in a
//! root file system, namespaces, network and data folder of its own, under
//! the user's cache folder. It shares nothing with an engine that is already
//! there: not its data, not its bridge, not its firewall rules.

#[cfg(target_os = "linux")]
mod daemon;
#[cfg(target_os = "linux")]
mod emulation;
#[cfg(target_os = "linux")]
mod emulator_switch;
#[cfg(target_os = "linux")]
mod lifecycle;
#[cfg(not(target_os = "linux"))]
mod not_linux;
mod paths;
#[cfg(target_os = "linux")]
mod qemu;
#[cfg(target_os = "linux")]
mod root;
mod status;

#[cfg(target_os = "linux")]
pub use emulator_switch::{EmulatorSwitch, EmulatorsInUse, WAITING, is_left, put_back_left};
#[cfg(target_os = "linux")]
pub use lifecycle::{down, remove, status, up};
#[cfg(not(target_os = "linux"))]
pub use not_linux::{
    EmulatorSwitch, EmulatorsInUse, Qemu, WAITING, down, is_left, put_back_left, remove, status, up,
};
pub use paths::Paths;
#[cfg(target_os = "linux")]
pub use qemu::Qemu;
pub use status::{State, Status};
