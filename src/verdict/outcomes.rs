//! What the outcomes of its builds say of a variant.

use super::contamination::says_nothing;
use crate::model::{BuildKind, Outcome, Run};

/// Whether a variant was seen to build something else than it should, in this
/// kind or in one that it starts from. It is inspected once, and does so always:
/// none of its times counts.
pub(super) fn builds_wrong(run: &Run, scenario: &str, variant: &str, kind: BuildKind) -> bool {
    let of_variant = run.of_variant(scenario, variant);
    let mut wrong = of_variant.filter(|sample| sample.outcome == Outcome::WrongOutput);
    wrong.any(|sample| kind.is_built_on(sample.slot.kind))
}

/// Whether builds of a kind fail, time after time: none is good. A build that
/// was skipped since the one that it starts from failed, failed too.
pub fn never_builds(run: &Run, scenario: &str, variant: &str, kind: BuildKind) -> bool {
    if builds_wrong(run, scenario, variant, kind) {
        return true;
    }
    let mut failed = 0;
    let built = run.cell(scenario, variant, kind);
    for sample in built.filter(|sample| !says_nothing(run, sample)) {
        match sample.outcome {
            Outcome::Ok => return false,
            Outcome::Failed
            | Outcome::WrongOutput
            | Outcome::NotTransferred
            | Outcome::TimedOut
            | Outcome::Skipped => {
                failed += 1;
            }
            Outcome::LostBuilder | Outcome::Interrupted => {}
        }
    }
    failed >= run.record.rules.failures_believed()
}
