//! What runs that died left on a builder, whichever they were: their builds in
//! the history, and records of its cache. Their names tell the run.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::cache_guard::{ANSWER_LIMIT, PRUNE_LIMIT, in_time};
use super::run_cleanup::Origin;
use crate::builder::{Builder, BuilderError};
use crate::buildkit::{BuildWindow, CacheRecord};

/// A run of which nobody knows whether it goes on has ended when none of its
/// builds was under way for this long, in seconds: between two builds there
/// are minutes at most.
const SILENCE: i64 = 3600;

/// What dead runs left on a builder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KilledRuns {
    /// Ids of the runs.
    pub runs: BTreeSet<String>,
    /// Records of the cache of which it is certain that these runs made them.
    pub records: Vec<CacheRecord>,
    /// References of ended builds in the history.
    pub builds: Vec<String>,
}

impl KilledRuns {
    /// Looks for it. `is_alive` says of a run's id whether the run goes on, as
    /// far as that is known.
    ///
    /// # Errors
    /// The builder does not say what it holds.
    pub async fn find(
        builder: &dyn Builder,
        is_alive: &dyn Fn(&str) -> Option<bool>,
    ) -> Result<Self, BuilderError> {
        // In this order: whoever made one of these records has begun by the
        // time that the history is read.
        let records = in_time(ANSWER_LIMIT, builder.cache_records()).await?;
        let history = in_time(ANSWER_LIMIT, builder.history()).await?;
        Ok(Self::among(records, &history, is_alive, Timestamp::now()))
    }

    fn among(
        records: Vec<CacheRecord>,
        history: &[BuildWindow],
        is_alive: &dyn Fn(&str) -> Option<bool>,
        now: Timestamp,
    ) -> Self {
        let named = history.iter().filter_map(|build| run_in(&build.reference));
        let in_records = records
            .iter()
            .filter_map(|record| run_in(&record.description));
        let runs: BTreeSet<String> = named
            .chain(in_records)
            .filter(|run| is_dead(run, history, is_alive(run), now))
            .map(str::to_owned)
            .collect();
        let (own, others): (Vec<_>, Vec<_>) = history
            .iter()
            .partition(|build| run_in(&build.reference).is_some_and(|run| runs.contains(run)));
        let is_theirs = |record: &CacheRecord| {
            let named = run_in(&record.description);
            match named {
                Some(run) => runs.contains(run),
                // With no prefix that any description has.
                None => Origin::of(record, "\0", &own, &others) == Origin::Ours,
            }
        };
        let ended = own.iter().filter(|build| build.completed.is_some());
        Self {
            records: records.into_iter().filter(is_theirs).collect(),
            builds: ended.map(|build| build.reference.clone()).collect(),
            runs,
        }
    }

    /// Bytes of the records; those of what they have in common with others'
    /// stay when they are removed.
    pub fn bytes(&self) -> u64 {
        let sizes = self.records.iter();
        sizes.map(|record| record.size).sum()
    }

    /// Removes the records; returns how many are gone. Where others build,
    /// it costs them their cache (`docs/engine.md`).
    ///
    /// # Errors
    /// The builder does not.
    pub async fn prune(&self, builder: &dyn Builder) -> Result<usize, BuilderError> {
        let ids: Vec<String> = self
            .records
            .iter()
            .map(|record| record.id.clone())
            .collect();
        if ids.is_empty() {
            return Ok(0);
        }
        Ok(in_time(PRUNE_LIMIT, builder.prune(&ids)).await?.len())
    }

    /// Takes the builds out of the history.
    ///
    /// # Errors
    /// The builder does not answer.
    pub async fn forget(&self, builder: &dyn Builder) -> Result<(), BuilderError> {
        in_time(PRUNE_LIMIT, builder.forget(&self.builds)).await
    }
}

