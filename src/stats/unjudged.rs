//! Why there is no verdict.

use super::{Basis, Ratio, Verdict};

/// Why a comparison has no verdict: too few rounds is one reason of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unjudged {
    /// No round has a time of both.
    NoPair,
    /// Fewer rounds have a time of both than the first look at an interval
    /// takes.
    TooFewRounds {
        /// How many have one.
        rounds: usize,
    },
    /// A look has seen it, with an interval, and it was not clear; the run ended
    /// before the next look: its gate's kind was decided, or it was stopped.
    NotClear {
        /// Rounds of the look.
        rounds: usize,
    },
}

impl Unjudged {
    /// Why there is no verdict on what a ratio shows; `None` where there is one.
    pub fn of(ratio: Option<&Ratio>, verdict: Option<Verdict>) -> Option<Self> {
        if verdict.is_some() {
            return None;
        }
        Some(match ratio {
            None => Self::NoPair,
            Some(ratio) => match ratio.basis {
                Basis::OneRound | Basis::ModelBased => Self::TooFewRounds { rounds: ratio.n },
                Basis::SignedRank(look) => Self::NotClear {
                    rounds: look.rounds,
                },
            },
        })
    }
}
