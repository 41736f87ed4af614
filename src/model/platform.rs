//! Platforms in the OCI's sense: `linux/arm64`, `linux/arm/v7`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Operating system, CPU architecture and CPU variant, normalised as
/// containerd's `platforms` package does: `aarch64` is `arm64`, `x86_64` is
/// `amd64`, `armhf` is `arm/v7`, and `arm64/v8` loses its variant. An
/// architecture alone, `arm64`, is that of Linux.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// A text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a platform: expected os/architecture[/variant] or an architecture, \
     like linux/arm64 or arm64"
)]
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

    /// Each platform once, in the order in which they come first.
    pub fn each_once(platforms: &[Self]) -> Vec<Self> {
        let mut each: Vec<Self> = Vec::new();
        for platform in platforms {
            if !each.contains(platform) {
                each.push(platform.clone());
            }
        }
        each
    }

    /// The platforms whose images serve this one, itself first, then those of
    /// lesser CPUs of its architecture, as containerd's `platformVector` has
    /// them: `linux/amd64/v3`, `linux/amd64/v2`, `linux/amd64`.
    pub fn served_by(&self) -> Vec<Self> {
        let version = self.variant.as_deref().and_then(|text| {
            let number = text.strip_prefix('v')?;
            number.parse::<u8>().ok()
        });
        // The least of them, and whether that is written without a variant.
        let (least, is_plain) = match self.architecture.as_str() {
            "amd64" => (1, true),
            "arm64" => (8, true),
            "arm" => (5, false),
            _ => (u8::MAX, false),
        };
        let lesser = version.map_or(least..least, |version| least..version.max(least));
        let with = |version: u8| Self {
            variant: (!is_plain || version > least).then(|| format!("v{version}")),
            ..self.clone()
        };
        let lesser = lesser.rev().map(with);
        std::iter::once(self.clone()).chain(lesser).collect()
    }

    /// A name fit for a file: `linux-arm-v7`.
    pub fn slug(&self) -> String {
        self.to_string().replace('/', "-")
    }
}

/// Whether it is an architecture that Go knows, by any of its names.
fn is_architecture(name: &str) -> bool {
    const KNOWN: [&str; 17] = [
        "386", "amd64", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mips64",
        "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "sparc64", "wasm",
    ];
    KNOWN.contains(&normalise(name, None).0.as_str())
}

fn normalise(architecture: &str, variant: Option<&str>) -> (String, Option<String>) {
    let architecture = architecture.to_ascii_lowercase();
    let variant = variant.map(str::to_ascii_lowercase);
    let (architecture, variant) = match (architecture.as_str(), variant.as_deref()) {
        ("x86_64" | "x86-64" | "amd64", v) => ("amd64", v.filter(|v| *v != "v1")),
        ("i386" | "i686" | "386", _) => ("386", None),
        ("aarch64" | "arm64", Some("9" | "9.0" | "v9.0")) => ("arm64", Some("v9")),
        ("aarch64" | "arm64", v) => {
            let is_first = |v: &&str| !matches!(*v, "8" | "v8" | "v8.0");
            ("arm64", v.filter(is_first))
        }
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
        if !parts.iter().all(|part| valid(part)) {
            return Err(PlatformError(text.to_owned()));
        }
        let of = |os: &str, architecture: &str, variant: Option<&str>| {
            let os = match os.to_ascii_lowercase().as_str() {
                "macos" => "darwin".to_owned(),
                os => os.to_owned(),
            };
            let (architecture, variant) = normalise(architecture, variant);
            Self {
                os,
                architecture,
                variant,
            }
        };
        match parts[..] {
            [architecture] if is_architecture(architecture) => Ok(of("linux", architecture, None)),
            // No operating system has the name of an architecture.
            [architecture, variant] if is_architecture(architecture) => {
                Ok(of("linux", architecture, Some(variant)))
            }
            [os, architecture] => Ok(of(os, architecture, None)),
            [os, architecture, variant] => Ok(of(os, architecture, Some(variant))),
            _ => Err(PlatformError(text.to_owned())),
        }
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
            ("amd64", "linux/amd64"),
            ("aarch64", "linux/arm64"),
            ("arm/v7", "linux/arm/v7"),
            ("arm64/v8", "linux/arm64"),
            ("armhf", "linux/arm/v7"),
            ("linux/arm64/v8.0", "linux/arm64"),
            ("linux/arm64/9", "linux/arm64/v9"),
            ("macos/arm64", "darwin/arm64"),
        ] {
            assert_eq!(
                written.parse::<Platform>().unwrap().to_string(),
                normal,
                "{written}"
            );
        }
    }

    #[test]
    fn a_platform_written_in_two_ways_is_one() {
        let written = ["linux/arm64", "linux/arm64/v8", "amd64", "arm64"];
        let platforms = written.map(|text| text.parse().unwrap());
        let each = Platform::each_once(&platforms);
        assert_eq!(each, ["arm64", "amd64"].map(Platform::linux));
    }

    #[test]
    fn what_is_no_platform_is_refused() {
        for text in [
            "",
            "linux",
            "linux/",
            "toaster",
            "/arm64",
            "linux/arm/v7/x",
            "linux/arm 64",
            "a/\u{1b}[31m",
        ] {
            assert!(text.parse::<Platform>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn images_of_lesser_cpus_serve_too() {
        let served = |text: &str| {
            let platform: Platform = text.parse().unwrap();
            let all = platform.served_by().into_iter();
            all.map(|platform| platform.to_string()).collect::<Vec<_>>()
        };
        let amd64 = ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64"];
        assert_eq!(served("linux/amd64/v3"), amd64);
        assert_eq!(served("linux/amd64"), ["linux/amd64"]);
        assert_eq!(served("linux/arm64/v9"), ["linux/arm64/v9", "linux/arm64"]);
        assert_eq!(served("arm64/v8"), ["linux/arm64"]);
        let arm = ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"];
        assert_eq!(served("linux/arm/v7"), arm);
        assert_eq!(served("linux/riscv64"), ["linux/riscv64"]);
    }
}
