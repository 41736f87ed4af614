//! Statistics of times: medians, and ratios of paired samples. Pure functions
//! of numbers; they know nothing of builds.

mod change_points;
mod fisher;
mod independent;
mod interval;
mod mean;
mod noise;
mod proportion;
mod ratio;
mod roll_up;
pub mod signed_rank;
#[cfg(test)]
mod simulation;
mod spread;
mod times;
mod unjudged;
mod verdict;
mod walsh;

pub use crate::model::LEAST_DELTA;
pub use change_points::{ChangePoint, ChangeRule, change_points};
pub use fisher::{Counted, fails_more_often};
pub use independent::independent_ratio;
pub use interval::Interval;
pub use mean::Mean;
pub use noise::{FLOOR_CONFIDENCE, noise_floor};
pub use proportion::share_interval;
pub use ratio::{Basis, Ratio, log_ratios, ratio};
pub use roll_up::roll_up;
pub use spread::{Spread, spread};
pub use times::Times;
pub use unjudged::Unjudged;
pub use verdict::{
    Decision, Judgement, LOOKS, Look, Looks, Verdict, estimate, judge, judge_at, shows_no_slowdown,
};
pub use walsh::WalshAverages;
