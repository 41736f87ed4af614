//! Who made a thing that is not in a folder, such as a container: a process,
//! told so that another one can see whether it lives.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// A process of a machine since it was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Names the machine's boot and the namespace of the process id.
    place: String,
    pid: i32,
    /// When it was started, in ticks since the boot.
    started: u64,
}

impl Owner {
    /// This process; `None` where the system does not tell.
    pub fn this_process() -> Option<Self> {
        let pid = i32::try_from(std::process::id()).ok()?;
        Some(Self {
            place: place()?,
            pid,
            started: started(pid)?,
        })
    }

    /// Whether it lives. `None` where it is of another machine, another boot
    /// or another namespace.
    pub fn is_alive(&self) -> Option<bool> {
        if place()? != self.place {
            return None;
        }
        Some(started(self.pid) == Some(self.started))
    }
}

/// As a label or a tag holds it.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.place, self.pid, self.started)
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('.');
        let owner = Self {
            place: parts
                .next()
                .filter(|place| !place.is_empty())
                .ok_or(())?
                .to_owned(),
            pid: parts.next().and_then(|pid| pid.parse().ok()).ok_or(())?,
            started: parts.next().and_then(|at| at.parse().ok()).ok_or(())?,
        };
        parts.next().is_none().then_some(owner).ok_or(())
    }
}

/// A digest, so that labels say nothing of this machine.
fn place() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    let mut digest = Sha256::new();
    digest.update(boot.trim());
    digest.update(namespace.to_string_lossy().as_bytes());
    Some(hex::encode(&digest.finalize()[..8]))
}

#[cfg(target_os = "linux")]
fn started(pid: i32) -> Option<u64> {
    let stat = procfs::process::Process::new(pid).ok()?.stat().ok()?;
    (stat.state != 'Z').then_some(stat.starttime)
}

/// Other systems than Linux count no ticks since their boot: what a process
/// leaves there is known by its age alone.
#[cfg(not(target_os = "linux"))]
fn started(_: i32) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_lives_until_another_has_its_id() {
        let this = Owner::this_process().unwrap();
        assert_eq!(this.to_string().parse(), Ok(this.clone()));
        assert_eq!(this.is_alive(), Some(true));
        let earlier = Owner {
            started: this.started - 1,
            ..this.clone()
        };
        assert_eq!(earlier.is_alive(), Some(false));
        let elsewhere = Owner {
            place: "another".into(),
            ..this
        };
        assert_eq!(elsewhere.is_alive(), None);
        for text in ["", "a.1", "a.1.2.3", ".1.2", "a.b.2"] {
            assert!(text.parse::<Owner>().is_err(), "{text}");
        }
    }
}
