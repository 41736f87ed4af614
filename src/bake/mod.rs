//! What `docker buildx bake` builds, from what its `--print` says. Bake files are
//! buildx's to read: HCL, JSON and Compose all come as one JSON document.
//!
//! What a target says is honoured, left out and named, or refused by its name;
//! `docs/compare.md` has the table. Nothing is passed over in silence.

mod amount;
mod error;
mod escapes;
mod object;
mod target;

use std::collections::BTreeMap;

use serde_json::Value;

pub use error::BakeError;
pub use escapes::{Escapes, has_escapes};
pub use target::{Context, Local, SecretSource, Target};

use crate::scenario::check_bake_target;
use object::Object;

/// Bytes of the largest document that is read.
const LARGEST: usize = 16 << 20;
/// Most targets that are built together.
const MOST_TARGETS: usize = 200;
/// How deep groups may hold groups.
const DEEPEST: usize = 32;

/// What is built together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// The targets that were asked for, groups replaced by what is in them, in the order
    /// of the bake file.
    pub asked: Vec<String>,
    /// These targets, and those that they take from, by name.
    pub targets: Vec<Target>,
}

/// Reads what `docker buildx bake --print` says.
///
/// # Errors
/// It is something else, or a target asks for what no race does.
pub fn read(printed: &[u8], escapes: Escapes) -> Result<Definition, BakeError> {
    if printed.len() > LARGEST {
        return Err(BakeError::Unreadable(format!(
            "it has more than {} MiB",
            LARGEST >> 20
        )));
    }
    let document: Value = serde_json::from_slice(printed)
        .map_err(|error| BakeError::Unreadable(error.to_string()))?;
    let Value::Object(document) = document else {
        return Err(BakeError::Unreadable("it is no object of JSON".to_owned()));
    };
    let tables = |key: &str| match document.get(key) {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Object(tables)) => Ok(tables.iter().collect::<BTreeMap<_, _>>()),
        Some(_) => Err(BakeError::Unreadable(format!("{key:?} is no table"))),
    };
    let (written, groups) = (tables("target")?, tables("group")?);
    if written.is_empty() {
        return Err(BakeError::Empty);
    }
    if written.len() > MOST_TARGETS {
        return Err(BakeError::TooMany {
            count: written.len(),
            most: MOST_TARGETS,
        });
    }
    let mut targets = Vec::with_capacity(written.len());
    for (name, value) in &written {
        check_bake_target(name).map_err(BakeError::Unreadable)?;
        let object = Object::new(name, value, escapes)?;
        targets.push(Target::read(name, object)?);
    }
    let mut asked = Vec::new();
    match groups.contains_key(&"default".to_owned()) {
        true => collect("default", &groups, &written, &mut asked, 0),
        // bake names no group for a target of that name alone.
        false => asked.extend(written.keys().map(|name| (*name).clone())),
    }
    for target in &targets {
        for context in target.contexts.values() {
            if let Context::Target(other) = context
                && !written.contains_key(other)
            {
                return Err(BakeError::NoTarget {
                    target: target.name.clone(),
                    other: other.clone(),
                });
            }
        }
    }
    Ok(Definition { asked, targets })
}

/// The targets of a group, each once.
fn collect(
    name: &str,
    groups: &BTreeMap<&String, &Value>,
    targets: &BTreeMap<&String, &Value>,
    found: &mut Vec<String>,
    depth: usize,
) {
    let key = name.to_owned();
    // A group may have the name of a target of its own.
    let group = groups.get(&key).filter(|_| depth < DEEPEST);
    let members = group.and_then(|group| group.get("targets"));
    let Some(Value::Array(members)) = members else {
        if targets.contains_key(&key) && !found.contains(&key) {
            found.push(key);
        }
        return;
    };
    for member in members.iter().filter_map(Value::as_str) {
        match member == name {
            true if targets.contains_key(&key) && !found.contains(&key) => found.push(key.clone()),
            true => {}
            false => collect(member, groups, targets, found, depth + 1),
        }
    }
}

#[cfg(test)]
mod tests;
