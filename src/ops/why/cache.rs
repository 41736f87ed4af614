//! What a builder's cache tells of the time between two builds, by when its records were made.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::buildkit::CacheRecord;

/// Whether all of it is younger than a moment: it was emptied after it.
pub(super) fn holds_nothing_older_than(records: &[CacheRecord], moment: Timestamp) -> bool {
    let is_of_steps = |record: &&CacheRecord| record.record_type == "regular";
    let mut created = records.iter().filter(is_of_steps).map(|r| r.created);
    created.all(|created| created.is_some_and(|created| created > moment))
}

/// The ids of the cache mounts that were empty when a build began: they were made while it ran.
/// One of which an older record is there may have been in use, and is not told.
pub(super) fn empty_mounts(
    records: &[CacheRecord],
    (started, ended): (Timestamp, Timestamp),
) -> BTreeSet<String> {
    let mut made: BTreeMap<&str, Vec<Option<Timestamp>>> = BTreeMap::new();
    for record in records {
        if let Some(id) = record.cache_mount_id() {
            made.entry(id).or_default().push(record.created);
        }
    }
    let is_of_build = |made: &Option<Timestamp>| made.is_some_and(|made| made <= ended);
    let was_there = |made: &Option<Timestamp>| made.is_none_or(|made| made < started);
    made.into_iter()
        // One that is younger than the build tells nothing of what the build had.
        .filter(|(_, made)| made.iter().any(is_of_build) && !made.iter().any(was_there))
        .map(|(id, _)| id.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_was_empty_if_all_its_records_are_as_young_as_the_build() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let record = |id: &str, second: Option<i64>| CacheRecord {
            id: String::new(),
            size: 0,
            description: format!("cached mount /c from exec make with id \"{id}\""),
            record_type: "exec.cachemount".into(),
            in_use: false,
            shared: false,
            parents: Vec::new(),
            created: second.map(at),
        };
        let records = [
            record("old", Some(5)),
            record("new", Some(15)),
            // Of builds that ran at once.
            record("both", Some(5)),
            record("both", Some(15)),
            // Pruned after the build, and made again.
            record("later", Some(25)),
            record("again", Some(15)),
            record("again", Some(25)),
            record("unknown", None),
        ];
        let empty = empty_mounts(&records, (at(10), at(20)));
        assert_eq!(Vec::from_iter(empty), ["again", "new"]);
    }
}
