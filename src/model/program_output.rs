//! What came of running a program of an image.

use std::time::Duration;

/// A program that was to be run. What it printed comes from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramOutput {
    /// What it wrote to stdout, as far as that was kept.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr, as far as that was kept.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub end: ProgramEnd,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramEnd {
    /// By itself, with this code.
    Exited(i64),
    /// It was stopped when this time had passed.
    TimedOut(Duration),
    /// It could not be started: what the engine said, from outside.
    NotStarted(String),
}
