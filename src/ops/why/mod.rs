//! Why a build executed what it did: the builds that are meant, what is known of
//! each, and the files of their contexts.

mod build;
mod cache;
mod earlier;
mod files;
mod pair;

pub use build::Built;
pub use files::{ContextFolder, FilesBetween};
pub use pair::Pair;
