//! What buildx keeps of its builders, read and left as it is: instances, their
//! nodes, and which of them `docker buildx use` chose. And what buildx itself says of
//! bake files.
//!
//! Source of the format: buildx's `store/store.go`, `store/nodegroup.go` and
//! `util/confutil/config.go`.

mod instance;
mod program;
mod store;

pub use instance::{Instance, InstanceNode};
pub use program::{BakeQuestion, Program, ProgramError};
pub use store::{Store, StoreError};
