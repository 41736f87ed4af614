//! What is known of a build besides its trace.

use std::collections::HashMap;
use std::time::Duration;

use super::facts::FailureFacts;
use super::lines::Lines;
use super::node::Node;
use crate::model::Platform;
use crate::trace::{Clock, Label, Recorded};

/// What is known of a build besides its trace. All of it may be unknown.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// The node that built: its platform, emulators and cores.
    pub node: Option<Node>,
    /// The platform that was built, where names of steps hold none: a build
    /// for one platform does not name it. It is that of a step whose stage is
    /// known not to run elsewhere; see `lines`.
    pub platform: Option<Platform>,
    /// All platforms that were built, where the builder has several nodes: each
    /// builds its own, and where that is one alone, does not name it.
    pub built: Vec<Platform>,
    /// Share of all the node's cores that was busy during the build, 0 to 1.
    pub cpu_busy: Option<f64>,
    /// Lines of the Dockerfile, and which of its stages name their platform.
    pub lines: Lines,
    /// What instructions took natively in other builds of the same
    /// Dockerfile, where they had the node to themselves.
    pub elsewhere: HashMap<Instruction, NativeAlone>,
    /// A number of cores to ask of besides twice those that there are.
    pub cores: Option<u32>,
    /// Whether the recording was cut off.
    pub cut_off: bool,
    /// What the times of the recording were read from.
    pub clock: Clock,
    /// Why the build has no result, as its client said.
    pub failure: Option<FailureFacts>,
}

impl Conditions {
    /// What a recording says itself.
    pub fn of_recorded(recorded: &Recorded) -> Self {
        Self {
            node: recorded.native.clone().map(|native| Node {
                listed: recorded.listed.clone(),
                ..Node::of(native)
            }),
            platform: recorded.platform.clone(),
            cut_off: recorded.cut_off,
            clock: recorded.clock,
            failure: FailureFacts::from_recording(recorded),
            ..Self::default()
        }
    }
}

/// An instruction of a Dockerfile: its stage, and its position there from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instruction {
    /// Its stage, as BuildKit names it.
    pub stage: Option<String>,
    /// Its position in the stage.
    pub position: u32,
}

impl Instruction {
    /// The instruction that a step is of; `None` for what is none of a
    /// Dockerfile's.
    pub fn of(label: &Label) -> Option<Self> {
        let (position, _) = label.position?;
        Some(Self {
            stage: label.stage.clone(),
            position,
        })
    }
}

/// What an instruction took natively elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct NativeAlone {
    /// In which builds, `cold of naive`.
    pub what: String,
    /// The median of its times.
    pub time: Duration,
    /// Whether it keeps something in a cache mount, which was empty there.
    pub has_cache_mount: bool,
}
