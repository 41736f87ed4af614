//! Room on the disk of a builder whose cache grows with every build of a run.
//! No build finds what an earlier block left, so it need not go while there is
//! room: to remove it takes the engine seconds, and keeps the machine busy.

use std::path::Path;

use super::host::disk_free;

/// Bytes of which a run makes use before it removes what its builds have left.
const USE: u64 = 5_000_000_000;

/// What was free when nothing was left of the run's builds, in bytes; `None`
/// where that cannot be told.
#[derive(Debug, Clone, Copy)]
pub struct Room(Option<u64>);

impl Room {
    /// What is free now on the disk that holds a path.
    pub fn of(disk: Option<&Path>) -> Self {
        Self(disk.and_then(disk_free))
    }

    /// Whether so much less is free now that it is time to remove something.
    pub fn has_shrunk(self, disk: Option<&Path>) -> bool {
        self.has_shrunk_to(Self::of(disk))
    }

    fn has_shrunk_to(self, now: Self) -> bool {
        match (self.0, now.0) {
            (Some(before), Some(now)) => now < before.saturating_sub(USE).max(before / 2),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_uses_five_gigabytes_or_half_of_what_is_free() {
        let room = |gigabytes: u64| Room(Some(gigabytes * 1_000_000_000));
        for (before, now, has_shrunk) in [
            (60, 56, false),
            (60, 54, true),
            (60, 70, false),
            (6, 4, false),
            (6, 2, true),
        ] {
            let found = room(before).has_shrunk_to(room(now));
            assert_eq!(found, has_shrunk, "{before} GB, then {now}");
        }
        assert!(!room(60).has_shrunk_to(Room(None)));
    }

    #[test]
    fn what_is_free_is_read_from_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::of(Some(folder.path()));
        assert!(room.0.is_some_and(|free| free > 0));
        assert!(!room.has_shrunk(Some(folder.path())));
        assert!(!Room::of(None).has_shrunk(None));
    }
}
