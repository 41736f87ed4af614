//! An instance: a builder as buildx has it on file.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::model::Platform;

/// A builder that `docker buildx create` made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// buildx's word for the driver: `docker-container`, `remote`, `kubernetes`.
    #[serde(default)]
    pub driver: String,
    /// Its nodes, in the order in which they were added.
    #[serde(default, deserialize_with = "or_default")]
    pub nodes: Vec<InstanceNode>,
}

/// A node of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InstanceNode {
    /// Its name, of which the name of its container is made.
    pub name: String,
    /// An address, or the name of a Docker context.
    #[serde(default)]
    pub endpoint: String,
    /// Platforms that it was given with `--platform`; they go to it before any
    /// that its workers list.
    #[serde(default, deserialize_with = "platforms")]
    pub platforms: Vec<Platform>,
    /// Options of its driver: `image`, `network`, `cacert`, `namespace` and so on.
    #[serde(default, deserialize_with = "or_default")]
    pub driver_opts: BTreeMap<String, String>,
    /// Flags of its buildkitd.
    #[serde(default, deserialize_with = "or_default", rename = "Flags")]
    pub buildkitd_flags: Vec<String>,
    /// Files of its buildkitd by their names, `buildkitd.toml` among them.
    #[serde(default, deserialize_with = "files")]
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Go writes `null` for what is empty.
fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A platform as the OCI specification of images has it.
#[derive(Deserialize)]
struct OciPlatform {
    architecture: String,
    os: String,
    #[serde(default)]
    variant: String,
}

fn platforms<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Platform>, D::Error> {
    let listed: Vec<OciPlatform> = or_default(from)?;
    let parsed = listed.into_iter().map(|platform| {
        let mut written = format!("{}/{}", platform.os, platform.architecture);
        if !platform.variant.is_empty() {
            written = format!("{written}/{}", platform.variant);
        }
        written.parse().map_err(D::Error::custom)
    });
    parsed.collect()
}

fn files<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Vec<u8>>, D::Error> {
    let encoded: BTreeMap<String, String> = or_default(from)?;
    let decoded = encoded.into_iter().map(|(name, content)| {
        let content = STANDARD.decode(content);
        let content = content.map_err(|error| D::Error::custom(format!("{name}: {error}")))?;
        Ok((name, content))
    });
    decoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_read_as_buildx_wrote_it() {
        // Two nodes, by `docker buildx create` and `--append` of buildx 0.13.
        let written = r#"{"Name":"farm","Driver":"docker-container","Nodes":[
            {"Name":"farm0","Endpoint":"unix:///var/run/docker.sock","Platforms":null,
             "DriverOpts":{"image":"moby/buildkit:v0.13.2","network":"host"},
             "Flags":["--allow-insecure-entitlement=network.host"],
             "Files":{"buildkitd.toml":"ZGVidWcgPSB0cnVlCg=="}},
            {"Name":"arm","Endpoint":"farm-arm","Platforms":[
                {"architecture":"arm64","os":"linux"},
                {"architecture":"arm","os":"linux","variant":"v7"}],
             "Flags":null,"DriverOpts":{},"Files":null}],"Dynamic":false}"#;
        let instance: Instance = serde_json::from_str(written).unwrap();
        assert_eq!(
            (instance.name.as_str(), instance.driver.as_str()),
            ("farm", "docker-container")
        );
        let [first, second] = instance.nodes.as_slice() else {
            panic!("{instance:?}");
        };
        assert_eq!(first.files["buildkitd.toml"], b"debug = true\n");
        assert_eq!(first.driver_opts["network"], "host");
        assert_eq!(first.platforms, []);
        assert_eq!(second.endpoint, "farm-arm");
        let platforms: Vec<_> = second.platforms.iter().map(Platform::to_string).collect();
        assert_eq!(platforms, ["linux/arm64", "linux/arm/v7"]);
    }
}
