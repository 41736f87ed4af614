//! A site of stored runs as files.

use std::path::{Path, PathBuf};

use anyhow::Context;
use rayon::prelude::*;

use super::explain::explained;
use super::files::write_whole;
use super::report;
use crate::explain::{Lines, RunExplanation};
use crate::report::chart::Theme;
use crate::report::runs::{MachineClass, Measured, MovedStep, SeriesName, history};
use crate::report::site::{self, RunLine, Site};
use crate::report::{CheckView, View};
use crate::store::{self, StoredRun};

/// Reads the runs in folders, without their traces.
pub fn read(folders: &[PathBuf]) -> Site {
    let lines = store::read_runs(folders, |stored| {
        let view = View {
            check: check_of(&stored.dir),
            ..View::new(&stored.run, &RunExplanation::default())
        };
        let line = RunLine::new(&view, MachineClass::of(&stored.run.record));
        (line, Measured::of(&stored.run))
    });
    let mut site = Site::default();
    let mut measured = Vec::new();
    for (folder, line) in folders.iter().zip(lines) {
        match line {
            Ok((line, of)) => {
                site.runs.push(line);
                measured.push(of);
            }
            Err(error) => site.unreadable.push((name(folder), error.to_string())),
        }
    }
    site.runs
        .sort_by(|a, b| (b.started, &b.run).cmp(&(a.started, &a.run)));
    site.series = history(measured);
    site
}

/// Finds the step that moved most at each change, from the traces of the runs
/// before and after. Where they have none, or damaged ones, the change stays
/// without.
pub fn explain_changes(site: &mut Site, folders: &[PathBuf]) {
    let folder = |run: &str| folders.iter().find(|folder| name(folder) == run);
    for series in &mut site.series {
        let of = series.name.clone();
        for change in &mut series.changes {
            let explained = [&change.from, &change.to].map(|run| {
                let stored = store::read_run(folder(run)?).ok()?;
                explain_kind(&stored, &of)
            });
            let [before, after] = explained.each_ref().map(|found| {
                let found = found
                    .as_ref()?
                    .typical(&of.scenario, &of.variant, of.kind)?;
                Some(&found.explanation)
            });
            change.step = before
                .zip(after)
                .and_then(|(before, after)| MovedStep::between(before, after));
        }
    }
}

/// The builds of one kind of a variant, explained.
fn explain_kind(stored: &StoredRun, name: &SeriesName) -> Option<RunExplanation> {
    let mut wanted = stored.clone();
    wanted.run.samples.retain(|sample| {
        let slot = &sample.slot;
        slot.scenario == name.scenario && slot.variant == name.variant && slot.kind == name.kind
    });
    explained(&wanted, None, |_, _| Lines::default()).ok()
}

/// Writes a site into a folder: the index, a page for each scenario, the feed, and
/// the report of each run. Returns the runs that have no page, since their traces
/// are damaged, and why.
///
/// # Errors
/// A file cannot be written.
pub fn write(
    site: &Site,
    folders: &[PathBuf],
    output: &Path,
) -> anyhow::Result<Vec<(String, String)>> {
    std::fs::create_dir_all(output.join("scenarios"))
        .with_context(|| format!("cannot make the folder {}", output.display()))?;
    let reports = folders.par_iter().map(|folder| {
        // What cannot be read is on the index.
        let Ok(stored) = store::read_run(folder) else {
            return Ok(None);
        };
        let explained = match report::explain(&stored) {
            Ok(explained) => explained,
            Err(error) => return Ok(Some((name(folder), format!("{error:#}")))),
        };
        let view = View {
            check: check_of(folder),
            ..View::new(&stored.run, &explained)
        };
        report::write(output, &stored, &view, &explained).map(|_| None)
    });
    let without = reports.collect::<anyhow::Result<Vec<_>>>()?;
    for (name, text) in files(site) {
        write_whole(&output.join(name), &text)?;
    }
    Ok(without.into_iter().flatten().collect())
}

/// The files of a site beside its runs' reports: their names within it, and what
/// they hold.
pub fn files(site: &Site) -> Vec<(String, String)> {
    let scenarios = site.scenarios().into_iter();
    let mut files: Vec<(String, String)> = scenarios
        .flat_map(|name| {
            let page = (site.scenario_file(name), site::scenario(site, name));
            std::iter::once(page).chain(growth(site, name))
        })
        .collect();
    files.push(("changes.xml".to_owned(), site::feed(site)));
    files.push(("index.html".to_owned(), site::index(site)));
    files
}

/// What a scenario's platforms cost as a picture beside its page, on both grounds; of several
/// classes of machines, on that of the newest run.
fn growth(site: &Site, scenario: &str) -> Vec<(String, String)> {
    let page = site.scenario_file(scenario);
    let page = page.trim_end_matches(".html");
    let charts = Theme::ALL.into_iter().filter_map(|theme| {
        let chart = site::growths(site, scenario, theme).into_iter().next()?;
        Some((theme.file(&format!("{page}-growth")), chart))
    });
    charts.collect()
}

/// What a check made of a run. One that cannot be read leaves the run readable.
fn check_of(folder: &Path) -> Option<CheckView> {
    store::read_check(folder).ok().flatten()
}

/// A folder's own name: the run's id.
fn name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
