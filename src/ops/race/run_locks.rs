//! Which runs of this user may have left something on a builder. Each run has
//! a file while it goes on, and holds a lock on it; one that was killed leaves
//! its file without a lock, and the next run on that builder cleans up after it.
//!
//! It costs a run nothing where the files cannot be written: then nobody cleans
//! up after it but its own `--resume`.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::engine::private::Paths;
use crate::user;

/// A run that goes on, and those that it cleans up after.
#[derive(Debug, Default)]
pub struct Unfinished {
    own: Option<(PathBuf, File)>,
    /// Held, so that two runs do not clean up after the same one.
    dead: Vec<(String, PathBuf, File)>,
}

impl Unfinished {
    /// Notes that `run` begins, or goes on, on the builder at `host`, and takes
    /// hold of the runs that died there.
    pub fn begin(run: &str, host: &str) -> Self {
        let folder = Paths::of_user().map(|paths| paths.folder().with_file_name("runs"));
        folder.map_or_else(
            |_| Self::default(),
            |folder| Self::begin_in(&folder, run, host),
        )
    }

    fn begin_in(folder: &Path, run: &str, host: &str) -> Self {
        // The address of a builder may hold what is nobody's business.
        let host = hex::encode(Sha256::digest(host.as_bytes()));
        let own = note(&folder.join(run), &host);
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let dead = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            if name == run || !is_run_id(&name) {
                return None;
            }
            let path = entry.path();
            let mut file = File::open(&path).ok()?;
            file.try_lock().ok()?;
            let mut of = String::new();
            (&mut file).take(1024).read_to_string(&mut of).ok()?;
            (of == host).then_some((name, path, file))
        });
        Self {
            dead: dead.collect(),
            own,
        }
    }

    /// Ids of the runs that died.
    pub fn dead(&self) -> Vec<String> {
        self.dead.iter().map(|(run, ..)| run.clone()).collect()
    }

    /// The run has cleaned up after itself and the dead ones.
    pub fn clean(self) {
        let dead = self.dead.into_iter().map(|(_, path, file)| (path, file));
        for (path, _held) in dead.chain(self.own) {
            // One that stays is tried again by the next run.
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes a run's file and locks it.
fn note(path: &Path, host: &str) -> Option<(PathBuf, File)> {
    user::create_dir_all(path.parent()?).ok()?;
    let open = OpenOptions::new().create(true).append(true).open(path);
    let mut file = open.ok()?;
    file.try_lock().ok()?;
    user::give(path).ok()?;
    file.set_len(0).ok()?;
    file.write_all(host.as_bytes()).ok()?;
    Some((path.to_owned(), file))
}

/// Whether a name is a run's id: what begins the references of its builds.
fn is_run_id(name: &str) -> bool {
    let Some((time, tail)) = name.split_once('-') else {
        return false;
    };
    let is_time = |(at, byte): (usize, u8)| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    time.len() == 16
        && time.bytes().enumerate().all(is_time)
        && tail.len() == 6
        && tail.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "20260101T000000Z-abcdef";
    const SECOND: &str = "20260102T000000Z-abcdef";

    #[test]
    fn only_a_run_that_died_on_the_same_builder_is_cleaned_up_after() {
        let folder = tempfile::tempdir().unwrap();
        let begin = |run: &str, host: &str| Unfinished::begin_in(folder.path(), run, host);
        let alive = begin(FIRST, "unix:///a");
        assert_eq!(begin(SECOND, "unix:///a").dead(), [""; 0]);
        drop(alive);
        // Killed, it has left its file.
        assert_eq!(begin(SECOND, "unix:///b").dead(), [""; 0]);
        fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
        let next = begin(SECOND, "unix:///a");
        assert_eq!(next.dead(), [FIRST]);
        // Its own is none of them when it goes on.
        assert_eq!(begin(FIRST, "unix:///a").dead(), [""; 0]);
        next.clean();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn only_ids_of_runs_are_taken_for_such() {
        assert!(is_run_id(FIRST));
        for name in [
            "",
            "-",
            "20260101T000000Z-",
            "20260101T000000Z-abcde/",
            "a-b",
        ] {
            assert!(!is_run_id(name), "{name}");
        }
    }
}
