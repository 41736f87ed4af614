//! Statistics of times: medians, and ratios of paired samples. Pure functions
//! of numbers; they know nothing of builds.

mod ratio;
pub mod signed_rank;
#[cfg(test)]
mod simulation;
mod times;
mod verdict;
mod walsh;

pub use ratio::{Interval, Ratio, paired_ratio};
pub use times::Times;
pub use verdict::{Decision, Judgement, LEAST_DELTA, LOOKS, Look, Verdict, judge};
pub use walsh::WalshAverages;
