//! The node that built, and which platforms its CPU executes itself: what
//! makes a RUN step emulated is the CPU, not the step's name.

use serde::Serialize;

use crate::model::{NodeInfo, Platform, RunRecord, VariantInfo};

/// What is known of the node that built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The platform that its CPU and kernel are of.
    pub native: Platform,
    /// Platforms that BuildKit lists for it; empty where that is not known.
    pub listed: Vec<Platform>,
    /// Platforms that run under an emulator there; `None` where that is not
    /// known.
    pub emulated: Option<Vec<Platform>>,
    /// Its logical CPUs, where known.
    pub cores: Option<u32>,
    /// The nodes of a builder that has several; then the first three are the
    /// first one's.
    pub nodes: Vec<NodeInfo>,
}

/// How a node runs a platform's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Execution {
    /// By its CPU.
    Native,
    /// By an emulator, in software.
    Emulated,
    /// Not known: a platform of another operating system, or a variant that
    /// nothing says the CPU has.
    Unknown,
}

impl Node {
    /// A node of which only its platform is known.
    pub fn of(native: Platform) -> Self {
        Self {
            native,
            listed: Vec::new(),
            emulated: None,
            cores: None,
            nodes: Vec::new(),
        }
    }

    /// The node that a run was built on; of several builders, the first.
    pub fn of_run(record: &RunRecord) -> Option<Self> {
        let native = record.scenarios.first()?.native.clone();
        let emulated = record.emulators.iter().map(|e| e.platform.clone());
        Some(Self {
            native,
            listed: record.builder.platforms.clone(),
            emulated: Some(emulated.collect()),
            cores: record.host.cores,
            nodes: record.builder.nodes.clone(),
        })
    }

    /// The node that a variant of a run was built on, which may have a builder and
    /// emulators of its own.
    pub fn of_variant(record: &RunRecord, variant: &VariantInfo) -> Option<Self> {
        let of_run = Self::of_run(record)?;
        let emulators = record.emulators_of(variant).iter();
        let emulated = Some(emulators.map(|e| e.platform.clone()).collect());
        let Some(builder) = &variant.builder else {
            return Some(Self { emulated, ..of_run });
        };
        // What is known of the machine is that of the first builder.
        let first = &record.builder;
        let is_there = first.engine_version.is_some()
            && first.engine_version == builder.engine_version
            && builder.own;
        Some(Self {
            native: builder.platforms.first().cloned().unwrap_or(of_run.native),
            listed: builder.platforms.clone(),
            emulated,
            cores: of_run.cores.filter(|_| is_there || builder == first),
            nodes: builder.nodes.clone(),
        })
    }

