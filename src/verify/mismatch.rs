//! What is wrong with an image, said in one line.

use std::fmt;

use crate::model::Platform;

/// One thing in which an image is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The platform that it concerns; none where the archive names one that
    /// cannot be written as a platform.
    pub platform: Option<Platform>,
    /// What is there, outside text escaped.
    pub found: String,
    /// What should be there, outside text escaped.
    pub expected: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(platform) = &self.platform {
            write!(f, "{platform}: ")?;
        }
        write!(f, "found {}, expected {}", self.found, self.expected)
    }
}
