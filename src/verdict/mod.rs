//! What the rounds of a run say: which of them count, whether they are
//! enough, and the verdict on each candidate. `docs/verdict.md` states the
//! rule; it is applied to a run's record and samples alone, so that a run that
//! goes on and one that is read back are judged alike.

mod comparison;
mod failures;
mod multiple;
mod rounds;
mod slots;

pub use comparison::{
    Comparison, comparisons, looks, never_builds, roll_up, shows_no_slowdown, times,
};
pub use failures::{Failing, Failures, Tries, failures, look as look_at_failures};
pub use multiple::{MultipleComparisons, several};
pub use rounds::{
    Dropped, RoundsNeeded, disturbed_rounds, dropped_rounds, round_is_lost, rounds_needed,
    says_nothing, unmeasured,
};
pub use slots::{is_wanted, slots_left, slots_planned};
