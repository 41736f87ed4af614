//! What a run that goes on has behind it.

use crate::model::{BuildKind, Outcome, Sample, Slot};

/// Where a run's own builds and cache records can be told from others'.
pub(super) fn own_prefix(run: &str) -> String {
    format!("buildrace-{run}-")
}

/// What earlier stretches of the run have done: nothing where it is a new one.
///
/// Whatever BuildKit knows builds by (references, cache mounts, the place of a
/// synced context, the text of an edit) is another in each stretch, so that
/// nothing that was left in its cache when the run was cut off can make a
/// later sample faster.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resumption<'a> {
    /// The samples that stay as they are, in the order they were built.
    pub samples: &'a [Sample],
    /// How often the run was cut off.
    pub cuts: usize,
}

impl Resumption<'_> {
    /// Whether the slot's sample stays.
    pub(super) fn has(&self, slot: &Slot) -> bool {
        self.samples.iter().any(|sample| sample.slot.id == slot.id)
    }

    /// The kinds of a block that others of it cannot be built on, and how their
    /// samples ended.
    pub(super) fn broken(&self, block: &[Slot]) -> Vec<(BuildKind, Outcome)> {
        let of_block = self
            .samples
            .iter()
            .filter(|sample| block.iter().any(|slot| slot.id == sample.slot.id));
        let broken = of_block.filter(|sample| sample.outcome != Outcome::Ok);
        broken
            .map(|sample| (sample.slot.kind, sample.outcome))
            .collect()
    }

    /// What the builds of this stretch are called by, after what those of the
    /// whole run are.
    pub(super) fn prefix(&self, own_prefix: &str) -> String {
        match self.cuts {
            0 => own_prefix.to_owned(),
            cuts => format!("{own_prefix}resumed{cuts}-"),
        }
    }
}
