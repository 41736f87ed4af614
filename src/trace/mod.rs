//! What BuildKit's status stream tells of a build. Pure: no I/O, no clock.

pub mod status;

pub use status::SolveStatus;
