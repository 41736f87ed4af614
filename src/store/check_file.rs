//! What a check made of its run: `check.json`, which a report shows again.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::open::to_read;

/// What a check made of its run; other runs have none.
pub const CHECK_FILE: &str = "check.json";

/// Version of the file.
const SCHEMA: u32 = 1;
/// Bytes of the file: a check has a few findings of a few kilobytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    schema: u32,
    #[serde(flatten)]
    check: T,
}

/// Stores the outcome of a check in its run's folder, whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn write_check<T: Serialize>(dir: &Path, check: &T) -> Result<(), StoreError> {
    let path = dir.join(CHECK_FILE);
    let hidden = dir.join(format!(".{CHECK_FILE}.new"));
    let write = || {
        let check = Versioned {
            schema: SCHEMA,
            check,
        };
        let mut text = serde_json::to_vec_pretty(&check)?;
        text.push(b'\n');
        let mut file = File::create(&hidden)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&hidden, &path)
    };
    write().map_err(|error: io::Error| {
        // The error that led here is the one to tell.
        let _ = fs::remove_file(&hidden);
        StoreError::write(&path)(error)
    })
}

/// The outcome of a check, as its run's folder holds it; `None` where the run
/// is of another command, or older than the file.
///
/// # Errors
/// The file cannot be read, or buildrace did not write it.
pub fn read_check<T: DeserializeOwned>(dir: &Path) -> Result<Option<T>, StoreError> {
    let path = dir.join(CHECK_FILE);
    let file = match to_read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(StoreError::read(&path))?,
    };
    let mut text = Vec::new();
    let mut bounded = file.take(MAX_FILE + 1);
    bounded
        .read_to_end(&mut text)
        .map_err(StoreError::read(&path))?;
    let malformed = |line: usize, problem: String| StoreError::Malformed {
        path: path.clone(),
        line: line as u64,
        problem,
    };
    if text.len() as u64 > MAX_FILE {
        return Err(malformed(1, format!("more than {MAX_FILE} bytes")));
    }
    let not_json = |error: serde_json::Error| {
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        malformed(error.line(), crate::escape::terminal(text, 300))
    };
    let found: Versioned<serde_json::Value> = serde_json::from_slice(&text).map_err(not_json)?;
    if found.schema > SCHEMA {
        let problem = format!(
            "it has version {} of this file, and this buildrace reads up to {SCHEMA}",
            found.schema
        );
        return Err(malformed(1, problem));
    }
    serde_json::from_value(found.check)
        .map(Some)
        .map_err(not_json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let read = || read_check::<Vec2>(folder.path());
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Vec2 {
            x: i32,
        }
        assert_eq!(read().unwrap(), None);
        write_check(folder.path(), &Vec2 { x: 1 }).unwrap();
        write_check(folder.path(), &Vec2 { x: 2 }).unwrap();
        assert_eq!(read().unwrap(), Some(Vec2 { x: 2 }));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        for (text, problem) in [
            ("{\"schema\": 2, \"x\": 1}", "version 2"),
            ("{\"schema\": 1}", "missing field"),
            ("{\"x\": 1}", "missing field"),
            ("{\"schema\": 1,\n \"x\"", "EOF"),
        ] {
            fs::write(folder.path().join(CHECK_FILE), text).unwrap();
            let error = read().unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
            assert!(error.contains("check.json:"), "{error}");
        }
    }
}
