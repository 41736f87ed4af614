//! Platforms in the OCI's sense: `linux/arm64`, `linux/arm/v7`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Operating system, CPU architecture and CPU variant, normalised as
/// containerd's `platforms` package does: `aarch64` is `arm64`, `x86_64` is
/// `amd64`, `armhf` is `arm/v7`, and `arm64/v8` loses its variant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// A text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a platform: expected os/architecture[/variant], like linux/arm64")]
pub struct PlatformError(String);

impl Platform {
    /// A Linux platform by its architecture, as Go and OCI name it.
    pub fn linux(architecture: &str) -> Self {
        let (architecture, variant) = normalise(architecture, None);
        Self {
            os: "linux".into(),
            architecture,
            variant,
        }
    }

    /// The operating system, `linux`.
    pub fn os(&self) -> &str {
        &self.os
    }

    /// The CPU architecture, `arm64`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// The CPU variant, `v7` of `linux/arm/v7`.
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// Whether CPUs of the other platform may execute this one's programs
    /// themselves, in a 32-bit mode that not all of them have: `linux/386` on
    /// `linux/amd64`, `linux/arm/v7` on `linux/arm64`.
    pub fn is_32_bit_mode_of(&self, other: &Self) -> bool {
        let modes = [
            ("386", "amd64"),
            ("arm", "arm64"),
            ("mips", "mips64"),
            ("mipsle", "mips64le"),
        ];
        let pair = (self.architecture(), other.architecture());
        self.os == other.os && modes.contains(&pair)
    }

    /// A name fit for a file: `linux-arm-v7`.
    pub fn slug(&self) -> String {
        self.to_string().replace('/', "-")
    }
}

fn normalise(architecture: &str, variant: Option<&str>) -> (String, Option<String>) {
    let architecture = architecture.to_ascii_lowercase();
    let variant = variant.map(str::to_ascii_lowercase);
    let (architecture, variant) = match (architecture.as_str(), variant.as_deref()) {
        ("x86_64" | "x86-64" | "amd64", v) => ("amd64", v.filter(|v| *v != "v1")),
        ("i386" | "i686" | "386", _) => ("386", None),
        ("aarch64" | "arm64", v) => ("arm64", v.filter(|v| *v != "8" && *v != "v8")),
        ("armhf", _) => ("arm", Some("v7")),
        ("armel", _) => ("arm", Some("v6")),
        ("arm", None | Some("7")) => ("arm", Some("v7")),
        ("arm", Some("5")) => ("arm", Some("v5")),
        ("arm", Some("6")) => ("arm", Some("v6")),
        ("arm", Some("8")) => ("arm", Some("v8")),
        (other, v) => (other, v),
    };
    (architecture.to_owned(), variant.map(str::to_owned))
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.variant {
            Some(variant) => write!(f, "{}/{}/{}", self.os, self.architecture, variant),
            None => write!(f, "{}/{}", self.os, self.architecture),
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = |part: &str| {
            !part.is_empty()
                && part.len() <= 32
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        };
        let parts: Vec<&str> = text.split('/').collect();
        if !matches!(parts.len(), 2 | 3) || !parts.iter().all(|part| valid(part)) {
            return Err(PlatformError(text.to_owned()));
        }
        let (architecture, variant) = normalise(parts[1], parts.get(2).copied());
        Ok(Self {
            os: parts[0].to_ascii_lowercase(),
            architecture,
            variant,
        })
    }
}

impl TryFrom<String> for Platform {
    type Error = PlatformError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_platform_are_equal() {
        for (written, normal) in [
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
            ("Linux/RISCV64", "linux/riscv64"),
        ] {
            assert_eq!(
                written.parse::<Platform>().unwrap().to_string(),
                normal,
                "{written}"
            );
        }
    }

    #[test]
    fn what_is_no_platform_is_refused() {
        for text in [
            "",
            "linux",
            "linux/",
            "/arm64",
            "linux/arm/v7/x",
            "linux/arm 64",
            "a/\u{1b}[31m",
        ] {
            assert!(text.parse::<Platform>().is_err(), "{text:?}");
        }
    }
}
