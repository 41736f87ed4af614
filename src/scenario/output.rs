//! What an image of a scenario must be, beside built.

use super::smoke::Smoke;

/// What an image must hold to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Programs for the image's platform, by their absolute paths in it.
    pub binaries: Vec<String>,
    /// The command that is run in it on each platform, if one is.
    pub smoke: Option<Smoke>,
}