    /// Of the platforms of a build the only one that goes to the node of this name.
    pub fn only_one_of<'p>(&self, node: &str, built: &'p [Platform]) -> Option<&'p Platform> {
        let mut its_own = built.iter().filter(|platform| {
            let place = NodeInfo::place_of(&self.nodes, platform);
            self.nodes.get(place).is_some_and(|info| info.name == node)
        });
        let first = its_own.next()?;
        its_own.next().is_none().then_some(first)
    }

    /// How the builder runs programs of a platform on the node of this name, or on
    /// the one that the platform goes to.
    pub fn execution_on(&self, node: Option<&str>, platform: &Platform) -> Execution {
        let named = node.and_then(|name| self.nodes.iter().find(|node| node.name == name));
        let place = NodeInfo::place_of(&self.nodes, platform);
        match named.or_else(|| self.nodes.get(place)) {
            None => self.execution(platform),
            Some(node) => Self {
                native: node.native.clone(),
                listed: node.platforms.clone(),
                emulated: self.emulated.clone(),
                cores: None,
                nodes: Vec::new(),
            }
            .execution(platform),
        }
    }

    /// How it runs programs of a platform.
    ///
    /// A CPU of another architecture cannot execute them, so they are
    /// emulated. A 64-bit CPU may have its family's 32-bit mode, and a CPU of
    /// the same architecture may be of a lesser variant: those are native only
    /// where something says so.
    pub fn execution(&self, platform: &Platform) -> Execution {
        if platform.os() != self.native.os() {
            return Execution::Unknown;
        }
        if *platform == self.native {
            return Execution::Native;
        }
        let is_emulated = |known: &Vec<Platform>| known.contains(platform);
        if self.emulated.as_ref().is_some_and(is_emulated) {
            return Execution::Emulated;
        }
        if platform.architecture() == self.native.architecture() {
            return if self.has_variant(platform) {
                Execution::Native
            } else {
                Execution::Unknown
            };
        }
        if platform.is_32_bit_mode_of(&self.native) {
            // Every amd64 CPU has 386's mode. Of the others, an emulator that
            // is known not to be there, or BuildKit's own trial, says.
            let has_mode = platform.architecture() == "386"
                || (self.emulated.is_some() && self.listed.contains(platform));
            return if has_mode {
                Execution::Native
            } else {
                Execution::Unknown
            };
        }
        Execution::Emulated
    }

    /// Whether its CPU is known to be of this variant of its architecture, or
    /// of a later one.
    fn has_variant(&self, platform: &Platform) -> bool {
        let level = |variant: &str| variant.strip_prefix('v')?.parse::<u32>().ok();
        match (platform.variant(), self.native.variant()) {
            (None, _) => true,
            _ if self.listed.contains(platform) => true,
            (Some(wanted), Some(own)) => match (level(wanted), level(own)) {
                (Some(wanted), Some(own)) => wanted <= own,
                _ => false,
            },
            (Some(_), None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn of_several_nodes_each_runs_its_own_platform_natively() {
        let info = |name: &str, native: &str, given: &[&str]| NodeInfo {
            name: name.into(),
            native: platform(native),
            given: given.iter().map(|name| platform(name)).collect(),
            platforms: vec![platform("linux/amd64"), platform("linux/arm64")],
            buildkit_version: None,
        };
        let on = |nodes: Vec<NodeInfo>, node: Option<&str>, name: &str| {
            let node_of = Node {
                nodes,
                ..Node::of(platform("linux/amd64"))
            };
            node_of.execution_on(node, &platform(name))
        };
        let native = || vec![info("x", "linux/amd64", &[]), info("a", "linux/arm64", &[])];
        assert_eq!(on(native(), None, "linux/arm64"), Execution::Native);
        assert_eq!(on(native(), None, "linux/amd64"), Execution::Native);
        // A stage that is pinned to a platform which its node does not run.
        assert_eq!(on(native(), Some("a"), "linux/amd64"), Execution::Emulated);
        // A node that was given what it emulates.
        let given = vec![
            info("x", "linux/amd64", &[]),
            info("y", "linux/amd64", &["linux/arm64"]),
        ];
        assert_eq!(on(given, None, "linux/arm64"), Execution::Emulated);
    }

    #[test]
    fn variants_are_told_apart_from_foreign_cpus() {
        use Execution::{Emulated, Native, Unknown};
        for (node, step, expected) in [
            ("linux/amd64", "linux/amd64", Native),
            ("linux/amd64", "linux/arm64", Emulated),
            ("linux/amd64", "linux/riscv64", Emulated),
            ("linux/amd64", "linux/386", Native),
            ("linux/amd64", "linux/amd64/v3", Unknown),
            ("linux/386", "linux/amd64", Emulated),
            ("linux/arm64", "linux/arm/v7", Unknown),
            ("linux/arm64", "linux/amd64", Emulated),
            ("linux/arm/v7", "linux/arm/v6", Native),
            ("linux/arm/v6", "linux/arm/v7", Unknown),
            ("linux/amd64", "windows/amd64", Unknown),
        ] {
            let found = Node::of(platform(node)).execution(&platform(step));
            assert_eq!(found, expected, "{step} on {node}");
        }
    }

    #[test]
    fn what_is_known_of_the_node_decides() {
        let (arm64, arm) = (platform("linux/arm64"), platform("linux/arm/v7"));
        let mut node = Node::of(arm64.clone());
        node.listed = vec![arm64, arm.clone()];
        // It may be listed because of an emulator.
        assert_eq!(node.execution(&arm), Execution::Unknown);
        node.emulated = Some(Vec::new());
        assert_eq!(node.execution(&arm), Execution::Native);
        node.emulated = Some(vec![arm.clone()]);
        assert_eq!(node.execution(&arm), Execution::Emulated);

        let mut node = Node::of(platform("linux/amd64"));
        node.listed = vec![platform("linux/amd64/v3")];
        let v3 = platform("linux/amd64/v3");
        assert_eq!(node.execution(&v3), Execution::Native);
    }
}
