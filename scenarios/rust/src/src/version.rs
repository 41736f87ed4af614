//! What this build is.

/// Names the build. An incremental sample of the race changes it, as a
/// developer's edit would change a line.
pub const BUILD: &str = "dev";

/// The machine that this program is for, in Docker's words.
pub const MACHINE: &str = if cfg!(target_arch = "x86_64") {
    "amd64"
} else if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    std::env::consts::ARCH
};
