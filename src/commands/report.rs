//! `buildrace report`: the summary and the files of a report, made when a run
//! ends and again from its stored results.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::files::write_whole;
use super::race::Raced;
use super::{Exit, explain, formats};
use crate::cli::{OutputArgs, RaceArgs, ReportArgs};
use crate::explain::{Lines, RunExplanation};
use crate::report::explain::{Subject, waterfall};
use crate::report::{self, CheckView, View};
use crate::store::{self, StoredRun};

/// Folder of a report with a picture of each sample.
const WATERFALLS: &str = "waterfalls";

/// Writes the reports of stored runs again.
pub fn run(args: &ReportArgs) -> anyhow::Result<Exit> {
    let dirs = if args.runs.is_empty() {
        vec![explain::newest_run(&args.results)?]
    } else {
        let dirs = args.runs.iter().map(|name| {
            // Reading says what is wrong with one that is not there.
            explain::run_named(name, &args.results).unwrap_or_else(|| args.results.join(name))
        });
        dirs.collect()
    };
    for dir in dirs {
        let run = store::read_run(&dir)?;
        let explained = explain(&run)?;
        let folder = write(&args.reports, &run, &explained)?;
        summary(&run, &explained, &args.output)?;
        let view = view(&run, &explained);
        formats::write(&args.output.format, &view, None)?;
        tell!("report: {}", folder.display());
    }
    Ok(Exit::Good)
}

/// Explains a run for its report. Lines of Dockerfiles are left out: a
/// report says what its results say, whatever the project holds today.
pub fn explain(run: &StoredRun) -> anyhow::Result<RunExplanation> {
    explain::explained(run, None, |_, _| Lines::default())
}

/// A stored run as reports show it.
fn view(run: &StoredRun, explained: &RunExplanation) -> View {
    View::new(&run.record, &run.samples, explained).told(&run.resumed, &run.warnings)
}

/// The files of a run's report: their names within it, and what they hold.
pub fn files(run: &StoredRun, explained: &RunExplanation) -> Vec<(String, String)> {
    let view = view(run, explained);
    let mut files = vec![
        ("summary.md".to_owned(), report::markdown(&view)),
        ("headline.svg".to_owned(), report::svg(&view)),
    ];
    files.extend(explained.samples.iter().map(|found| {
        let subject = Subject::of_sample(&found.sample);
        let name = format!("{WATERFALLS}/{}.svg", found.sample.id);
        (name, waterfall(&subject, &found.explanation))
    }));
    files
}

/// Prints a run's summary.
///
/// It goes to stderr where stdout is for another program.
pub(super) fn summary(
    run: &StoredRun,
    explained: &RunExplanation,
    output: &OutputArgs,
) -> anyhow::Result<()> {
    let view = view(run, explained);
    let summary = report::terminal(&view, super::terminal_width(), super::is_coloured());
    if formats::use_stdout(&output.format) {
        tell!("{summary}");
    } else {
        out!("{summary}");
    }
    Ok(())
}

/// Shows what came of a check, and writes the formats that were asked for.
pub(super) fn ended(
    check: &CheckView,
    raced: Option<&Raced>,
    args: &RaceArgs,
) -> anyhow::Result<()> {
    let text = report::check_on_terminal(check, super::terminal_width(), super::is_coloured());
    if formats::use_stdout(&args.output.format) {
        tell!("{}", text.trim_end());
    } else {
        out!("{}", text.trim_end());
    }
    let view = match raced {
        Some(raced) => self::view(&raced.stored, &raced.explained),
        None => View::of_nothing(jiff::Timestamp::now(), env!("CARGO_PKG_VERSION")),
    };
    formats::write(&args.output.format, &view, Some(check))
}

/// Writes the formats of a race that were asked for.
pub(super) fn write_formats(raced: &Raced, args: &RaceArgs) -> anyhow::Result<()> {
    let view = view(&raced.stored, &raced.explained);
    formats::write(&args.output.format, &view, None)
}

/// Writes a run's report below `reports`, and returns its folder.
pub(super) fn write(
    reports: &Path,
    run: &StoredRun,
    explained: &RunExplanation,
) -> anyhow::Result<PathBuf> {
    let folder = reports.join(&run.record.run);
    let waterfalls = folder.join(WATERFALLS);
    std::fs::create_dir_all(&waterfalls)
        .with_context(|| format!("cannot make the report's folder {}", waterfalls.display()))?;
    for (name, text) in files(run, explained) {
        let file = folder.join(name);
        write_whole(&file, &text)?;
    }
    Ok(folder)
}
