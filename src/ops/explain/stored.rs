//! Explaining a run from its stored traces.

use std::collections::HashMap;
use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::recording::fold;
use crate::escape;
use crate::explain::{Lines, RunExplanation, StoredTrace, explain_run};
use crate::model::{Sample, ScenarioInfo, VariantInfo};
use crate::print::masked;
use crate::report::number;
use crate::scenario::{Project, instructions, read_file};
use crate::store::{self, StoredRun, trace_path};

/// Explains the samples of a stored run that have a trace. `lines` tells the
/// Dockerfiles' lines, where they are known, and `cores` is a number of cores
/// to ask of.
///
/// # Errors
/// A trace is damaged; which, and where in it.
pub fn explained(
    stored: &StoredRun,
    cores: Option<u32>,
    lines: impl Fn(&ScenarioInfo, &VariantInfo) -> Lines,
) -> anyhow::Result<RunExplanation> {
    let mut failed = None;
    let mut cut_off = Vec::new();
    let read = |sample| stored_trace(&stored.dir, sample);
    let read: Vec<_> = stored.run.samples.par_iter().map(read).collect();
    let ids = stored.run.samples.iter().map(|s| s.slot.id.as_str());
    let mut read: HashMap<&str, _> = ids.zip(read).collect();
    let explained = explain_run(&stored.run, cores, lines, |sample| {
        let stored = read.remove(sample.slot.id.as_str()).unwrap_or(Ok(None));
        let stored = stored.unwrap_or_else(|error| {
            failed.get_or_insert(error);
            None
        });
        if stored.as_ref().is_some_and(|stored| stored.cut_off) {
            cut_off.push(sample.slot.id.clone());
        }
        stored
    });
    for sample in cut_off {
        warn_of_cut_trace(&explained, &sample);
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(explained),
    }
}

fn warn_of_cut_trace(explained: &RunExplanation, sample: &str) {
    let told = explained.sample(sample).map(|found| {
        format!(
            " after {} of {}",
            number::seconds(found.explanation.span.as_secs_f64()),
            number::seconds(found.sample.wall.as_secs_f64())
        )
    });
    errln!(
        "warning: the trace of {} is cut off{}: what is said of its steps is incomplete",
        escape::terminal(sample, 128),
        told.unwrap_or_default()
    );
}

fn stored_trace(dir: &Path, sample: &Sample) -> anyhow::Result<Option<StoredTrace>> {
    // A sample that was not built has none.
    if !trace_path(dir, &sample.slot.id)?.exists() {
        return Ok(None);
    }
    let reader = store::read_trace(dir, &sample.slot.id)?;
    let stored = fold(reader)
        .map_err(|error| error.context(format!("the trace of {} is damaged", sample.slot.id)))?;
    Ok(Some(stored))
}

/// The lines of a variant's Dockerfile, if the project still has the one that
/// was built.
pub fn lines_in(project: Option<&Project>, variant: &VariantInfo) -> Lines {
    let text = project.and_then(|project| {
        let bytes = read_file(&project.root().join(&variant.dockerfile)).ok()?;
        let is_same = hex::encode(Sha256::digest(&bytes)) == variant.digest;
        is_same.then(|| String::from_utf8_lossy(&bytes).into_owned())
    });
    text.map_or_else(Lines::default, |text| lines_of(&text))
}

/// The lines of a Dockerfile.
pub fn lines_of(dockerfile: &str) -> Lines {
    let mut lines = Lines::default();
    for place in instructions(dockerfile) {
        // As names of steps were kept.
        let text = masked(&place.text);
        if place.only_stage {
            lines.add(None, place.is_pinned, &text, place.line);
        }
        lines.add(Some(place.stage), place.is_pinned, &text, place.line);
    }
    lines
}
