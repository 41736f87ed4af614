//! Statistics of times: medians, and ratios of paired samples. Pure functions
//! of numbers; they know nothing of builds.

mod ratio;
mod times;

pub use ratio::{Interval, Ratio, paired_ratio};
pub use times::Times;
