//! `buildrace report`: the report of a stored run, made again.

use crate::cli::ReportArgs;
use crate::ops::explain::{newest_run, run_named};
use crate::ops::report::{explain, print_check, summary, write};
use crate::ops::results::Results;
use crate::ops::{Exit, formats};
use crate::report::{CheckView, View};
use crate::store;

/// Writes the reports of stored runs again.
///
/// # Errors
/// There is no such run, or it cannot be read.
pub async fn run(args: &ReportArgs) -> anyhow::Result<Exit> {
    let results = Results::open(&args.results)?;
    let folder = &args.results.folder;
    let names = args.runs.iter().map(|name| Some(name.as_str()));
    let names: Vec<Option<&str>> = match args.runs.as_slice() {
        [] => vec![None],
        _ => names.collect(),
    };
    let mut dirs = Vec::new();
    for name in names {
        dirs.push(match results.bring(name).await? {
            None => newest_run(folder)?,
            // Reading says what is wrong with one that is not there.
            Some(name) => run_named(&name, folder).unwrap_or_else(|| folder.join(name)),
        });
    }
    for dir in dirs {
        let stored = store::read_run(&dir)?;
        let explained = explain(&stored)?;
        // As `check` showed it; other commands judge nothing.
        let check: Option<CheckView> = store::read_check(&dir)?;
        let address = args.output.report_url.as_ref();
        let view = View {
            page: address.and_then(|address| address.of_run(&stored.run.record.run)),
            ..View::new(&stored.run, &explained)
        };
        let page = write(&args.reports, &stored, &view, &explained)?;
        summary(&view, &args.output.format)?;
        if let Some(check) = &check {
            print_check(check, &args.output.format)?;
        }
        formats::write(&args.output.format, &view, check.as_ref())?;
        errln!("report: {}", page.display());
    }
    Ok(Exit::Good)
}
