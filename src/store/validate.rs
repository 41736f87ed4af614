//! What a stored run must satisfy. Results travel: they are published,
//! downloaded and edited, so nothing in them is trusted.

use std::collections::HashMap;

use super::StoreError;
use crate::model::{RunRecord, Sample, Slot};

/// Refuses what would not be fit for a file's or folder's name.
pub(super) fn name(text: &str) -> Result<(), StoreError> {
    let fit = !text.is_empty()
        && text.len() <= 200
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b));
    if fit {
        Ok(())
    } else {
        Err(StoreError::Name(text.chars().take(200).collect()))
    }
}

/// The slots of a plan by their samples' ids; what is wrong with them, else.
pub(super) fn slots(record: &RunRecord) -> Result<HashMap<String, Slot>, String> {
    name(&record.run).map_err(|error| error.to_string())?;
    let mut slots = HashMap::with_capacity(record.plan.len());
    for slot in &record.plan {
        name(&slot.id).map_err(|error| error.to_string())?;
        let scenario = record
            .scenarios
            .iter()
            .find(|scenario| scenario.name == slot.scenario)
            .ok_or_else(|| format!("the plan names no scenario of the run: {:?}", slot.scenario))?;
        if !scenario.variants.iter().any(|v| v.name == slot.variant) {
            return Err(format!(
                "the plan names no variant of {:?}: {:?}",
                slot.scenario, slot.variant
            ));
        }
        if slots.insert(slot.id.clone(), slot.clone()).is_some() {
            return Err(format!("the plan has sample {:?} twice", slot.id));
        }
    }
    Ok(slots)
}

/// What is wrong with a sample that should be the slot's.
pub(super) fn sample(sample: &Sample, slots: &HashMap<String, Slot>) -> Result<(), String> {
    let Some(slot) = slots.get(&sample.slot.id) else {
        return Err(format!(
            "sample {:?} is not in the plan of run.json",
            sample.slot.id
        ));
    };
    let same = *slot == sample.slot;
    if same {
        Ok(())
    } else {
        Err(format!(
            "sample {:?} is not what the plan of run.json says of it",
            sample.slot.id
        ))
    }
}
