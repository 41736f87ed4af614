//! A run's folder on this machine, as far as it is sent.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::entry::is_file_of_run;
use super::{BucketError, Entry, EntryFile};
use crate::store::{CHECK_FILE, EVENTS_FILE, RUN_FILE, SAMPLES_FILE, TRACES_DIR};

/// The files of a run that there are, by name, with their sizes. What else lies
/// in the folder is not the run's; links are not followed.
pub(super) fn files(dir: &Path) -> Result<Vec<(String, u64)>, BucketError> {
    let mut found = Vec::new();
    let names = [RUN_FILE, EVENTS_FILE, SAMPLES_FILE, CHECK_FILE].map(str::to_owned);
    let traces = match fs::read_dir(dir.join(TRACES_DIR)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        entries => Some(entries.map_err(BucketError::local(dir))?),
    };
    let traces = traces.into_iter().flatten().flatten().filter_map(|entry| {
        let name = format!("{TRACES_DIR}/{}", entry.file_name().to_str()?);
        is_file_of_run(&name).then_some(name)
    });
    for name in names.into_iter().chain(traces) {
        match fs::symlink_metadata(dir.join(&name)) {
            Ok(about) if about.is_file() => found.push((name, about.len())),
            _ => {}
        }
    }
    found.sort();
    Ok(found)
}

/// The same, with their digests.
pub(super) fn digested(dir: &Path) -> Result<Vec<EntryFile>, BucketError> {
    let files = files(dir)?.into_iter();
    let digested = files.map(|(name, _)| {
        let path = dir.join(&name);
        let (bytes, sha256) = digest(&path).map_err(BucketError::local(&path))?;
        Ok(EntryFile {
            name,
            bytes,
            sha256,
        })
    });
    digested.collect()
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hashed = Sha256::new();
    let mut piece = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((bytes, hex::encode(hashed.finalize())));
        }
        bytes += read as u64;
        hashed.update(&piece[..read]);
    }
}

/// What a run's folder on this machine is to the run of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// There is none.
    Nothing,
    /// All of the run.
    Whole,
    /// Some of its files, and none of others.
    Part,
    /// Something that the store has not.
    More,
}

/// Holds a folder against an entry, by names and sizes.
pub(super) fn held(dir: &Path, entry: &Entry) -> Result<Held, BucketError> {
    if !dir.join(RUN_FILE).is_file() {
        return Ok(Held::Nothing);
    }
    let files = files(dir)?;
    let is_there =
        |(name, bytes): &(String, u64)| entry.file(name).is_some_and(|file| file.bytes == *bytes);
    Ok(match files.iter().all(is_there) {
        false => Held::More,
        true if files.len() == entry.files.len() => Held::Whole,
        true => Held::Part,
    })
}
