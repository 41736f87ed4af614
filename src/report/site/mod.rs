//! A site of stored runs: an index of runs and scenarios, a page with the history
//! of each scenario, and a feed of changes. Each page holds all it needs and links
//! to the others by relative paths.

mod feed;
mod pages;
mod view;

pub use feed::feed;
pub use pages::{growths, index, scenario};
pub use view::{RunLine, Site};

#[cfg(test)]
mod tests;
