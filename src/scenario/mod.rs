//! Scenarios: what is raced. `scenario.toml` is read strictly, its files are
//! checked, its sources are copied, and the copy is edited.
//!
//! [`Project`] finds and loads scenarios and says which base images they need;
//! [`SourceCopy`] is the private copy of the sources that builds see.

mod adhoc;
mod bake;
mod baked;
mod cell;
mod comment;
mod context_source;
mod contexts;
mod copy;
mod definition;
mod dockerfile;
pub(crate) mod document;
mod edit;
mod edits;
mod error;
mod expand;
mod fetch;
mod file;
mod format;
mod heredoc;
mod instructions;
mod loading;
mod name;
mod output;
mod project;
mod smoke;
mod snapshot;
mod stages;
mod suite;
mod syntax;

pub use adhoc::{
    AdhocDockerfile, AdhocScenario, bake_name, check_variant_name, folder_name, revision_name,
    variant_name, variant_names,
};
pub use bake::{Bake, BakeTarget};
pub use context_source::ContextSource;
pub use copy::{Skip, SourceCopy, sources_digest, sources_digest_without};
pub use definition::{Cell, Scenario, Variant};
pub use dockerfile::{BaseImageUse, Needs};
pub use edit::{Change, Edit, EditError, Edited};
pub use edits::{EditedFiles, NamedEdit};
pub use error::{Place, ScenarioError};
pub(crate) use error::{choice, position};
pub use fetch::{Fetch, Otherwise};
pub use file::read_file;
pub use instructions::{InstructionPlace, instructions};
pub use name::check_bake_target;
pub use output::Output;
pub use project::Project;
pub use smoke::Smoke;
pub use snapshot::{DockerfileCopy, SkipIn, Snapshot, ignore_file};
pub use suite::Suite;
