//! Which runs of this user may have left something on a builder. Each run has
//! a file while it goes on, and holds a lock on it; one that was killed leaves
//! its file without a lock, and the next run on that builder cleans up after it.
//!
//! It costs a run nothing where the files cannot be written: then nobody cleans
//! up after it but its own `--resume`.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::engine::private::Paths;
use crate::user;

/// How often a lock is tried, and how long between.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// A run that goes on, and those that it cleans up after.
#[derive(Debug, Default)]
pub struct Unfinished {
    own: Option<(PathBuf, File)>,
    /// Held, so that two runs do not clean up after the same one.
    dead: Vec<Dead>,
    /// The builders of this run, as files name them.
    hosts: Vec<String>,
}

/// A run that died.
#[derive(Debug)]
struct Dead {
    run: String,
    path: PathBuf,
    _held: File,
    /// The builders that it built on.
    hosts: Vec<String>,
}

impl Unfinished {
    /// Notes that `run` begins, or goes on, on the builders at `hosts`, and takes
    /// hold of the runs that died there.
    pub fn begin(run: &str, hosts: &[&str]) -> Self {
        let folder = Paths::of_user().map(|paths| paths.folder().with_file_name("runs"));
        folder.map_or_else(
            |_| Self::default(),
            |folder| Self::begin_in(&folder, run, hosts),
        )
    }

    fn begin_in(folder: &Path, run: &str, hosts: &[&str]) -> Self {
        let mut hosts: Vec<String> = hosts.iter().map(|host| named(host)).collect();
        hosts.sort();
        hosts.dedup();
        let own = note(&folder.join(run), &hosts);
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let dead = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            if name == run || !is_run_id(&name) {
                return None;
            }
            let path = entry.path();
            let mut file = File::open(&path).ok()?;
            hold(&file)?;
            let mut text = String::new();
            (&mut file).take(1 << 16).read_to_string(&mut text).ok()?;
            let of: Vec<String> = text.lines().map(str::to_owned).collect();
            of.iter().any(|host| hosts.contains(host)).then_some(Dead {
                run: name,
                path,
                _held: file,
                hosts: of,
            })
        });
        Self {
            dead: dead.collect(),
            own,
            hosts,
        }
    }

    /// Ids of the runs that died on the builder at `host`.
    pub fn dead(&self, host: &str) -> Vec<String> {
        let host = named(host);
        let there = self.dead.iter().filter(|dead| dead.hosts.contains(&host));
        there.map(|dead| dead.run.clone()).collect()
    }

    /// The run has cleaned up after itself and the dead ones.
    pub fn clean(self) {
        for dead in &self.dead {
            let others = dead.hosts.iter();
            let others: Vec<&str> = others
                .filter(|host| !self.hosts.contains(host))
                .map(String::as_str)
                .collect();
            // One that stays is tried again by the next run.
            let _ = match others.is_empty() {
                true => fs::remove_file(&dead.path),
                false => fs::write(&dead.path, others.join("\n")),
            };
        }
        if let Some((path, _held)) = self.own {
            let _ = fs::remove_file(path);
        }
    }
}

/// A builder as files name it: its address may hold what is nobody's business.
fn named(host: &str) -> String {
    hex::encode(Sha256::digest(host.as_bytes()))
}

/// Makes a run's file and locks it.
fn note(path: &Path, hosts: &[String]) -> Option<(PathBuf, File)> {
    user::create_dir_all(path.parent()?).ok()?;
    let open = OpenOptions::new().create(true).append(true).open(path);
    let mut file = open.ok()?;
    hold(&file)?;
    user::give(path).ok()?;
    file.set_len(0).ok()?;
    file.write_all(hosts.join("\n").as_bytes()).ok()?;
    Some((path.to_owned(), file))
}

/// Locks a file that nobody else holds. A process that this one starts has the
/// file for a moment, too, and with it the lock.
fn hold(file: &File) -> Option<()> {
    for _ in 0..ATTEMPTS {
        if file.try_lock().is_ok() {
            return Some(());
        }
        std::thread::sleep(PAUSE);
    }
    None
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
        let begin = |run: &str, hosts: &[&str]| Unfinished::begin_in(folder.path(), run, hosts);
        let (a, b) = ("unix:///a", "unix:///b");
        let alive = begin(FIRST, &[a]);
        assert_eq!(begin(SECOND, &[a]).dead(a), [""; 0]);
        drop(alive);
        // Killed, it has left its file.
        assert_eq!(begin(SECOND, &[b]).dead(b), [""; 0]);
        fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
        let next = begin(SECOND, &[a]);
        assert_eq!(next.dead(a), [FIRST]);
        // Its own is none of them when it goes on.
        assert_eq!(begin(FIRST, &[a]).dead(a), [""; 0]);
        next.clean();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_run_on_several_builders_is_cleaned_up_after_on_each() {
        let folder = tempfile::tempdir().unwrap();
        let begin = |run: &str, hosts: &[&str]| Unfinished::begin_in(folder.path(), run, hosts);
        let (a, b) = ("unix:///a", "unix:///b");
        drop(begin(FIRST, &[a, b, a]));
        let next = begin(SECOND, &[a]);
        assert_eq!(
            (next.dead(a), next.dead(b)),
            (vec![FIRST.into()], vec![FIRST.into()])
        );
        next.clean();
        assert_eq!(begin(SECOND, &[a]).dead(a), [""; 0]);
        let next = begin(SECOND, &[b]);
        assert_eq!(next.dead(b), [FIRST]);
        next.clean();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
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
