//! The nodes of a builder that has several, in words.

use super::View;
use crate::escape;
use crate::model::{NodeInfo, Platform};

/// Columns of a node's name.
const MAX_NODE: usize = 40;

impl View {
    /// A platform of a build and what runs it: `linux/arm64 under QEMU 10.0.2`,
    /// `linux/arm64 native on farm1`. Safe for a terminal.
    pub(in crate::report) fn describe_platform(&self, platform: &Platform) -> String {
        let nodes = &self.builder.nodes;
        let node = nodes.get(NodeInfo::place_of(nodes, platform));
        let on_node = node.map(|node| format!(" on {}", escape::columns(&node.name, MAX_NODE)));
        let on_node = on_node.unwrap_or_default();
        let emulator = self.emulators.iter().find(|e| e.platform == *platform);
        match (emulator, node) {
            (Some(emulator), _) => escape::columns(&emulator.describe(), 80) + &on_node,
            (None, Some(node)) if node.native == *platform => format!("{platform} native{on_node}"),
            (None, _) => format!("{platform}{on_node}"),
        }
    }

    /// The nodes of a builder that has several: `farm0 (linux/amd64), farm1
    /// (linux/amd64, given linux/arm64)`. Safe for a terminal.
    pub(in crate::report) fn describe_nodes(&self) -> Option<String> {
        let nodes = self.builder.nodes.iter().map(|node| {
            let mut facts = vec![node.native.to_string()];
            let given = node.given.iter().filter(|given| **given != node.native);
            let given: Vec<String> = given.map(ToString::to_string).collect();
            if !given.is_empty() {
                facts.push(format!("given {}", given.join(", ")));
            }
            if node.buildkit_version != self.builder.buildkit_version {
                let version = node.buildkit_version.as_deref().unwrap_or("unknown");
                facts.push(format!("BuildKit {}", escape::columns(version, MAX_NODE)));
            }
            let name = escape::columns(&node.name, MAX_NODE);
            format!("{name} ({})", facts.join(", "))
        });
        let nodes: Vec<String> = nodes.collect();
        (!nodes.is_empty()).then(|| nodes.join(", "))
    }
}
