//! `buildrace push`: puts runs of this machine into a store, as far as they are
//! not there.

use std::path::PathBuf;

use anyhow::{Context, bail};

use crate::bucket::{BucketError, Cache, Sent};
use crate::cli::PushArgs;
use crate::escape;
use crate::ops::Exit;
use crate::ops::explain::run_named;
use crate::ops::results::Results;
use crate::report::number;

/// Sends what the store does not have.
///
/// # Errors
/// There is no such store or run, or it refuses. A run that cannot be sent is told
/// of, and hides no other.
pub async fn run(args: &PushArgs) -> anyhow::Result<Exit> {
    let results = Results::open(&args.results)?;
    let cache = results.cache().with_context(|| {
        format!(
            "{} is a folder: name the store, as --results s3://BUCKET/PREFIX",
            args.results
        )
    })?;
    let named = args
        .runs
        .iter()
        .map(|name| match run_named(name, cache.results()) {
            Some(dir) => Ok(dir),
            None => bail!(
                "no run {name:?}: expected the folder of a run, or the id of one in {}",
                cache.results().display()
            ),
        });
    let named = named.collect::<anyhow::Result<Vec<PathBuf>>>()?;
    let dirs = match args.runs.as_slice() {
        [] => cache.unsent().await?,
        _ => named,
    };
    let mut failed = 0;
    for dir in &dirs {
        let sent = match args.dry_run {
            true => cache.would_push(dir).await,
            false => cache.push(dir).await,
        };
        let run = dir.file_name().unwrap_or_default().to_string_lossy();
        let run = escape::terminal(&run, 200);
        match sent {
            Ok(sent) => outln!("{}", told(&run, sent, args.dry_run)),
            Err(error) => {
                failed += 1;
                errln!("cannot send {run}: {}", text(&error));
            }
        }
    }
    let floors = match args.runs.as_slice() {
        [] => push_floors(cache, args.dry_run).await?,
        _ => 0,
    };
    if dirs.is_empty() && floors == 0 {
        outln!(
            "nothing to send: {} has all runs of this machine",
            args.results
        );
    }
    Ok(match failed {
        0 => Exit::Good,
        _ => Exit::CouldNot,
    })
}

/// Sends noise floors, and tells of how many null races they are.
async fn push_floors(cache: &Cache, dry_run: bool) -> anyhow::Result<usize> {
    let (floors, done) = match dry_run {
        true => (cache.unsent_calibrations().await?.len(), "would send"),
        false => (cache.push_calibrations().await?, "sent"),
    };
    match floors {
        0 => {}
        1 => outln!("{done} the noise floor of 1 null race"),
        many => outln!("{done} the noise floors of {many} null races"),
    }
    Ok(floors)
}

fn told(run: &str, sent: Sent, dry_run: bool) -> String {
    let done = if dry_run { "would send" } else { "sent" };
    match sent {
        Sent::AlreadyThere => format!("{run} is there already"),
        Sent::Files(1, bytes) => format!("{done} {run} (1 file, {})", number::bytes(bytes)),
        Sent::Files(files, bytes) => {
            format!("{done} {run} ({files} files, {})", number::bytes(bytes))
        }
    }
}

fn text(error: &BucketError) -> String {
    escape::terminal(&error.to_string(), 1000)
}
