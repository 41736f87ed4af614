//! The builder of a command: which is meant, and a session with it.

mod base_images;
mod choice;
mod examination;
mod listing;
mod needs;
mod node;
mod session;
mod trial;

pub use examination::examine;
pub use listing::{ListedBuilder, ListedNode, list};
pub use session::BuilderSession;
