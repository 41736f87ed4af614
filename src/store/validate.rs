//! What a stored run must satisfy. Results travel: they are published,
//! downloaded and edited, so nothing in them is trusted.

use std::collections::HashMap;

use super::StoreError;
use crate::model::{RunRecord, Sample, Slot};

/// Refuses what would not be fit for a file's or folder's name.
pub(super) fn name(text: &str) -> Result<(), StoreError> {
    if is_name(text) {
        Ok(())
    } else {
        Err(StoreError::Name(text.chars().take(200).collect()))
    }
}

/// Whether a text may name a run or a sample, and so a file or folder.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b))
}

/// The slots of a plan by their samples' ids; what is wrong with them, else.
pub(super) fn slots(record: &RunRecord) -> Result<HashMap<&str, &Slot>, String> {
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
        if slots.insert(slot.id.as_str(), slot).is_some() {
            return Err(format!("the plan has sample {:?} twice", slot.id));
        }
    }
    Ok(slots)
}

/// The slot that a sample is of.
///
/// # Errors
/// What is wrong with the sample.
pub(super) fn sample<'r>(
    sample: &Sample,
    slots: &HashMap<&'r str, &'r Slot>,
) -> Result<&'r Slot, String> {
    let id = sample.slot.id.as_str();
    match slots.get(id) {
        None => Err(format!("sample {id:?} is not in the plan of run.json")),
        Some(slot) if **slot == sample.slot => Ok(slot),
        Some(_) => Err(format!(
            "sample {id:?} is not what the plan of run.json says of it"
        )),
    }
}
