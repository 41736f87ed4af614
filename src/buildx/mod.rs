//! What buildx keeps of its builders, read and left as it is: instances, their
//! nodes, and which of them `docker buildx use` chose.
//!
//! Source of the format: buildx's `store/store.go`, `store/nodegroup.go` and
//! `util/confutil/config.go`.

mod instance;
mod store;

pub use instance::{Instance, InstanceNode};
pub use store::{Store, StoreError};
