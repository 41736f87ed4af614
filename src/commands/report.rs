//! `buildrace report`: the report of a stored run, made again.

use crate::cli::ReportArgs;
use crate::ops::explain::{newest_run, run_named};
use crate::ops::report::{explain, print_check, summary, write};
use crate::ops::{Exit, formats};
use crate::report::{CheckView, View};
use crate::store;

/// Writes the reports of stored runs again.
pub fn run(args: &ReportArgs) -> anyhow::Result<Exit> {
    let dirs = if args.runs.is_empty() {
        vec![newest_run(&args.results)?]
    } else {
        let dirs = args.runs.iter().map(|name| {
            // Reading says what is wrong with one that is not there.
            run_named(name, &args.results).unwrap_or_else(|| args.results.join(name))
        });
        dirs.collect()
    };
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
