//! The plain data that every other module shares: it knows nobody, does no
//! I/O and reads no clock.

mod cell;
mod ci_cache;
mod duration;
mod event;
mod invocation;
mod job;
mod kind;
mod label;
mod layout;
mod nodes;
mod part;
mod platform;
mod program_output;
mod record;
mod reference;
mod release;
mod remembered;
mod rules;
mod run;
mod sample;
mod slot;
mod timed_export;

pub use cell::{cell_name, split_cell};
pub use ci_cache::{CacheMode, CacheMounts, CiCache, CiCacheInfo};
pub(crate) use duration::{optional_seconds, seconds};
pub use event::{Event, RunEnd};
pub use invocation::Invocation;
pub use job::{EditMix, Job};
pub use kind::{BuildKind, SOURCE};
pub use label::Label;
pub use layout::ImageLayout;
pub use nodes::{BuildNodes, NodePart};
pub use part::{BuildPart, PartKind};
pub use platform::{Platform, PlatformError};
pub use program_output::{ProgramEnd, ProgramOutput};
pub use record::{
    BakeInfo, BaseImage, BuilderInfo, EmulatorInfo, HostInfo, LeftOut, NodeInfo, RunRecord,
    SCHEMA_VERSION, ScenarioInfo, SourcesFrom, THE_DOCKERFILE, VariantInfo,
};
pub use reference::{Reference, familiar_name};
pub use release::Release;
pub use remembered::{BuildInputs, BuildState, NoCache, RememberedBuild};
pub use rules::{
    AUTO_ROUNDS, Contamination, FUTILITY_ROUNDS, FailureRule, LEAST_DELTA, NoiseFloor, Rules,
    Stopping,
};
pub use run::Run;
pub use sample::{
    Failure, HostUse, NO_STEP, Outcome, Sample, says_command_was_not_started,
    says_container_was_not_started,
};
pub use slot::Slot;
pub use timed_export::{TimedExport, TimedExportKind};
