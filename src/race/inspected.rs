//! Which images of a run were inspected.

use std::collections::BTreeSet;

use crate::model::{BuildKind, Slot};

/// The variants and kinds of a run whose image was inspected, and found right
/// or wrong: once is enough, since a run builds from a snapshot.
#[derive(Debug, Default)]
pub(super) struct Inspected(BTreeSet<(String, String, BuildKind)>);

impl Inspected {
    fn key(slot: &Slot) -> (String, String, BuildKind) {
        (slot.scenario.clone(), slot.variant.clone(), slot.kind)
    }

    pub(super) fn has(&self, slot: &Slot) -> bool {
        self.0.contains(&Self::key(slot))
    }

    pub(super) fn add(&mut self, slot: &Slot) {
        self.0.insert(Self::key(slot));
    }
}
