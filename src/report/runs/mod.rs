//! Several runs: side by side, and over time.

mod facts;
mod history;
mod side_by_side;

pub use facts::{Aspect, Difference, differences};
pub use history::{Change, MachineClass, Measured, MovedStep, Point, Series, SeriesName, history};
pub use side_by_side::{Mark, NothingInCommon, RunCell, RunColumn, RunRow, SideBySide};
