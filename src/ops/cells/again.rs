//! The matrix of a run that goes on.

use std::collections::BTreeSet;

use anyhow::bail;

use crate::model::{RunRecord, split_cell};
use crate::options::Matrix;

/// The matrix of a run that goes on: as it is typed now, else as it was.
///
/// # Errors
/// It is another one; its builders were named by addresses, which results do not
/// hold.
pub fn matrix_again(
    then: Option<Matrix>,
    now: Option<Matrix>,
    record: &RunRecord,
) -> anyhow::Result<Option<Matrix>> {
    let Some(then) = then else {
        if now.is_some() {
            bail!("run {} has no matrix: leave out --matrix", record.run);
        }
        return Ok(None);
    };
    if let Some(now) = now {
        return Ok(Some(now));
    }
    let variants = record.scenarios.iter().flat_map(|s| &s.variants);
    let nameless = variants.filter_map(|variant| {
        let value = split_cell(&variant.name).1?;
        let builder = variant.builder.as_ref()?;
        let is_found = builder.name.is_some() || builder.own || builder.driver == "docker";
        (!is_found).then_some(value)
    });
    let nameless: BTreeSet<&str> = nameless.collect();
    if !nameless.is_empty() {
        let names: Vec<&str> = nameless.into_iter().collect();
        bail!(
            "run {} does not hold the address of {}: repeat --matrix builder=… as it was typed",
            record.run,
            names.join(" and ")
        );
    }
    Ok(Some(then))
}
