//! The builder of a command: which is meant, a session with it, and what it
//! remembers.

mod base_images;
mod choice;
mod examination;
mod listing;
mod memory;
mod needs;
mod node;
mod session;
mod trial;

pub use examination::examine;
pub use listing::{ListedBuilder, ListedNode, list};
pub use session::BuilderSession;
