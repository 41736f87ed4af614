//! Why a build executed what it did: the builds that are meant, what is known of
//! each, and the files of their contexts.

mod build;
mod earlier;
mod files;

pub use build::Built;
pub use earlier::{earlier, is_alike};
pub use files::{ContextFolder, FilesBetween};
