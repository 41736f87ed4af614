//! How a command ends.

use std::process::ExitCode;

/// How a command ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, and nothing to complain of.
    Good,
    /// 1: a regression or a finding that was asked to fail.
    Finding,
    /// 2: could not do it: bad input, no engine, a failed build.
    CouldNot,
    /// 130: interrupted.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Good => 0,
            Exit::Finding => 1,
            Exit::CouldNot => 2,
            Exit::Interrupted => 130,
        })
    }
}
