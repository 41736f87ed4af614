//! What the rounds of a run say: which of them count, whether they are
//! enough, and the verdict on each candidate. `docs/verdict.md` states the
//! rule; it is applied to a run's record and samples alone, so that a run that
//! goes on and one that is read back are judged alike.

mod assessment;
mod compare_variants;
mod comparison;
mod contamination;
mod failures;
mod gate;
mod matrix;
mod multiple_comparisons;
mod outcomes;
mod rounds;
mod slots;

pub use assessment::Assessment;
pub use comparison::{Comparison, roll_up, shows_no_slowdown};
pub use contamination::{Dropped, disturbed_rounds, round_is_lost, says_nothing};
pub use failures::{Failing, Failures, Tries, look as look_at_failures};
pub use multiple_comparisons::{MultipleComparisons, multiple_comparisons};
pub use outcomes::never_builds;
pub use rounds::RoundsNeeded;
pub use slots::is_wanted;