fn is_dead(run: &str, history: &[BuildWindow], is_alive: Option<bool>, now: Timestamp) -> bool {
    if let Some(alive) = is_alive {
        return !alive;
    }
    let mut builds = history
        .iter()
        .filter(|build| run_in(&build.reference) == Some(run));
    // StartedRun now, where the id tells no time: it stays.
    let began = run[..16].parse().unwrap_or(now);
    let last = builds.try_fold(began, |last, build| Some(last.max(build.completed?)));
    last.is_some_and(|last| now.as_second() - last.as_second() > SILENCE)
}

/// The id of the run that a build, or what a record is described by, is named
/// after: `buildrace-20260101T000000Z-abcdef-…`.
fn run_in(text: &str) -> Option<&str> {
    const LENGTH: usize = "20260101T000000Z-abcdef".len();
    text.match_indices("buildrace-").find_map(|(at, prefix)| {
        let rest = &text[at + prefix.len()..];
        let id = rest.get(..LENGTH)?;
        let is_id = id.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            16 => byte == b'-',
            17.. => byte.is_ascii_hexdigit(),
            _ => byte.is_ascii_digit(),
        });
        (is_id && rest[LENGTH..].starts_with('-')).then_some(id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEAD: &str = "20260101T000000Z-abcdef";
    const ALIVE: &str = "20260101T010000Z-012345";

    fn at(seconds: i64) -> Timestamp {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        start + jiff::SignedDuration::from_secs(seconds)
    }

    fn build(reference: &str, started: i64, completed: Option<i64>) -> BuildWindow {
        BuildWindow {
            reference: reference.into(),
            started: Some(at(started)),
            completed: completed.map(at),
        }
    }

    fn record(id: &str, description: &str, created: i64) -> CacheRecord {
        CacheRecord {
            id: id.into(),
            size: 10,
            description: description.into(),
            record_type: "regular".into(),
            in_use: false,
            shared: false,
            parents: vec![],
            created: Some(at(created)),
        }
    }

    #[test]
    fn what_dead_runs_left_is_told_from_all_else() {
        let history = [
            build("somebody", 0, Some(5)),
            build(&format!("buildrace-{DEAD}-r1-01"), 10, Some(20)),
            build(&format!("buildrace-{ALIVE}-r1-01"), 3700, None),
        ];
        let mount = |run: &str| format!("cached mount with id \"buildrace-{run}-r1/go\"");
        let records = vec![
            record("theirs", "mount / from exec", 3),
            record("layer", "mount / from exec", 15),
            record("mount", &mount(DEAD), 15),
            record("used", &mount(ALIVE), 3705),
        ];
        let found = |is_alive: &dyn Fn(&str) -> Option<bool>, now: i64| {
            let found = KilledRuns::among(records.clone(), &history, is_alive, at(now));
            let ids = found.records.iter().map(|record| record.id.clone());
            (found.runs.len(), ids.collect::<Vec<_>>(), found.builds)
        };
        let builds = vec![format!("buildrace-{DEAD}-r1-01")];
        // Another run builds since, and may use the layer: the mount is its own.
        let is_known = |run: &str| Some(run == ALIVE);
        assert_eq!(
            found(&is_known, 3800),
            (1, vec!["mount".into()], builds.clone())
        );
        // Nobody knows of either: one has been silent, the other one builds.
        assert_eq!(found(&|_| None, 3800), (1, vec!["mount".into()], builds));
        assert_eq!(found(&|_| None, 1000), (0, vec![], vec![]));
        let all = found(&|_| Some(false), 3800);
        assert_eq!(all.1, ["layer", "mount", "used"]);
        assert_eq!(all.2.len(), 1, "a build that runs is not forgotten");
    }

    #[test]
    fn only_ids_of_runs_are_found() {
        assert_eq!(run_in(&format!("x buildrace-{DEAD}-y")), Some(DEAD));
        for text in [
            "buildrace-sources-0123456789abcdef0123-",
            "buildrace-",
            "buildrace-20260101T000000Z-abcdef",
        ] {
            assert_eq!(run_in(text), None, "{text}");
        }
    }
}
