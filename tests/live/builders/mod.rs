//! Races on builders of every driver, started as a person starts them: what is
//! built, what is said of it, and what is left.

mod ci_cache;
mod drivers;
mod failures;
mod images;
mod instance;
mod kept;
mod native_nodes;
mod neighbours;
mod overlay2;
mod own_container;
mod place;
mod raced;
mod registry;

use std::fs;

use images::builds_the_same_images;
use instance::{Instance, connect, options};
use kept::{Kept, OnEngine, bytes_of};
use place::Place;
use raced::Raced;

/// Whether a process on this machine, in a container or not, has this argument.
pub fn is_running(argument: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut commands =
        processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    commands.any(|words| {
        let mut words = words.split(|byte| *byte == 0);
        words.any(|word| word == argument.as_bytes())
    })
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
