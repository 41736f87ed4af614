//! The plain data that every other module shares: it knows nobody, does no
//! I/O and reads no clock.

mod duration;
mod kind;
mod platform;
mod ran;
mod reference;
mod rules;
mod run;
mod sample;

pub(crate) use duration::{optional_seconds, seconds};
pub use kind::BuildKind;
pub use platform::{Platform, PlatformError};
pub use ran::{Ran, RanEnd};
pub use reference::{Reference, familiar_name};
pub use rules::{
    AUTO_ROUNDS, Contamination, FUTILITY_ROUNDS, FailureRule, LEAST_DELTA, NoiseFloor, Rules,
    Stopping,
};
pub use run::{
    BaseImage, BuilderInfo, EmulatorInfo, HostInfo, LeftOut, RunRecord, SCHEMA_VERSION,
    ScenarioInfo, Slot, SourcesFrom, VariantInfo,
};
pub use sample::{Failure, HostUse, NO_STEP, Outcome, Sample};
