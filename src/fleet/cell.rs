//! What a job takes with a strategy, as far as that is known.

use std::collections::BTreeMap;

use crate::model::{BuildKind, Outcome};
use crate::stats::{Interval, Mean};

/// What a job takes with a strategy.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Seconds by round, of samples that count.
    Measured(BTreeMap<u32, f64>),
    /// A prediction: least and most seconds.
    Model(Interval),
    /// No build of this kind was raced, which would measure it.
    NotMeasured(BuildKind),
    /// The builds that there are allow no prediction.
    NotModelled,
    /// Its builds do not succeed, and this is how they end.
    Failed(Outcome),
}

impl Cell {
    /// What was measured on average.
    pub fn mean(&self) -> Option<Mean> {
        match self {
            Self::Measured(by_round) => Mean::of(by_round.values().copied()),
            _ => None,
        }
    }

    /// The least that it may take, and the most.
    pub fn range(&self) -> Option<Interval> {
        match self {
            Self::Model(range) => Some(*range),
            _ => {
                let mean = self.mean()?;
                let alone = Interval {
                    low: mean.mean,
                    high: mean.mean,
                };
                Some(mean.interval.unwrap_or(alone))
            }
        }
    }
}
