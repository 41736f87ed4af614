//! What several verbs need: a race from scenarios to results, its report and its
//! explanation, and small things around them. No verb imports another; they
//! meet here.

pub(crate) mod adhoc;
pub(crate) mod bake;
pub(crate) mod baked_sides;
pub(crate) mod builder;
pub(crate) mod cells;
pub(crate) mod console;
pub(crate) mod edits;
mod exit;
pub(crate) mod explain;
pub(crate) mod files;
pub(crate) mod formats;
pub(crate) mod history;
pub(crate) mod ignored;
pub(crate) mod images;
mod lfs;
pub(crate) mod one_build;
mod otava_history;
pub mod picture;
pub(crate) mod race;
pub(crate) mod redaction;
pub mod report;
pub mod results;
pub(crate) mod revisions;
pub(crate) mod signals;
pub mod site;
pub(crate) mod ssh;
pub(crate) mod stdin;
pub(crate) mod suites;
pub(crate) mod temporary_folders;
pub(crate) mod why;

pub use exit::Exit;
