//! The releases of Debian that the private engine can be made from.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A release of Debian, by its codename: whose engine, BuildKit and QEMU the
/// private engine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Release {
    /// Debian 13, which does not change any more: Docker Engine 26.1, BuildKit
    /// 0.13, QEMU 10.0.
    #[default]
    Trixie,
    /// What Debian's next release grows from: its versions change by the day.
    Sid,
}

impl Release {
    /// Every one, the default first.
    pub const ALL: [Self; 2] = [Self::Trixie, Self::Sid];

    /// Its codename.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trixie => "trixie",
            Self::Sid => "sid",
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Release {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|release| release.as_str() == text)
            .ok_or_else(|| "expected trixie or sid".to_owned())
    }
}
