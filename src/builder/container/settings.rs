//! What a buildkitd in a container is made with, in the words of buildx's
//! `--driver-opt` and `--buildkitd-config`.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// buildx's own choice of an image.
pub const USUAL_IMAGE: &str = "moby/buildkit:buildx-stable-1";

/// How long a buildkitd may usually take from its start until it answers.
pub const USUAL_BOOT_LIMIT: Duration = Duration::from_secs(60);

/// Bytes of the largest `buildkitd.toml`.
const CONFIG_LIMIT: u64 = 1 << 20;

/// How to make a buildkitd in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerSettings {
    /// The image; [`USUAL_IMAGE`] where none is named.
    pub image: Option<String>,
    /// The engine's network that it is in, `host` among them.
    pub network: Option<String>,
    /// Bytes of memory.
    pub memory: Option<i64>,
    /// Bytes of memory and swap together.
    pub memory_swap: Option<i64>,
    /// Microseconds of a period in which the quota counts.
    pub cpu_period: Option<i64>,
    /// Microseconds of CPU time in each period.
    pub cpu_quota: Option<i64>,
    /// Weight against other containers.
    pub cpu_shares: Option<i64>,
    /// CPUs, `0-1` or `0,3`.
    pub cpuset_cpus: Option<String>,
    /// Environment of buildkitd, `NAME=VALUE`.
    pub env: Vec<String>,
    /// How long it may take from its start until it answers;
    /// [`USUAL_BOOT_LIMIT`] where none is named.
    pub boot_limit: Option<Duration>,
    /// Content of its `buildkitd.toml`.
    pub config: Option<Vec<u8>>,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// An option is not as it should be.
    #[error("--driver-opt {option:?}: {problem}")]
    Option {
        /// What was typed.
        option: String,
        /// What was expected.
        problem: String,
    },
    /// The file cannot be used.
    #[error("--buildkitd-config {}: {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl ContainerSettings {
    /// Reads `KEY=VALUE` options, and the file of `--buildkitd-config`.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn read(options: &[String], config: Option<&Path>) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        for option in options {
            let set = match option.split_once('=') {
                Some((key, value)) if !value.is_empty() => settings.set(key.trim(), value),
                _ => Err("expected KEY=VALUE".to_owned()),
            };
            set.map_err(|problem| SettingsError::Option {
                option: option.clone(),
                problem,
            })?;
        }
        settings.config = config.map(read_config).transpose()?;
        Ok(settings)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let number = || {
            let number = value.parse::<i64>().ok().filter(|number| *number >= 0);
            number.ok_or_else(|| "expected a whole number".to_owned())
        };
        let text = || Some(value.to_owned());
        match key {
            "image" => self.image = text(),
            "network" => self.network = text(),
            "memory" => self.memory = Some(bytes(value)?),
            "memory-swap" => self.memory_swap = Some(bytes(value)?),
            "cpu-period" => self.cpu_period = Some(number()?),
            "cpu-quota" => self.cpu_quota = Some(number()?),
            "cpu-shares" => self.cpu_shares = Some(number()?),
            "cpuset-cpus" => self.cpuset_cpus = text(),
            "timeout" => self.boot_limit = Some(time(value)?),
            key => match key.strip_prefix("env.").filter(|name| !name.is_empty()) {
                Some(name) => self.env.push(format!("{name}={value}")),
                None => {
                    return Err("the options are image, network, memory, memory-swap, \
                                cpu-period, cpu-quota, cpu-shares, cpuset-cpus, timeout and \
                                env.NAME"
                        .to_owned());
                }
            },
        }
        Ok(())
    }

    /// How long it may take from its start until it answers.
    pub fn boot_limit(&self) -> Duration {
        self.boot_limit.unwrap_or(USUAL_BOOT_LIMIT)
    }

    /// The image's name.
    pub fn image(&self) -> &str {
        self.image.as_deref().unwrap_or(USUAL_IMAGE)
    }
}

/// `20s`, `2m`, as buildx's `--timeout` has it.
fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| !time.is_zero())
        .ok_or_else(|| "expected a time like 20s or 2m".to_owned())
}

/// `512m`, `2g`, `1024`, as Docker's `--memory` has it.
fn bytes(text: &str) -> Result<i64, String> {
    let expected = || "expected a size like 512m or 2g".to_owned();
    let lower = text.to_ascii_lowercase();
    let lower = lower.strip_suffix('b').unwrap_or(&lower);
    let (digits, factor) = match lower.chars().last() {
        Some('k') => (&lower[..lower.len() - 1], 1 << 10),
        Some('m') => (&lower[..lower.len() - 1], 1 << 20),
        Some('g') => (&lower[..lower.len() - 1], 1 << 30),
        _ => (lower, 1),
    };
    let number: i64 = digits.parse().map_err(|_| expected())?;
    let bytes = number.checked_mul(factor).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(expected)
}

fn read_config(path: &Path) -> Result<Vec<u8>, SettingsError> {
    let unusable = |problem: String| SettingsError::Config {
        path: path.to_owned(),
        problem,
    };
    let metadata = std::fs::metadata(path).map_err(|error| unusable(error.to_string()))?;
    if !metadata.is_file() || metadata.len() > CONFIG_LIMIT {
        return Err(unusable("expected a file of at most 1 MiB".to_owned()));
    }
    let content = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let text = str::from_utf8(&content).map_err(|error| unusable(error.to_string()))?;
    if let Err(error) = text.parse::<toml::Table>() {
        return Err(unusable(error.to_string()));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[&str]) -> Result<ContainerSettings, String> {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        ContainerSettings::read(&options, None).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_buildxs() {
        let settings = read(&[
            "image=moby/buildkit:v0.13.2",
            "network=host",
            "memory=2g",
            "memory-swap=4096mb",
            "cpu-quota=50000",
            "cpuset-cpus=0,1",
            "env.HTTP_PROXY=http://proxy:1",
            "timeout=1m 20s",
        ])
        .unwrap();
        assert_eq!(settings.image(), "moby/buildkit:v0.13.2");
        assert_eq!(settings.memory, Some(2 << 30));
        assert_eq!(settings.memory_swap, Some(4 << 30));
        assert_eq!(settings.cpu_quota, Some(50_000));
        assert_eq!(settings.env, ["HTTP_PROXY=http://proxy:1"]);
        assert_eq!(settings.boot_limit(), Duration::from_secs(80));
        assert_eq!(read(&[]).unwrap().image(), USUAL_IMAGE);
        assert_eq!(read(&[]).unwrap().boot_limit(), USUAL_BOOT_LIMIT);
    }

    #[test]
    fn what_is_no_option_is_told_with_those_that_are() {
        for (option, told) in [
            ("memory=lots", "512m"),
            ("memory=-1", "512m"),
            ("cpu-shares=x", "whole number"),
            ("timeout=20", "20s"),
            ("timeout=0s", "20s"),
            ("imag=x", "image, network"),
            ("env.=x", "env.NAME"),
            ("image", "KEY=VALUE"),
        ] {
            let error = read(&[option]).unwrap_err();
            assert!(error.contains(told) && error.contains(option), "{error}");
        }
    }

    #[test]
    fn a_config_must_be_toml() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("buildkitd.toml");
        std::fs::write(&path, "debug = ").unwrap();
        let error = ContainerSettings::read(&[], Some(&path)).unwrap_err();
        assert!(error.to_string().contains("buildkitd.toml"), "{error}");
        std::fs::write(&path, "debug = true\n").unwrap();
        let settings = ContainerSettings::read(&[], Some(&path)).unwrap();
        assert_eq!(settings.config.unwrap(), b"debug = true\n");
    }
}
