//! A sample's place in the plan.

use serde::{Deserialize, Serialize};

use super::BuildKind;

/// A sample's place in the plan, and what is built there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Id of the sample, unique within the run and fit for a file:
    /// `r1-03-go-hello-naive-cold`.
    pub id: String,
    /// The scenario's name.
    pub scenario: String,
    /// The variant's name.
    pub variant: String,
    /// The build kind.
    pub kind: BuildKind,
    /// Round, from 1.
    pub round: u32,
    /// Place in the order of the round, from 1.
    pub position: u32,
}

/// The plan in `run.json`, where a slot's id is its `sample`.
pub(super) mod plan {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Slot;
    use crate::model::BuildKind;

    #[derive(Serialize, Deserialize)]
    struct Planned {
        sample: String,
        scenario: String,
        variant: String,
        kind: BuildKind,
        round: u32,
        position: u32,
    }

    pub fn serialize<S: Serializer>(plan: &[Slot], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(plan.iter().map(|slot| Planned {
            sample: slot.id.clone(),
            scenario: slot.scenario.clone(),
            variant: slot.variant.clone(),
            kind: slot.kind,
            round: slot.round,
            position: slot.position,
        }))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Slot>, D::Error> {
        let plan = Vec::<Planned>::deserialize(deserializer)?.into_iter();
        let slot = |planned: Planned| Slot {
            id: planned.sample,
            scenario: planned.scenario,
            variant: planned.variant,
            kind: planned.kind,
            round: planned.round,
            position: planned.position,
        };
        Ok(plan.map(slot).collect())
    }
}
