//! What the times of a recorded build were read from.

use serde::Serialize;

/// What the times of a recorded build were read from, and so what may be said of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Clock {
    /// BuildKit's own, to the nanosecond.
    #[default]
    #[serde(rename = "buildkit")]
    BuildKit,
    /// The time stamps that a CI system put before the lines of a plain log: ends are
    /// theirs, up to 0.3 s late, and durations are BuildKit's, to 0.1 s.
    #[serde(rename = "log")]
    Log,
    /// Nothing: a plain log without time stamps. Durations are BuildKit's, to 0.1 s, and
    /// each step is as early as its duration, its inputs and the order of the ends allow.
    #[serde(rename = "none")]
    None,
}

impl Clock {
    /// Whether it is BuildKit's own.
    pub fn is_buildkit(&self) -> bool {
        *self == Self::BuildKit
    }

    /// Whether it tells when a step ran, and so what ran beside it.
    pub fn tells_when(self) -> bool {
        self != Self::None
    }
}
