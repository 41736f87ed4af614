//! What the rounds of a run say: which of them count, whether they are
//! enough, and the verdict on each candidate. `docs/verdict.md` states the
//! rule; it is applied to a run's record and samples alone, so that a run that
//! goes on and one that is read back are judged alike.

mod comparison;
mod rounds;
mod several;

pub use comparison::{Comparison, comparisons, looks, never_builds, roll_up, times};
pub use rounds::{
    Dropped, RoundsNeeded, dropped_rounds, rounds_needed, samples_planned, says_nothing,
};
pub use several::{Several, several};
