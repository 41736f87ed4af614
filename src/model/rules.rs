//! The rules by which a run is judged, fixed before its first sample.

use serde::{Deserialize, Serialize};

use super::BuildKind;

/// Rounds that a run which stops when it is clear builds at most, dropped ones
/// not counted.
pub const AUTO_ROUNDS: u32 = 12;

/// Least change that matters, as a share: below it nobody would act.
pub const LEAST_DELTA: f64 = 0.05;

/// How a run is judged. A run of before these were recorded has those of
/// [`Rules::default`]: as many rounds as planned, none dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// When the run has rounds enough.
    pub stopping: Stopping,
    /// Rounds that may be built in place of dropped ones, and of those in which a
    /// build failed.
    pub spare_rounds: u32,
    /// Which rounds are dropped; `None` where all are kept.
    pub contamination: Option<Contamination>,
    /// The change that matters, as a share, where no noise floor is above it.
    pub delta: f64,
    /// From how many rounds on a gate ends where nothing points to a slow-down,
    /// after each round until its first look. `None` where it ends so at the
    /// first look alone, as gates of before this was recorded do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub futility_rounds: Option<u32>,
    /// When failed builds are believed. In runs of before this was recorded, a
    /// variant whose first two builds fail is taken for one that does not build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<FailureRule>,
    /// How much this builder is known to differ from itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noise_floor: Vec<NoiseFloor>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            stopping: Stopping::Fixed,
            spare_rounds: 0,
            contamination: None,
            delta: LEAST_DELTA,
            futility_rounds: None,
            failures: None,
            noise_floor: Vec::new(),
        }
    }
}

impl Rules {
    /// How many builds of a variant must fail, and none be good, until it is
    /// taken for one that does not build.
    pub fn failures_believed(&self) -> u32 {
        self.failures.map_or(2, |rule| rule.every)
    }

    /// The change that matters for a kind, as a share: the larger of the
    /// threshold and the noise floor.
    pub fn delta(&self, scenario: &str, kind: BuildKind) -> f64 {
        let floors = self.noise_floor.iter();
        floors
            .filter(|floor| floor.scenario == scenario && floor.kind == kind)
            .map(|floor| floor.share)
            .fold(self.delta, f64::max)
    }
}

/// When a run has rounds enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopping {
    /// After the rounds planned.
    Fixed,
    /// After a look at which the verdict on the gate's kind is clear.
    Auto,
    /// The same, or as soon as there is no sign of anything slower.
    Gate,
}

/// From how many rounds on a gate ends where nothing points to a slow-down.
pub const FUTILITY_ROUNDS: u32 = 3;

/// When failed builds are believed: after several rounds, in which each side
/// was tried again, and not before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FailureRule {
    /// Rounds from one look at the failures to the next. At the first of them a
    /// side that always failed alike, while the other never did, is taken for
    /// one that does not build.
    pub every: u32,
    /// Greatest probability, by Fisher's exact test on one side, with which
    /// chance would show such shares of failures: below it one side fails more
    /// often than the other.
    pub level: f64,
}

impl FailureRule {
    /// That of a run that ends when it is clear: its looks together err in at
    /// most 2.5% of gates, however often both sides fail.
    pub const LOOKS: Self = Self {
        every: 3,
        level: 0.01,
    };
    /// That of a run whose number of rounds was fixed, and which is looked at
    /// once.
    pub const ONCE: Self = Self {
        every: 3,
        level: 0.025,
    };
}

/// Which rounds are dropped whole: those in which anything but the run itself
/// got in a sample's way. A build cannot bring any of it about, so that no
/// variant can have its bad rounds thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contamination {
    /// Most CPU time, as a share of all, that the hypervisor may give to other
    /// machines during a round's builds.
    pub steal: f64,
    /// Most CPU time, as a share of all, that may be busy in the moment before
    /// a sample.
    pub busy_before: f64,
    /// Whether a build of somebody else's may run on the builder meanwhile.
    pub other_builds: bool,
    /// Whether the builder may fail to start the container of a step. So it was
    /// in runs of before this was recorded.
    #[serde(default = "let_pass")]
    pub unstarted_containers: bool,
}

fn let_pass() -> bool {
    true
}

impl Default for Contamination {
    fn default() -> Self {
        Self {
            steal: 0.05,
            busy_before: 0.5,
            other_builds: false,
            unstarted_containers: false,
        }
    }
}

/// How much the times of a Dockerfile differ from its own, as
/// `buildrace calibrate` measured it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoiseFloor {
    /// Scenario that it is used for in this run.
    pub scenario: String,
    /// Build kind.
    pub kind: BuildKind,
    /// Upper bound of the 95th percentile of the estimated change where there is
    /// none, as a share.
    pub share: f64,
    /// Run that it was measured in.
    pub run: String,
}
