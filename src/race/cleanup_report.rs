//! What a run tells of the records that it leaves in the builder's cache: once,
//! at its end, however many blocks left some.

use super::cache_guard::{Cleaned, Tally};

/// What is to be told, a line each.
pub(super) fn of_run(all: &[Cleaned]) -> Vec<String> {
    let mut told = Vec::new();
    let stay = all.iter().fold(Tally::default(), |sum, one| Tally {
        records: sum.records + one.stay.records,
        bytes: sum.bytes.saturating_add(one.stay.bytes),
    });
    if stay.records > 0 {
        told.push(format!(
            "the run's cache records stay on the engine, {} of them, {}: the engine is not \
             buildrace's own, and to remove one would cost everybody's builds their cache. `docker \
             builder prune --all` empties the whole cache, others' too",
            stay.records,
            size(stay.bytes)
        ));
    }
    // What one cleaning could not remove, a later one may have removed.
    let kept = all.last().map_or(&[][..], |last| &last.kept);
    if !kept.is_empty() {
        told.push(format!(
            "the builder still uses cache records of this run and kept them: {}",
            kept.join(" ")
        ));
    }
    let left_alone = all.last().map_or(0, |last| last.left_alone);
    if left_alone > 0 {
        told.push(format!(
            "somebody else built at the same time: new cache records that may be theirs stay in the \
             builder's cache, {left_alone} of them"
        ));
    }
    told
}

/// `1.9 GB`, `512 MB`, `34 kB`.
fn size(bytes: u64) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let bytes = bytes as f64;
    let fits = units.into_iter().find(|(unit, _)| bytes >= *unit);
    match fits {
        Some((unit, name)) if bytes / unit < 10.0 => format!("{:.1} {name}", bytes / unit),
        Some((unit, name)) => format!("{:.0} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_told_once_with_its_size() {
        let block = Cleaned {
            removed: 4,
            left_alone: 2,
            ..Cleaned::default()
        };
        assert_eq!(of_run(&[block, Cleaned::default()]), [""; 0]);
        let whole = Cleaned {
            stay: Tally {
                records: 12,
                bytes: 1_234_567,
            },
            left_alone: 3,
            ..Cleaned::default()
        };
        let told = of_run(&[whole]);
        assert_eq!(told.len(), 2);
        assert!(
            told[0].starts_with("the run's cache records stay on the engine, 12 of them, 1.2 MB"),
            "{told:?}"
        );
        assert!(told[0].contains("docker builder prune --all"));
        assert!(told[1].ends_with("stay in the builder's cache, 3 of them"));
    }
}
