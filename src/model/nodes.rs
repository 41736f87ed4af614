//! Which node of a builder builds what.

use super::{NodeInfo, Platform};

/// The nodes of a builder, as far as it matters what goes where.
#[derive(Debug, Clone, Copy)]
pub struct BuildNodes<'a> {
    /// The own platform of the first node.
    pub native: &'a Platform,
    /// All of them, where there are several.
    pub several: &'a [NodeInfo],
}

/// What one node builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePart<'a> {
    /// Its name, where there are several.
    pub node: Option<&'a str>,
    /// Its own platform.
    pub native: &'a Platform,
    /// The platforms that go to it.
    pub platforms: Vec<Platform>,
}

impl<'a> BuildNodes<'a> {
    /// A builder of one node.
    pub fn one(native: &'a Platform) -> Self {
        Self {
            native,
            several: &[],
        }
    }

    /// What each node builds of these platforms; nodes that build none are left
    /// out.
    pub fn parts(&self, platforms: &[Platform]) -> Vec<NodePart<'a>> {
        let part = |node: Option<&'a str>, native, platforms: Vec<Platform>| NodePart {
            node,
            native,
            platforms,
        };
        if self.several.is_empty() {
            return vec![part(None, self.native, platforms.to_vec())];
        }
        let several = self.several.iter().enumerate();
        let parts = several.map(|(place, node)| {
            let is_here =
                |platform: &&Platform| NodeInfo::place_of(self.several, platform) == place;
            let here = platforms.iter().filter(is_here).cloned().collect();
            part(Some(&node.name), &node.native, here)
        });
        parts.filter(|part| !part.platforms.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_builds_for_its_platforms_from_its_own() {
        let [amd64, arm64] = ["amd64", "arm64"].map(Platform::linux);
        let both = [amd64.clone(), arm64.clone()];
        let one = BuildNodes::one(&amd64).parts(&both);
        assert_eq!((one.len(), one[0].node), (1, None));
        let info = |name: &str, native: &Platform| NodeInfo {
            name: name.into(),
            native: native.clone(),
            given: Vec::new(),
            platforms: both.to_vec(),
            buildkit_version: None,
        };
        let nodes = [info("x", &amd64), info("a", &arm64)];
        let nodes = BuildNodes {
            native: &amd64,
            several: &nodes,
        };
        let parts = nodes.parts(&both);
        let told: Vec<_> = parts
            .iter()
            .map(|part| (part.node, part.native, part.platforms.as_slice()))
            .collect();
        assert_eq!(
            told,
            [
                (Some("x"), &amd64, &both[..1]),
                (Some("a"), &arm64, &both[1..])
            ]
        );
        assert_eq!(nodes.parts(&both[..1]).len(), 1);
    }
}
